// Softmax and log-sum-exp of one row. Three passes (max, e^(x - max) with its sum, scale); the sum over virtual lanes
// is added in runs of 4096 so that a long row loses no more than a short one.

template <class T>
inline T row_max(const T* x, std::size_t count) {
  const T lowest = -__builtin_inf();
  Group<T> m = broadcast_group(lowest);
  for_each_group(x, count, lowest, [&](const T* p, std::size_t, std::size_t) {
    const Group<T> g = load_group(p);
    for (std::size_t i = 0; i < g.registers; ++i)
      m.r[i] = max(g.r[i], m.r[i]);  // a NaN is dropped here and met again in the sum
  });
  return max_of(m);
}

// Sum of f(x), where f may also store; the order of additions is fixed, see Note [Order of sums] in routine_table.hpp.
template <class T, class F>
inline T row_sum(const T* x, std::size_t count, T padding, F f) {
  T total = 0, compensation = 0;
  for (std::size_t begin = 0; begin < count; begin += 4096) {
    const std::size_t n = count - begin < 4096 ? count - begin : 4096;
    Group<T> s = broadcast_group(T(0));
    for_each_group(x + begin, n, padding, [&](const T* p, std::size_t i, std::size_t live) {
      const Group<T> g = f(load_group(p), begin + i, live);
      for (std::size_t j = 0; j < g.registers; ++j) s.r[j] = s.r[j] + g.r[j];
    });
    const T y = sum_of(s) - compensation, t = total + y;  // Kahan: every term is >= 0
    compensation = (t - total) - y;
    total = t;
  }
  return total;
}

template <class T>
void log_sum_exp(const T* x, std::size_t count, T* max_out, T* sum_out) noexcept {
  const T lowest = -__builtin_inf();
  const T m = row_max(x, count);
  *max_out = m;
  // Nothing but -inf, or also NaN (which row_max drops): e^(x - 0) tells them apart.
  const Lanes<T> shift(m == lowest ? T(0) : m);
  *sum_out = row_sum(x, count, lowest, [&](Group<T> g, std::size_t, std::size_t) {
    for (auto& r : g.r) r = exp_nonpositive_lanes<T>(r - shift);
    return g;
  });
}

// out = factor * from, past the caches: an ordinary store would first read the line that it is about to overwrite.
template <class T>
inline void scale_past_caches(const T* from, T* out, T factor, std::size_t count) {
  std::size_t i = 0;
  for (; i < count && reinterpret_cast<__UINTPTR_TYPE__>(out + i) % 64 != 0; ++i) out[i] = from[i] * factor;
  for (; i + 16 <= count; i += 16)
    for (std::size_t j = 0; j < 16; j += Lanes<T>::size)
      stream_lanes(out + i + j, load_lanes(from + i + j) * Lanes<T>(factor));
  for (; i < count; ++i) out[i] = from[i] * factor;
  stream_fence();
}

template <class T>
void softmax(const T* x, T* out, std::size_t count, T* staging, const T* next) noexcept {
  const T lowest = -__builtin_inf();
  const Lanes<T> shift(row_max(x, count));
  T* powers = staging ? staging : out;
  const T sum = row_sum(x, count, lowest, [&](Group<T> g, std::size_t i, std::size_t n) {
    // The next row arrives while this one is computed; left to itself its first pass would wait for memory.
    if (next) __builtin_prefetch(next + i);
    for (auto& r : g.r) r = exp_nonpositive_lanes<T>(r - shift);  // all -inf, or +inf: inf - inf is NaN, as documented
    store_group(powers + i, g, n);
    return g;
  });
  staging ? scale_past_caches(staging, out, T(1) / sum, count) : scale(out, T(1) / sum, count);
}
