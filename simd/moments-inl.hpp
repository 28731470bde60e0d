// Pool's sums and those of weights times moments of delta (see Moments), behind the derivatives in w and in the query.
// With one value column and one moment per dimension of one or two all sums stay in registers (D = 1: 4 operations a pair more
// than pool, which has 13; D = 2: 12 more); otherwise the tile of weights is multiplied by the moments, recomputed, and summed
// like weights. The arithmetic of a lane is the same either way.

// The sums of a tile, in registers, to their totals.
template <int C, int R, class T>
inline void add_to_totals(T* sums, const Lanes<T> (&s)[C][R]) {
  for (int i = 0; i < C; ++i)
    for (int r = 0; r < R; ++r) {
      T* hi = sums + i * 2 * query_block + r * Lanes<T>::size;
      add_to_total(hi, hi + query_block, s[i][r]);
    }
}

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
      const Lanes<T> delta =
          difference_1d<F, Bounded>(task, task.keys[j], queries + r * N, GaussianProfile<T>::farthest);
      const Lanes<T> w = gaussian_1d<T>(delta), u = w * (First ? delta : delta * delta);
      s[0][r] = s[0][r] + w;
      s[1][r] = fma(w, v, s[1][r]);
      s[2][r] = s[2][r] + u;
      s[3][r] = fma(u, v, s[3][r]);
    }
  }
  add_to_totals(sums, s);
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
  add_to_totals(sums, s);
}

// One dimension, one column, any profile: the sums of a local line.
template <DistanceForm F, bool Bounded, int R, class P, class T>
inline void fused_line_tile(const P& profile, const BlockTask<T>& task, std::size_t key, std::size_t count,
                            const T* queries, T* sums) {
  constexpr std::size_t N = Lanes<T>::size;
  Lanes<T> s[6][R];  // w, w v, w delta, w delta v, w delta^2, w delta^2 v
  for (auto& row : s)
    for (auto& x : row) x = Lanes<T>(T(0));
  for (std::size_t j = key; j < key + count; ++j) {
    const Lanes<T> v(task.values[j]);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const Lanes<T> delta = difference_1d<F, Bounded>(task, task.keys[j], queries + r * N, P::farthest);
      const Lanes<T> w = profile.of_difference(delta), u = w * delta, x = u * delta;
      s[0][r] = s[0][r] + w;
      s[1][r] = fma(w, v, s[1][r]);
      s[2][r] = s[2][r] + u;
      s[3][r] = fma(u, v, s[3][r]);
      s[4][r] = s[4][r] + x;
      s[5][r] = fma(x, v, s[5][r]);
    }
  }
  add_to_totals(sums, s);
}

// The product of delta over the factors of a moment.
template <DistanceForm F, int R, class T>
inline void moment_of(const BlockTask<T>& task, const T* key, const T* queries, const MomentFactors& factors,
                      Lanes<T> (&e)[1][R]) {
  constexpr std::size_t N = Lanes<T>::size;
  for (int r = 0; r < R; ++r)
    for (std::size_t i = 0; i < factors.count; ++i) {
      const std::size_t d = i < 2 ? factors.dims[i] : 0;  // see MomentFactors
      Lanes<T> delta = load_lanes(queries + d * query_block + r * N) - Lanes<T>(key[d]);
      if constexpr (F == DistanceForm::raw) delta = delta * Lanes<T>(task.scale[d]);
      e[0][r] = i == 0 ? delta : e[0][r] * delta;
    }
}

// product[key] = weight[key] * moment p; and the sums of product.
template <int D, DistanceForm F, bool Bounded, int R, class P, class T>
inline void times_moment(const P&, const BlockTask<T>& task, std::size_t key, std::size_t count, const T* queries,
                         Moments moments, std::size_t p, const T* weight, T* product, Lanes<T> (&total)[R]) {
  constexpr std::size_t N = Lanes<T>::size;
  constexpr T largest = P::largest_moment;
  const MomentFactors factors = factors_of(moments, p, task.dims);
  const Lanes<T> most(moments == Moments::parabola ? largest * largest : largest), least = Lanes<T>(T(0)) - most,
                                                                                   zero(T(0));
  for (int r = 0; r < R; ++r) total[r] = zero;
  for (std::size_t j = 0; j < count; ++j) {
    const T* k = task.keys + (key + j) * task.dims;
    Lanes<T> e[1][R];
    if constexpr (D == 1) {  // clamped as where everything stays in registers
      for (int r = 0; r < R; ++r) {
        const Lanes<T> delta = difference_1d<F, Bounded>(task, k[0], queries + r * N, P::farthest);
        e[0][r] = delta;
        for (std::size_t i = 1; i < factors.count; ++i) e[0][r] = e[0][r] * delta;
      }
    } else if (moments == Moments::scalar) {
      squared_distances<0, F>(task, key + j, queries, e);
    } else {
      moment_of<F, R>(task, k, queries, factors, e);
    }
    for (int r = 0; r < R; ++r) {
      const std::size_t i = (j * R + r) * N;
      // A weight of 0 (hidden, or beyond all range) beside an infinite distance must give 0, not NaN.
      const Lanes<T> w = load_lanes(weight + i);
      const Lanes<T> x = if_less<T>(zero, w, w * max(min(e[0][r], most), least), zero);
      store_lanes(product + i, x);
      total[r] = total[r] + x;
    }
  }
}

// The sums over a tile that no routine above keeps in registers.
template <int D, DistanceForm F, bool Bounded, int R, class P, class T>
inline void stored_moment_tile(const P& profile, const BlockTask<T>& task, Moments moments, std::size_t key,
                               std::size_t count, const T* queries, const T* visible, Seen seen, T* sums) {
  const std::size_t sums_per_parameter = (1 + task.cols) * 2 * query_block;
  T* product = task.tile + tile_keys * query_block;
  Lanes<T> total[R];
  store_tile<D, F, Bounded, false, R>(profile, task, key, count, queries, task.tile, total);
  if (seen == Seen::some) hide<R>(visible, key, count, task.tile, total);
  accumulate_tile<R>(task, key, count, task.tile, total, sums);
  if constexpr (!P::is_gaussian && D != 1) {
    if (!is_local(moments)) {
      store_tile<D, F, Bounded, true, R>(profile, task, key, count, queries, task.tile, total);
      if (seen == Seen::some) hide<R>(visible, key, count, task.tile, total);
    }
  }
  for (std::size_t p = 0; p < parameter_count(moments, task.dims); ++p) {
    times_moment<D, F, Bounded, R>(profile, task, key, count, queries, moments, p, task.tile, product, total);
    accumulate_tile<R>(task, key, count, product, total, sums + (1 + p) * sums_per_parameter);
  }
}

// Whether a tile's sums stay in registers, and if so, adds them.
template <int D, DistanceForm F, bool Bounded, int R, class P, class T>
inline bool fused_moments(const P& profile, const BlockTask<T>& task, Moments moments, std::size_t key,
                          std::size_t count, const T* queries, T* sums) {
  if (task.cols != 1 || P::is_custom) return false;
  if constexpr (D == 1 && !P::is_custom) {
    if (moments == Moments::line) {
      fused_line_tile<F, Bounded, R>(profile, task, key, count, queries, sums);
      return true;
    }
  }
  if (moments == Moments::both || is_local(moments)) return false;
  if constexpr (P::is_gaussian && D == 1) {
    moments == Moments::first ? fused_moment_tile<true, F, Bounded, R>(task, key, count, queries, sums)
                              : fused_moment_tile<false, F, Bounded, R>(task, key, count, queries, sums);
    return true;
  }
  if constexpr (P::is_gaussian && D == 2) {
    if (moments == Moments::scalar) return false;
    moments == Moments::first ? fused_moment_tile_2d<true, F, R>(task, key, count, queries, sums)
                              : fused_moment_tile_2d<false, F, R>(task, key, count, queries, sums);
    return true;
  }
  return false;
}

template <int D, DistanceForm F, bool Bounded, int R, class P, class T>
inline void moment_group(const P& profile, const BlockTask<T>& task, Moments moments, std::size_t lane) {
  const T* queries = task.queries + lane;
  T* sums = task.sums + lane;
  const T* visible = task.visible ? task.visible + lane : nullptr;
  alignas(64) const T everything[3 * query_block] = {};
  const Visibility<T> bounds(visible ? visible : everything, visible ? R * Lanes<T>::size : 1);
  for (std::size_t key = 0; key < task.key_count; key += tile_keys) {
    const std::size_t count = task.key_count - key < tile_keys ? task.key_count - key : tile_keys;
    const Seen seen = visible ? bounds.tile(key, count) : Seen::all;
    if (seen == Seen::none) continue;
    if (seen == Seen::all && fused_moments<D, F, Bounded, R>(profile, task, moments, key, count, queries, sums))
      continue;
    stored_moment_tile<D, F, Bounded, R>(profile, task, moments, key, count, queries, visible, seen, sums);
  }
}

template <int D, DistanceForm F, bool Bounded, class P, class T>
inline void moment_groups(const P& profile, const BlockTask<T>& task, Moments moments) {
  constexpr std::size_t N = Lanes<T>::size;
  std::size_t lane = 0;
  for (; lane + 2 * N <= task.lane_count; lane += 2 * N) moment_group<D, F, Bounded, 2>(profile, task, moments, lane);
  for (; lane < task.lane_count; lane += N) moment_group<D, F, Bounded, 1>(profile, task, moments, lane);
}

template <DistanceForm F, class P, class T>
inline void moment_dims(const P& profile, const BlockTask<T>& task, Moments moments) {
  if constexpr (P::is_gaussian) {
    if (task.dims == 1)
      return task.in_range ? moment_groups<1, F, true>(profile, task, moments)
                           : moment_groups<1, F, false>(profile, task, moments);
    if (task.dims == 2) return moment_groups<2, F, false>(profile, task, moments);
    if (task.dims == 3) return moment_groups<3, F, false>(profile, task, moments);
  } else if constexpr (!P::is_custom) {
    if (task.dims == 1 && task.cols == 1 && moments == Moments::line)
      return moment_groups<1, F, true>(profile, task, moments);
  }
  moment_groups<0, F, false>(profile, task, moments);
}

template <template <class> class Profile, class T>
void moments(const BlockTask<T>& task, Moments moments) noexcept {
  const Profile<T> profile(task);
  clear_sums(task, (1 + parameter_count(moments, task.dims)) * (1 + task.cols));
  task.form == DistanceForm::raw ? moment_dims<DistanceForm::raw>(profile, task, moments)
                                 : moment_dims<DistanceForm::scaled>(profile, task, moments);
}
