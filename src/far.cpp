#include "far.hpp"

#include <algorithm>

namespace attnpool::detail {
namespace {
constexpr std::size_t chunk_keys = 4096;
}

Intervals::Intervals(const KeyRange& range, std::size_t query, std::size_t key_count) {
  const std::size_t b = range.begin(query, key_count), e = range.end(query, key_count),
                    x = range.excluded(query, key_count);
  const bool splits = b <= x && x < e;
  begin[0] = b;
  end[0] = splits ? x : e;
  begin[1] = splits ? x + 1 : e;
  end[1] = e;
}

template <class S>
std::size_t find_nearest(const Kernels<S>& kernels, const TransposedKeys<S>& keys, const Intervals& seen,
                         const S* query, S* reference) {
  std::size_t best = seen.begin[0] < seen.end[0] ? seen.begin[0] : seen.begin[1];
  const auto set_reference = [&](std::size_t k) {
    for (std::size_t d = 0; d < keys.dims; ++d) reference[d] = keys.keys[d * keys.count + k];
  };
  set_reference(best);
  for (int i = 0; i < 2; ++i) {
    if (seen.begin[i] >= seen.end[i]) continue;
    S relative;
    const RowTask<S> task{
        query, reference, keys.keys.data() + seen.begin[i], keys.count, seen.end[i] - seen.begin[i], keys.dims};
    const std::size_t k = seen.begin[i] + kernels.nearest(task, &relative);
    if (relative < 0) {
      best = k;
      set_reference(best);  // distances in the second interval are relative to it
    }
  }
  return best;
}

template <class T>
FarField<T>::FarField(MatrixView<const T> queries, MatrixView<const T> keys, const PreparedValues<T>& values,
                      const Gaussian& score, Moments moments, const KeyRange& range)
    : queries_(queries),
      keys_(keys, score),
      values_(values),
      moments_(moments),
      range_(range),
      kernels_(active_kernels<double>()) {}

template <class T>
FarScratch FarField<T>::scratch() const {
  const std::size_t parameters = moments_ == Moments::none ? 0 : moments_ == Moments::scalar ? 1 : keys_.dims;
  return {std::vector<double>(keys_.dims), std::vector<double>(keys_.dims), std::vector<double>(chunk_keys),
          std::vector<double>((1 + parameters) * (1 + values_.cols))};
}

template <class T>
void FarField<T>::answer(std::size_t q, FarScratch& s, const std::function<void(const QuerySums&)>& finish) const {
  const std::size_t dims = keys_.dims, cols = values_.cols;
  for (std::size_t d = 0; d < dims; ++d) s.query[d] = keys_.coordinate(static_cast<double>(queries_(q, d)), d);
  const Intervals seen(range_, q, keys_.count);
  find_nearest(kernels_, keys_, seen, s.query.data(), s.reference.data());
  double distance = 0;
  for (std::size_t d = 0; d < dims; ++d) distance += (s.query[d] - s.reference[d]) * (s.query[d] - s.reference[d]);

  std::fill(s.sums.begin(), s.sums.end(), 0.0);
  const auto add = [&](double* sums, double weight, std::size_t k) {
    sums[0] += weight;
    for (std::size_t v = 0; v < cols; ++v) sums[1 + v] += weight * static_cast<double>(values_.values[k * cols + v]);
  };
  for (int i = 0; i < 2; ++i)
    for (std::size_t first = seen.begin[i]; first < seen.end[i]; first += chunk_keys) {
      const std::size_t count = std::min(chunk_keys, seen.end[i] - first);
      const RowTask<double> task{
          s.query.data(), s.reference.data(), keys_.keys.data() + first, keys_.count, count, dims};
      if (kernels_.weights(task, s.weights.data()) == 0) continue;
      for (std::size_t j = 0; j < count; ++j) {
        const double w = s.weights[j];
        if (w == 0) continue;
        const std::size_t k = first + j;
        add(s.sums.data(), w, k);
        if (moments_ == Moments::none) continue;
        // Covariances do not change when delta^2 is counted from that of the nearest key.
        double relative = 0;
        for (std::size_t d = 0; d < dims; ++d) {
          const double x = keys_.keys[d * keys_.count + k], r = s.reference[d], e = (r - x) * (2 * s.query[d] - r - x);
          if (moments_ == Moments::per_dimension) add(s.sums.data() + (1 + d) * (1 + cols), w * e, k);
          relative += e;
        }
        if (moments_ == Moments::scalar) add(s.sums.data() + (1 + cols), w * relative, k);
      }
    }
  finish({q, 1, s.sums.data(), 1, distance});
}

template class FarField<float>;
template class FarField<double>;
template std::size_t find_nearest(const Kernels<float>&, const TransposedKeys<float>&, const Intervals&, const float*,
                                  float*);
template std::size_t find_nearest(const Kernels<double>&, const TransposedKeys<double>&, const Intervals&,
                                  const double*, double*);

}  // namespace attnpool::detail
