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
std::size_t find_nearest(const Routines<S>& routines, const RowKeys<S>& keys, std::span<const Interval> visible,
                         const S* query, S* reference) {
  std::size_t best = KeyRange::none;
  const auto set_reference = [&](std::size_t k) {
    best = k;
    for (std::size_t d = 0; d < keys.dims; ++d) reference[d] = keys.keys[d * keys.count + k];
  };
  for (const Interval& interval : visible)
    for (std::size_t k = interval.begin; k < interval.end && best == KeyRange::none; ++k)
      if (keys.has_weight(k)) set_reference(k);
  if (best == KeyRange::none) return best;
  // An exponent relative to a far reference is rounded by as much as 8 epsilon of it per dimension; where that is not
  // well below 1, the keys are compared once more, relative to the key found. A step or two do; a query so far away
  // that roundings alone exceed 1 must not go on for ever.
  const S certain = S(1) / (S(16) * static_cast<S>(keys.dims + 1) * std::numeric_limits<S>::epsilon());
  S gain = std::numeric_limits<S>::infinity();
  for (int step = 0; step < 4 && gain > certain; ++step) {
    gain = 0;
    for (const Interval& interval : visible) {
      if (interval.begin >= interval.end) continue;
      S relative;
      const std::size_t k = interval.begin + routines.nearest(keys.task(query, reference, best, interval), &relative);
      if (!(relative < 0)) continue;
      gain -= relative;
      set_reference(k);  // exponents in the next interval are relative to it
    }
  }
  return best;
}

template <class T>
NearestSolver<T>::NearestSolver(const PoolRequest<T>& request, const ScaledValues<T>& values)
    : queries_(request.queries),
      raw_keys_(request.keys),
      keys_(request.keys, request.kernel, values.key_weights()),
      values_(values),
      moments_(request.moments),
      with_bounds_(request.wants_bounds()),
      routines_(active_routines<double>()) {}

template <class T>
NearestScratch NearestSolver<T>::scratch() const {
  const std::size_t parameters = parameter_count(moments_, keys_.dims);
  return {std::vector<double>(keys_.dims), std::vector<double>(keys_.dims), std::vector<double>(keys_.dims),
          std::vector<double>(chunk_keys), std::vector<double>((1 + parameters) * (1 + values_.cols))};
}

// Adds weights[j] * of(j) of keys first .. first + count - 1, and times their values, to sums [1 + cols].
template <class T>
template <class Of>
void NearestSolver<T>::add(double* sums, const double* weights, std::size_t first, std::size_t count,
                           const Of& of) const {
  for (std::size_t j = 0; j < count; ++j) {
    if (weights[j] == 0) continue;
    const double w = weights[j] * of(first + j);
    sums[0] += w;
    for (std::size_t v = 0; v < values_.cols; ++v) sums[1 + v] += w * value(first + j, v);
  }
}

// The part of dimension d in the exponent of key k, from that of the nearest key: covariances do not change.
template <class T>
double NearestSolver<T>::exponent(const NearestScratch& s, std::size_t d, std::size_t k) const {
  const double x = keys_.keys[d * keys_.count + k], q = s.query[d], r = s.reference[d];
  return keys_.factor[d] * (r - x) * ((q - r) + (q - x));
}

// delta of dimension d for key k, counted from the nearest key: covariances do not change.
template <class T>
double NearestSolver<T>::delta(const NearestScratch& s, std::size_t d, std::size_t k) const {
  return std::sqrt(keys_.factor[d]) * (s.reference[d] - keys_.keys[d * keys_.count + k]);
}

// Adds the sums over some keys, whose weights are in s.weights.
template <class T>
void NearestSolver<T>::add_chunk(NearestScratch& s, std::size_t first, std::size_t count, double total) const {
  const double* weights = s.weights.data();
  const std::size_t columns = 1 + values_.cols;
  if (values_.cols == 1 && !keys_.is_weighted()) {
    s.sums[0] += total;
    s.sums[1] += dot(weights, values_.values.data() + first, count);
  } else {
    add(s.sums.data(), weights, first, count, [](std::size_t) { return 1.0; });
  }
  if (moments_ == Moments::scalar) {
    add(s.sums.data() + columns, weights, first, count, [&](std::size_t k) {
      double sum = 0;
      for (std::size_t d = 0; d < keys_.dims; ++d) sum += exponent(s, d, k);
      return sum;
    });
  } else if (moments_ == Moments::per_dimension) {
    for (std::size_t d = 0; d < keys_.dims; ++d)
      add(s.sums.data() + (1 + d) * columns, weights, first, count, [&](std::size_t k) { return exponent(s, d, k); });
  } else {
    for (std::size_t p = 0; p < parameter_count(moments_, keys_.dims); ++p)
      add(s.sums.data() + (1 + p) * columns, weights, first, count, [&](std::size_t k) {
        const double x = delta(s, dimension_of(moments_, p), k);
        return is_first(moments_, p) ? x : x * x;
      });
  }
}

template <class T>
void NearestSolver<T>::answer(std::size_t query, std::size_t caller_index, std::span<const Interval> visible,
                              NearestScratch& s, const Sink& sink) const {
  const std::size_t dims = keys_.dims, columns = 1 + values_.cols;
  std::fill(s.sums.begin(), s.sums.end(), 0.0);
  double distance = 0, slack = 0;
  for (std::size_t d = 0; d < dims; ++d) s.query[d] = keys_.coordinate(static_cast<double>(queries_(query, d)), d);
  const std::size_t nearest = find_nearest(routines_, keys_, visible, s.query.data(), s.reference.data());
  if (nearest == KeyRange::none) visible = {};
  for (std::size_t d = 0; d < dims && nearest != KeyRange::none; ++d) {
    const double delta = s.query[d] - s.reference[d];
    distance += keys_.factor[d] * delta * delta;
    s.origin[d] = static_cast<double>(raw_keys_(nearest, d));
  }
  for (const Interval& interval : visible)
    for (std::size_t first = interval.begin; first < interval.end; first += chunk_keys) {
      const std::size_t count = std::min(chunk_keys, interval.end - first);
      const RowTask<double> task = keys_.task(s.query.data(), s.reference.data(), nearest, {first, first + count});
      double total = routines_.weights(task, s.weights.data());
      if (total == 0) continue;
      if (keys_.is_weighted())
        for (std::size_t j = 0; j < count; ++j) s.weights[j] *= keys_.mantissa[first + j];
      add_chunk(s, first, count, total);
      for (std::size_t j = 0; j < count && with_bounds_ && dims > 1; ++j)
        for (std::size_t d = 0; d < dims && s.weights[j] != 0; ++d)
          slack += s.weights[j] * std::abs(exponent(s, d, first + j));
    }
  // The exponent of a key is off by a few roundings of the dimensions' parts, which may be large and cancel; in one
  // dimension it is at most 1022, and counts as its weight, so e 2^-e < 1. The other terms are the sums' own roundings.
  constexpr double u = std::numeric_limits<double>::epsilon() / 2;
  const bool by_dot = values_.cols == 1 && !keys_.is_weighted();
  const double bound =
      2 * u * (0.7 * (static_cast<double>(dims) + 4) * (slack / s.sums[0] + 1) + (by_dot ? 1100 : 4100)) +
      static_cast<double>(std::numeric_limits<T>::epsilon());
  const bool seen = nearest != KeyRange::none;
  sink({.count = 1,
        .first = caller_index,
        .sums = s.sums.data(),
        .stride = 1,
        .columns = columns,
        .reference = seen && keys_.is_weighted() ? distance + keys_.bias[nearest] : distance,
        .origin = seen ? s.origin.data() : nullptr,
        .reference_at_origin = seen && keys_.is_weighted() ? static_cast<double>(keys_.bias[nearest]) : 0,
        .bounds = with_bounds_ ? &bound : nullptr});
}

template class NearestSolver<float>;
template class NearestSolver<double>;
template std::size_t find_nearest(const Routines<float>&, const RowKeys<float>&, std::span<const Interval>,
                                  const float*, float*);
template std::size_t find_nearest(const Routines<double>&, const RowKeys<double>&, std::span<const Interval>,
                                  const double*, double*);

}  // namespace attnpool::detail
