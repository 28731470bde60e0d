// Pool's sums and those of weights times moments of delta (see Moments), behind the derivatives in w and in the query.
// With one value column and one moment per dimension of one or two all sums stay in registers (D = 1: 4 operations a pair more
// than pool, which has 13; D = 2: 12 more); otherwise the tile of weights is multiplied by the moments, recomputed, and summed
// like weights. The arithmetic of a lane is the same either way.

template <bool First, DistanceForm F, bool Bounded, int R, class T>
inline void fused_moment_tile(const BlockTask<T>& task, std::size_t key, std::size_t count, const T* queries, T* sums) {
  constexpr std::size_t N = Lanes<T>::size;
  Lanes<T> s[4][R];  // w, w v, w m, w m v; m is delta or delta^2
  for (auto& row : s)
    for (auto& x : row) x = Lanes<T>(T(0));
  for (std::size_t j = key; j < key + count; ++j) {
    const Lanes<T> v(task.values[j]);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const Lanes<T> delta = difference_1d<F, Bounded>(task, task.keys[j], queries + r * N);
      const Lanes<T> w = gaussian_1d<T>(delta), u = w * (First ? delta : delta * delta);
      s[0][r] = s[0][r] + w;
      s[1][r] = fma(w, v, s[1][r]);
      s[2][r] = s[2][r] + u;
      s[3][r] = fma(u, v, s[3][r]);
    }
  }
  for (int i = 0; i < 4; ++i)
    for (int r = 0; r < R; ++r) {
      T* hi = sums + i * 2 * query_block + r * N;
      add_to_total(hi, hi + query_block, s[i][r]);
    }
}

template <bool First, DistanceForm F, int R, class T>
inline void fused_moment_tile_2d(const BlockTask<T>& task, std::size_t key, std::size_t count, const T* queries,
                                 T* sums) {
  constexpr std::size_t N = Lanes<T>::size;
  const Lanes<T> most(largest_exponent<T>), least(-largest_exponent<T>);
  Lanes<T> s[6][R];  // w, w v, and for each dimension w m, w m v
  for (auto& row : s)
    for (auto& x : row) x = Lanes<T>(T(0));
  for (std::size_t j = key; j < key + count; ++j) {
    const Lanes<T> v(task.values[j]);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      Lanes<T> delta[2], e(T(0));
#pragma GCC unroll 2
      for (int d = 0; d < 2; ++d) {
        delta[d] = load_lanes(queries + d * query_block + r * N) - Lanes<T>(task.keys[2 * j + d]);
        if constexpr (F == DistanceForm::raw) delta[d] = delta[d] * Lanes<T>(task.scale[d]);
        e = fma(delta[d], delta[d], e);
      }
      const Lanes<T> w = exp2_of_minus<T>(min(e, most));
      s[0][r] = s[0][r] + w;
      s[1][r] = fma(w, v, s[1][r]);
#pragma GCC unroll 2
      for (int d = 0; d < 2; ++d) {
        const Lanes<T> m = First ? max(min(delta[d], most), least) : min(delta[d] * delta[d], most), u = w * m;
        s[2 + 2 * d][r] = s[2 + 2 * d][r] + u;
        s[3 + 2 * d][r] = fma(u, v, s[3 + 2 * d][r]);
      }
    }
  }
  for (int i = 0; i < 6; ++i)
    for (int r = 0; r < R; ++r) {
      T* hi = sums + i * 2 * query_block + r * N;
      add_to_total(hi, hi + query_block, s[i][r]);
    }
}

// product[key] = weight[key] * moment p; and the sums of product.
template <int D, DistanceForm F, bool Bounded, int R, class T>
inline void times_moment(const BlockTask<T>& task, std::size_t key, std::size_t count, const T* queries,
                         Moments moments, std::size_t p, const T* weight, T* product, Lanes<T> (&total)[R]) {
  constexpr std::size_t N = Lanes<T>::size;
  const bool first = is_first(moments, p);
  const std::size_t d = dimension_of(moments, p);
  const Lanes<T> most(largest_exponent<T>), least(-largest_exponent<T>), zero(T(0));
  for (int r = 0; r < R; ++r) total[r] = zero;
  for (std::size_t j = 0; j < count; ++j) {
    const T* k = task.keys + (key + j) * task.dims;
    Lanes<T> e[1][R];
    if constexpr (D == 1) {  // clamped as where everything stays in registers
      for (int r = 0; r < R; ++r) {
        const Lanes<T> delta = difference_1d<F, Bounded>(task, k[0], queries + r * N);
        e[0][r] = first ? delta : delta * delta;
      }
    } else if (moments == Moments::scalar) {
      squared_distances<0, F>(task, key + j, queries, e);
    } else {
      for (int r = 0; r < R; ++r) {
        Lanes<T> delta = load_lanes(queries + d * query_block + r * N) - Lanes<T>(k[d]);
        if constexpr (F == DistanceForm::raw) delta = delta * Lanes<T>(task.scale[d]);
        e[0][r] = first ? delta : delta * delta;
      }
    }
    for (int r = 0; r < R; ++r) {
      const std::size_t i = (j * R + r) * N;
      // A weight of 0 (hidden, or beyond all range) beside an infinite distance must give 0, not NaN.
      const Lanes<T> w = load_lanes(weight + i);
      Lanes<T> moment = min(e[0][r], most);
      if (first) moment = max(moment, least);
      const Lanes<T> x = if_less<T>(zero, w, w * moment, zero);
      store_lanes(product + i, x);
      total[r] = total[r] + x;
    }
  }
}

template <int D, DistanceForm F, bool Bounded, int R, class T>
inline void moment_group(const BlockTask<T>& task, Moments moments, std::size_t lane) {
  const T* queries = task.queries + lane;
  T* sums = task.sums + lane;
  const T* visible = task.visible ? task.visible + lane : nullptr;
  const std::size_t parameters = parameter_count(moments, task.dims);
  const std::size_t sums_per_parameter = (1 + task.cols) * 2 * query_block;
  const bool fused =
      task.cols == 1 && parameters == D && moments != Moments::both && (D == 1 || moments != Moments::scalar);
  alignas(64) const T everything[3 * query_block] = {};
  const Visibility<T> bounds(visible ? visible : everything, visible ? R * Lanes<T>::size : 1);
  T* product = task.tile + tile_keys * query_block;
  for (std::size_t key = 0; key < task.key_count; key += tile_keys) {
    const std::size_t count = task.key_count - key < tile_keys ? task.key_count - key : tile_keys;
    const Seen seen = visible ? bounds.tile(key, count) : Seen::all;
    if (seen == Seen::none) continue;
    if constexpr (D == 1) {
      if (fused && seen == Seen::all) {
        moments == Moments::first ? fused_moment_tile<true, F, Bounded, R>(task, key, count, queries, sums)
                                  : fused_moment_tile<false, F, Bounded, R>(task, key, count, queries, sums);
        continue;
      }
    }
    if constexpr (D == 2) {
      if (fused && seen == Seen::all) {
        moments == Moments::first ? fused_moment_tile_2d<true, F, R>(task, key, count, queries, sums)
                                  : fused_moment_tile_2d<false, F, R>(task, key, count, queries, sums);
        continue;
      }
    }
    Lanes<T> total[R];
    store_tile<D, F, Bounded, R>(task, key, count, queries, task.tile, total);
    if (seen == Seen::some) hide<R>(visible, key, count, task.tile, total);
    accumulate_tile<R>(task, key, count, task.tile, total, sums);
    for (std::size_t p = 0; p < parameters; ++p) {
      times_moment<D, F, Bounded, R>(task, key, count, queries, moments, p, task.tile, product, total);
      accumulate_tile<R>(task, key, count, product, total, sums + (1 + p) * sums_per_parameter);
    }
  }
}

template <int D, DistanceForm F, bool Bounded, class T>
inline void moment_groups(const BlockTask<T>& task, Moments moments) {
  constexpr std::size_t N = Lanes<T>::size;
  std::size_t lane = 0;
  for (; lane + 2 * N <= task.lane_count; lane += 2 * N) moment_group<D, F, Bounded, 2>(task, moments, lane);
  for (; lane < task.lane_count; lane += N) moment_group<D, F, Bounded, 1>(task, moments, lane);
}

template <DistanceForm F, class T>
inline void moment_dims(const BlockTask<T>& task, Moments moments) {
  switch (task.dims) {
    case 1:
      return task.in_range ? moment_groups<1, F, true>(task, moments) : moment_groups<1, F, false>(task, moments);
    case 2:
      return moment_groups<2, F, false>(task, moments);
    case 3:
      return moment_groups<3, F, false>(task, moments);
    default:
      return moment_groups<0, F, false>(task, moments);
  }
}

template <class T>
void moments(const BlockTask<T>& task, Moments moments) noexcept {
  clear_sums(task, (1 + parameter_count(moments, task.dims)) * (1 + task.cols));
  task.form == DistanceForm::raw ? moment_dims<DistanceForm::raw>(task, moments)
                                 : moment_dims<DistanceForm::scaled>(task, moments);
}
