// Pooling of one block of queries over one chunk of keys. Lanes are queries; keys and values are broadcast as they lie
// in memory. A lane's arithmetic is the same sequence whatever its position, the register width or the variant chosen
// below, so the variants (registers per group R, in_range, V = 1 fused or not) differ in speed only.

// (hi, lo) += x, exact in the sum of both (Knuth's two-sum).
template <class T>
inline void add_to_total(T* hi, T* lo, Lanes<T> x) {
  const Lanes<T> h = load_lanes(hi), s = h + x, b = s - h;
  store_lanes(lo, load_lanes(lo) + ((h - (s - b)) + (x - b)));
  store_lanes(hi, s);
}

// Squared distances in units of the exponent from K keys to R registers of queries: e[k][r]. D > 0 fixes the dimension
// at compile time.
template <int D, DistanceForm F, int K, int R, class T>
inline void squared_distances(const BlockTask<T>& task, std::size_t key, const T* queries, Lanes<T> (&e)[K][R]) {
  constexpr std::size_t N = Lanes<T>::size;
  const std::size_t dims = D > 0 ? D : task.dims;
  const T* keys = task.keys + key * dims;
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int k = 0; k < K; ++k) {
      e[k][r] = Lanes<T>(T(0));
      if constexpr (F == DistanceForm::product)
        e[k][r] = load_lanes(queries + dims * query_block + r * N) + Lanes<T>(task.key_norms[key + k]);
    }
#pragma GCC unroll 4  // 3 % at D = 64
  for (std::size_t d = 0; d < dims; ++d) {
    Lanes<T> q[R];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) q[r] = load_lanes(queries + d * query_block + r * N);
#pragma GCC unroll 8
    for (int k = 0; k < K; ++k) {
      const Lanes<T> x(keys[k * dims + d]);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        if constexpr (F == DistanceForm::product) {
          e[k][r] = fma(q[r], x, e[k][r]);
        } else {
          Lanes<T> delta = q[r] - x;
          if constexpr (F == DistanceForm::raw) delta = delta * Lanes<T>(task.scale[d]);
          e[k][r] = fma(delta, delta, e[k][r]);
        }
      }
    }
  }
}

// The difference of one-dimensional coordinates in units of the engine. Bounded says that it cannot reach `farthest`, else it
// is clamped there.
template <DistanceForm F, bool Bounded, class T>
inline Lanes<T> difference_1d(const BlockTask<T>& task, T key, const T* queries, T farthest) {
  Lanes<T> delta = load_lanes(queries) - Lanes<T>(key);
  if constexpr (F == DistanceForm::raw) delta = delta * Lanes<T>(task.scale[0]);
  if constexpr (!Bounded) delta = max(min(delta, Lanes<T>(farthest)), Lanes<T>(-farthest));
  return delta;
}

// The product over dimensions of one-dimensional weights.
template <DistanceForm F, class P, int K, int R, class T>
inline void products_of_weights(const P& profile, const BlockTask<T>& task, std::size_t key, const T* queries,
                                Lanes<T> (&w)[K][R]) {
  for (int k = 0; k < K; ++k)
    for (int r = 0; r < R; ++r) {
      w[k][r] = Lanes<T>(T(1));
      for (std::size_t d = 0; d < task.dims; ++d) {
        Lanes<T> delta =
            load_lanes(queries + d * query_block + r * Lanes<T>::size) - Lanes<T>(task.keys[(key + k) * task.dims + d]);
        if constexpr (F == DistanceForm::raw) delta = delta * Lanes<T>(task.scale[d]);
        w[k][r] = w[k][r] * profile.of_square(delta * delta);
      }
    }
}

// Weights of K keys for R registers of queries; with Decline, what stands for them in derivatives.
template <int D, DistanceForm F, bool Bounded, bool Decline, class P, int K, int R, class T>
inline void weights_of(const P& profile, const BlockTask<T>& task, std::size_t key, const T* queries,
                       Lanes<T> (&w)[K][R]) {
  if constexpr (D == 1) {
#pragma GCC unroll 8
    for (int k = 0; k < K; ++k)
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const Lanes<T> delta =
            difference_1d<F, Bounded>(task, task.keys[key + k], queries + r * Lanes<T>::size, P::farthest);
        w[k][r] = Decline ? profile.decline(delta * delta) : profile.of_difference(delta);
      }
  } else {
    if constexpr (!P::is_gaussian && F != DistanceForm::product) {
      if (task.product) return products_of_weights<F>(profile, task, key, queries, w);
    }
    squared_distances<D, F, K, R>(task, key, queries, w);
#pragma GCC unroll 8
    for (int k = 0; k < K; ++k)
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) w[k][r] = Decline ? profile.decline(w[k][r]) : profile.of_square(w[k][r]);
  }
}

// Calls use(w, j) with the weights w[K][R] of keys key + j .. key + j + K - 1 for all count keys, K = 1 at the end. In
// many dimensions a register of queries is loaded once for several keys.
template <int D, DistanceForm F, bool Bounded, bool Decline, int R, class P, class T, class Use>
inline void for_each_weight(const P& profile, const BlockTask<T>& task, std::size_t key, std::size_t count,
                            const T* queries, Use use) {
  constexpr int K = D == 0 ? tile_of_keys : 1;
  std::size_t j = 0;
  for (; j + K <= count; j += K) {
    Lanes<T> w[K][R];
    weights_of<D, F, Bounded, Decline>(profile, task, key + j, queries, w);
    use(w, j);
  }
  for (; K > 1 && j < count; ++j) {
    Lanes<T> w[1][R];
    weights_of<D, F, Bounded, Decline>(profile, task, key + j, queries, w);
    use(w, j);
  }
}

// One column: sums of w and w * value in registers, nothing stored per pair.
template <int D, DistanceForm F, bool Bounded, int R, class P, class T>
inline void fused_tile(const P& profile, const BlockTask<T>& task, std::size_t key, std::size_t count, const T* queries,
                       T* sums) {
  constexpr std::size_t N = Lanes<T>::size;
  Lanes<T> weight[R], weighted[R];
  for (int r = 0; r < R; ++r) weight[r] = weighted[r] = Lanes<T>(T(0));
  for_each_weight<D, F, Bounded, false, R>(
      profile, task, key, count, queries, [&]<int K>(Lanes<T>(&w)[K][R], std::size_t j) {
#pragma GCC unroll 8
        for (int k = 0; k < K; ++k)
#pragma GCC unroll 8
          for (int r = 0; r < R; ++r) {
            weight[r] = weight[r] + w[k][r];
            weighted[r] = fma(w[k][r], Lanes<T>(task.values[key + j + k]), weighted[r]);
          }
      });
  for (int r = 0; r < R; ++r) {
    add_to_total(sums + r * N, sums + query_block + r * N, weight[r]);
    add_to_total(sums + 2 * query_block + r * N, sums + 3 * query_block + r * N, weighted[r]);
  }
}

// Makes weights of a tile of squared distances by the caller's function.
template <int R, class T>
inline void weigh_by_function(const BlockTask<T>& task, std::size_t count, T* tile, Lanes<T> (&total)[R]) {
  constexpr std::size_t N = Lanes<T>::size;
  task.custom(task.context, tile, count * R * N);
  for (int r = 0; r < R; ++r) {
    total[r] = Lanes<T>(T(0));
    for (std::size_t j = 0; j < count; ++j) total[r] = total[r] + load_lanes(tile + (j * R + r) * N);
  }
}

// The weights of a tile, stored: tile[key][R * N], and their sums.
template <int D, DistanceForm F, bool Bounded, bool Decline, int R, class P, class T>
inline void store_tile(const P& profile, const BlockTask<T>& task, std::size_t key, std::size_t count, const T* queries,
                       T* tile, Lanes<T> (&total)[R]) {
  for (int r = 0; r < R; ++r) total[r] = Lanes<T>(T(0));
  for_each_weight<D, F, Bounded, Decline, R>(profile, task, key, count, queries,
                                             [&]<int K>(Lanes<T>(&w)[K][R], std::size_t j) {
#pragma GCC unroll 8
                                               for (int k = 0; k < K; ++k)
#pragma GCC unroll 8
                                                 for (int r = 0; r < R; ++r) {
                                                   store_lanes(tile + ((j + k) * R + r) * Lanes<T>::size, w[k][r]);
                                                   total[r] = total[r] + w[k][r];
                                                 }
                                             });
  if constexpr (P::is_custom) weigh_by_function(task, count, tile, total);
}

// Sums of tile[key] * values[key, c .. c + C) over a tile, C columns in registers.
template <int C, int R, class T>
inline void accumulate_columns(const BlockTask<T>& task, std::size_t key, std::size_t count, std::size_t c,
                               const T* tile, T* sums) {
  constexpr std::size_t N = Lanes<T>::size;
  Lanes<T> total[C][R];
  for (int i = 0; i < C; ++i)
    for (int r = 0; r < R; ++r) total[i][r] = Lanes<T>(T(0));
  const T* value = task.values + key * task.cols + c;
  for (std::size_t j = 0; j < count; ++j, value += task.cols) {
    Lanes<T> w[R];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) w[r] = load_lanes(tile + (j * R + r) * N);
#pragma GCC unroll 8
    for (int i = 0; i < C; ++i) {
      const Lanes<T> v(value[i]);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) total[i][r] = fma(w[r], v, total[i][r]);
    }
  }
  for (int i = 0; i < C; ++i)
    for (int r = 0; r < R; ++r) {
      T* hi = sums + (1 + c + i) * 2 * query_block + r * N;
      add_to_total(hi, hi + query_block, total[i][r]);
    }
}

// accumulate_columns for `width` columns, 1 to C.
template <int C, int R, class T>
inline void accumulate_pass(const BlockTask<T>& task, std::size_t key, std::size_t count, std::size_t c,
                            std::size_t width, const T* tile, T* sums) {
  if constexpr (C > 1) {
    if (width < C) return accumulate_pass<C - 1, R>(task, key, count, c, width, tile, sums);
  }
  accumulate_columns<C, R>(task, key, count, c, tile, sums);
}

// sums[0] += total, the sum of tile; sums[1 + c] += sum of tile * values[:, c].
template <int R, class T>
inline void accumulate_tile(const BlockTask<T>& task, std::size_t key, std::size_t count, const T* tile,
                            const Lanes<T> (&total)[R], T* sums) {
  constexpr std::size_t N = Lanes<T>::size;
  for (int r = 0; r < R; ++r) add_to_total(sums + r * N, sums + query_block + r * N, total[r]);
  // As few passes over the tile as registers allow, and as even: 7 columns as 3 + 4 take 5 % less than as 6 + 1, where
  // the last waits for its own sums.
  const std::size_t passes = (task.cols + tile_of_columns - 1) / tile_of_columns;
  for (std::size_t p = 0, c = 0; p < passes; ++p) {
    const std::size_t end = task.cols * (p + 1) / passes;
    accumulate_pass<tile_of_columns, R>(task, key, count, c, end - c, tile, sums);
    c = end;
  }
}

// Which keys of a tile the lanes of a group see.
enum class Seen { none, some, all };

template <class T>
struct Visibility {  // bounds over the lanes of a group
  T first_begin, last_begin, first_end, last_end, first_excluded, last_excluded;

  Visibility(const T* visible, std::size_t lanes) {
    const T *begin = visible, *end = visible + query_block, *excluded = visible + 2 * query_block;
    first_begin = last_begin = begin[0];
    first_end = last_end = end[0];
    first_excluded = last_excluded = excluded[0];
    for (std::size_t i = 1; i < lanes; ++i) {
      if (begin[i] < first_begin) first_begin = begin[i];
      if (begin[i] > last_begin) last_begin = begin[i];
      if (end[i] < first_end) first_end = end[i];
      if (end[i] > last_end) last_end = end[i];
      if (excluded[i] < first_excluded) first_excluded = excluded[i];
      if (excluded[i] > last_excluded) last_excluded = excluded[i];
    }
  }
  Seen tile(std::size_t key, std::size_t count) const {
    const T first = T(key), end = T(key + count);
    if (end <= first_begin || first >= last_end) return Seen::none;
    if (first >= last_begin && end <= first_end && (last_excluded < first || first_excluded >= end)) return Seen::all;
    return Seen::some;
  }
};

// Weights of keys that are not seen become 0; total is the sum of those that are left.
template <int R, class T>
inline void hide(const T* visible, std::size_t key, std::size_t count, T* tile, Lanes<T> (&total)[R]) {
  constexpr std::size_t N = Lanes<T>::size;
  const Lanes<T> zero(T(0));
  for (int r = 0; r < R; ++r) {
    total[r] = zero;
    const Lanes<T> begin = load_lanes(visible + r * N), end = load_lanes(visible + query_block + r * N),
                   excluded = load_lanes(visible + 2 * query_block + r * N);
    for (std::size_t j = 0; j < count; ++j) {
      T* p = tile + (j * R + r) * N;
      const Lanes<T> k(T(key + j)), w = load_lanes(p);
      const Lanes<T> inside = if_less<T>(k, begin, zero, if_less<T>(k, end, w, zero));
      const Lanes<T> left = if_less<T>(k, excluded, inside, if_less<T>(excluded, k, inside, zero));
      store_lanes(p, left);
      total[r] = total[r] + left;
    }
  }
}

// R registers of queries starting at lane `lane`, all keys of the chunk.
template <int D, DistanceForm F, bool Bounded, int R, class P, class T>
inline void pool_group(const P& profile, const BlockTask<T>& task, std::size_t lane) {
  const T* queries = task.queries + lane;
  T* sums = task.sums + lane;
  const T* visible = task.visible ? task.visible + lane : nullptr;
  const bool fused = task.cols == 1 && !P::is_custom;
  // Without ranges the bounds are never used.
  alignas(64) const T everything[3 * query_block] = {};
  const Visibility<T> bounds(visible ? visible : everything, visible ? R * Lanes<T>::size : 1);
  for (std::size_t key = 0; key < task.key_count; key += tile_keys) {
    const std::size_t count = task.key_count - key < tile_keys ? task.key_count - key : tile_keys;
    const Seen seen = visible ? bounds.tile(key, count) : Seen::all;
    if (seen == Seen::none) continue;
    if (fused && seen == Seen::all) {
      if constexpr (!P::is_custom) fused_tile<D, F, Bounded, R>(profile, task, key, count, queries, sums);
    } else {
      Lanes<T> total[R];
      store_tile<D, F, Bounded, false, R>(profile, task, key, count, queries, task.tile, total);
      if (seen == Seen::some) hide<R>(visible, key, count, task.tile, total);
      accumulate_tile<R>(task, key, count, task.tile, total, sums);
    }
  }
}

template <int D, DistanceForm F, bool Bounded, int R, class P, class T>
inline void pool_groups(const P& profile, const BlockTask<T>& task) {
  constexpr std::size_t N = Lanes<T>::size;
  std::size_t lane = 0;
  for (; lane + R * N <= task.lane_count; lane += R * N) pool_group<D, F, Bounded, R>(profile, task, lane);
  for (; lane < task.lane_count; lane += N) pool_group<D, F, Bounded, 1>(profile, task, lane);
}

// The Gaussian kernel has routines for dimensions two and three; under the others only one dimension with few columns has one of
// its own, and differences never need the clamp (see BlockKeys), or the objects would take minutes to compile.
template <DistanceForm F, class P, class T>
inline void pool_dims(const P& profile, const BlockTask<T>& task) {
  if constexpr (P::is_gaussian) {
    if (task.dims == 2) return pool_groups<2, F, false, 2>(profile, task);
    if (task.dims == 3) return pool_groups<3, F, false, 2>(profile, task);
    // Beyond 3 columns the sums of 4 registers of queries would not stay in registers.
    if (task.dims == 1 && task.cols > 3)
      return task.in_range ? pool_groups<1, F, true, 2>(profile, task) : pool_groups<1, F, false, 2>(profile, task);
    if (task.dims == 1)
      return task.in_range ? pool_groups<1, F, true, narrow_registers>(profile, task)
                           : pool_groups<1, F, false, narrow_registers>(profile, task);
  } else {
    if (task.dims == 1 && task.cols <= 3) return pool_groups<1, F, true, narrow_registers>(profile, task);
  }
  pool_groups<0, F, false, 2>(profile, task);
}

template <class T>
inline void clear_sums(const BlockTask<T>& task, std::size_t sum_count) {
  for (std::size_t i = 0; i < sum_count * 2 * query_block; ++i) task.sums[i] = 0;
}

template <template <class> class Profile, class T>
void pool(const BlockTask<T>& task) noexcept {
  using P = Profile<T>;
  const P profile(task);
  clear_sums(task, 1 + task.cols);
  if (task.form == DistanceForm::scaled) return pool_dims<DistanceForm::scaled>(profile, task);
  if (task.form == DistanceForm::raw) return pool_dims<DistanceForm::raw>(profile, task);
  if constexpr (P::is_gaussian) pool_groups<0, DistanceForm::product, false, 2>(profile, task);
}
