#include "plan/nearest.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace attnpool::detail {
namespace {
constexpr std::size_t chunk_keys = 4096;

// Four sums side by side, added at the end.
template <class T>
double dot(const double* a, const T* b, std::size_t count) {
  double sum[4] = {};
  std::size_t i = 0;
  for (; i + 4 <= count; i += 4)
    for (std::size_t j = 0; j < 4; ++j) sum[j] += a[i + j] * static_cast<double>(b[i + j]);
  for (; i < count; ++i) sum[0] += a[i] * static_cast<double>(b[i]);
  return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

}  // namespace

template <class S>
std::size_t find_nearest(const Routines<S>& routines, const RowKeys<S>& keys, std::span<const Interval> seen,
                         std::size_t start, const S* query, S* reference) {
  std::size_t best = start;
  const auto set_reference = [&](std::size_t k) {
    for (std::size_t d = 0; d < keys.dims; ++d) reference[d] = keys.keys[d * keys.count + k];
  };
  set_reference(best);
  for (const Interval& interval : seen) {
    if (interval.begin >= interval.end) continue;
    S relative;
    const RowTask<S> task{query,
                          reference,
                          keys.factor.data(),
                          keys.keys.data() + interval.begin,
                          keys.count,
                          interval.end - interval.begin,
                          keys.dims};
    const std::size_t k = interval.begin + routines.nearest(task, &relative);
    if (relative < 0) {
      best = k;
      set_reference(best);  // distances in the next interval are relative to it
    }
  }
  return best;
}

template <class T>
NearestSolver<T>::NearestSolver(const PoolRequest<T>& request, const ScaledValues<T>& values)
    : queries_(request.queries),
      keys_(request.keys, request.score, values),
      values_(values),
      moments_(request.moments),
      with_bounds_(request.wants_bounds()),
      routines_(active_routines<double>()) {}

template <class T>
NearestScratch NearestSolver<T>::scratch() const {
  return {std::vector<double>(keys_.dims), std::vector<double>(keys_.dims), std::vector<double>(chunk_keys),
          std::vector<double>((1 + parameter_count(moments_, keys_.dims)) * (1 + values_.planes))};
}

template <class T>
std::size_t NearestSolver<T>::first_key(std::span<const Interval> seen) const {
  for (const Interval& interval : seen)
    for (std::size_t k = interval.begin; k < interval.end; ++k)
      if (values_.sees(k)) return k;
  return KeyRange::none;
}

template <class T>
void NearestSolver<T>::answer(std::size_t query, std::size_t caller_index, std::span<const Interval> seen,
                              NearestScratch& s, const Sink& sink) const {
  const std::size_t dims = keys_.dims, planes = values_.planes, group = 1 + planes;
  std::fill(s.sums.begin(), s.sums.end(), 0.0);
  double distance = 0, slack = 0;
  if (const std::size_t start = first_key(seen); start != KeyRange::none) {
    for (std::size_t d = 0; d < dims; ++d) s.query[d] = keys_.coordinate(static_cast<double>(queries_(query, d)), d);
    find_nearest(routines_, keys_, seen, start, s.query.data(), s.reference.data());
    for (std::size_t d = 0; d < dims; ++d) {
      const double delta = s.query[d] - s.reference[d];
      distance += keys_.factor[d] * delta * delta;
    }
  } else {
    seen = {};
  }
  // Adds weights[j] * of(j) of some keys, and times their values, to the sums of a parameter.
  const auto add = [&](double* sums, const double* weights, std::size_t first, std::size_t count, const auto& of) {
    for (std::size_t j = 0; j < count; ++j) {
      if (weights[j] == 0) continue;
      const double w = weights[j] * of(first + j);
      const T* value = values_.values.data() + (first + j) * planes;
      sums[0] += w;
      for (std::size_t v = 0; v < planes; ++v) sums[1 + v] += w * static_cast<double>(value[v]);
    }
  };
  const auto exponent = [&](std::size_t d, std::size_t k) {  // from that of the nearest key: covariances do not change
    const double x = keys_.keys[d * keys_.count + k], q = s.query[d], r = s.reference[d];
    return keys_.factor[d] * (r - x) * ((q - r) + (q - x));
  };
  for (const Interval& interval : seen)
    for (std::size_t first = interval.begin; first < interval.end; first += chunk_keys) {
      const std::size_t count = std::min(chunk_keys, interval.end - first);
      const RowTask<double> task{
          s.query.data(), s.reference.data(), keys_.factor.data(), keys_.keys.data() + first, keys_.count, count, dims};
      const double total = routines_.weights(task, s.weights.data());
      if (total == 0) continue;
      const double* weights = s.weights.data();
      if (planes == 1) {
        s.sums[0] += total;
        s.sums[1] += dot(weights, values_.values.data() + first, count);
      } else {
        add(s.sums.data(), weights, first, count, [](std::size_t) { return 1.0; });
      }
      if (with_bounds_ && dims > 1)
        for (std::size_t j = 0; j < count; ++j)
          if (weights[j] != 0)
            for (std::size_t d = 0; d < dims; ++d)
              slack += weights[j] * std::abs(exponent(d, first + j)) *
                       (values_.weighted ? static_cast<double>(values_.values[(first + j) * planes]) : 1);
      if (moments_ == Moments::scalar) {
        add(s.sums.data() + group, weights, first, count, [&](std::size_t k) {
          double sum = 0;
          for (std::size_t d = 0; d < dims; ++d) sum += exponent(d, k);
          return sum;
        });
      } else if (moments_ == Moments::per_dimension) {
        for (std::size_t d = 0; d < dims; ++d)
          add(s.sums.data() + (1 + d) * group, weights, first, count, [&](std::size_t k) { return exponent(d, k); });
      }
    }
  // The exponent of a key is off by a few roundings of the dimensions' parts, which may be large and cancel; in one
  // dimension it is at most 1022, and counts as its weight, so e 2^-e < 1. Beside it the sums' own roundings.
  const double weight = s.sums[values_.weighted], u = std::numeric_limits<double>::epsilon() / 2;
  const double bound =
      2 * u * (0.7 * (static_cast<double>(dims) + 4) * (slack / weight + 1) + (planes == 1 ? 1100 : 4100)) * s.sums[0] /
          weight +
      static_cast<double>(std::numeric_limits<T>::epsilon());
  sink({.count = 1,
        .first = caller_index,
        .sums = s.sums.data(),
        .stride = 1,
        .columns = group,
        .first_column = values_.weighted,
        .reference = distance,
        .bounds = with_bounds_ ? &bound : nullptr});
}

template class NearestSolver<float>;
template class NearestSolver<double>;
template std::size_t find_nearest(const Routines<float>&, const RowKeys<float>&, std::span<const Interval>, std::size_t,
                                  const float*, float*);
template std::size_t find_nearest(const Routines<double>&, const RowKeys<double>&, std::span<const Interval>,
                                  std::size_t, const double*, double*);

}  // namespace attnpool::detail
