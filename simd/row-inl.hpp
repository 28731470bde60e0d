// One query against many keys; lanes are keys. Distances are relative to a reference key r,
//   |q - k|^2 - |q - r|^2 = sum_d (r - k) ((q - r) + (q - k)),
// which loses nothing however far the query is from all keys; with r the nearest key it is the negated exponent. A bias
// per key may be added (see RowTask).

// relative() of n <= 16 keys from k on, and of 0 for the rest of the group.
template <class T>
inline Group<T> relative_group(const RowTask<T>& task, std::size_t k, std::size_t n) {
  Group<T> e = broadcast_group(T(0));
  T staged[16] = {};
  if (task.bias) {
    for (std::size_t j = 0; j < n; ++j) staged[j] = task.bias[k + j] - task.reference_bias;
    e = load_group(staged);
  }
  for (std::size_t d = 0; d < task.dims; ++d) {
    const T* keys = task.keys + d * task.key_stride + k;
    if (n < 16) {
      for (std::size_t j = 0; j < n; ++j) staged[j] = keys[j];
      keys = staged;
    }
    const Lanes<T> q(task.query[d]), r(task.reference[d]), toward(task.query[d] - task.reference[d]);
    const Lanes<T> factor(task.factor[d]);
    for (std::size_t i = 0; i < e.registers; ++i) {
      const Lanes<T> key = load_lanes(keys + i * Lanes<T>::size);
      e.r[i] = fma(factor * (r - key), toward + (q - key), e.r[i]);
    }
  }
  return e;
}

template <class T>
std::size_t nearest(const RowTask<T>& task, T* relative) noexcept {
  T best = __builtin_inf();
  std::size_t best_key = 0;
  for (std::size_t k = 0; k < task.key_count; k += 16) {
    const std::size_t n = task.key_count - k < 16 ? task.key_count - k : 16;
    const Group<T> e = relative_group(task, k, n);
    T x[16];
    Lanes<T> m = e.r[0];
    for (std::size_t i = 1; i < e.registers; ++i) m = min(m, e.r[i]);
    store_lanes(x, m);
    bool closer = n < 16;
    for (std::size_t j = 0; j < Lanes<T>::size; ++j) closer |= x[j] < best;
    if (!closer) continue;
    store_group(x, e);
    for (std::size_t j = 0; j < n; ++j)
      if (x[j] < best) {
        best = x[j];
        best_key = k + j;
      }
  }
  *relative = best;
  return best_key;
}

template <class T>
T weights(const RowTask<T>& task, T* out) noexcept {
  const Lanes<T> limit(Float<T>::max_exponent), zero(T(0)), least(T(-1));
  T total = 0, compensation = 0;
  for (std::size_t begin = 0; begin < task.key_count; begin += 4096) {
    const std::size_t end = task.key_count - begin < 4096 ? task.key_count : begin + 4096;
    Group<T> s = broadcast_group(T(0));
    for (std::size_t k = begin; k < end; k += 16) {
      const std::size_t n = end - k < 16 ? end - k : 16;
      Group<T> e = relative_group(task, k, n);
      for (auto& r : e.r) {
        // The reference may be a little farther than the nearest key, by less than 1 (see find_nearest).
        const Lanes<T> w = exp2_of_minus<T>(max(min(r, limit), least));
        r = if_less<T>(limit, r, zero, w);
      }
      store_group(out + k, e, n);
      if (n < 16) {
        T staged[16];
        for (std::size_t j = 0; j < 16; ++j) staged[j] = j < n ? out[k + j] : T(0);
        e = load_group(staged);
      }
      for (std::size_t i = 0; i < e.registers; ++i) s.r[i] = s.r[i] + e.r[i];
    }
    const T y = sum_of(s) - compensation, t = total + y;
    compensation = (t - total) - y;
    total = t;
  }
  return total;
}
