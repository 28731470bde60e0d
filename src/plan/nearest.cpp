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
      profile_(request.profile()),
      decay_(request.profile()),
      pairs_(profile_, keys_, static_cast<double>(std::numeric_limits<T>::epsilon())),
      moments_(request.moments),
      empty_(request.options.empty),
      with_bounds_(request.wants_bounds()),
      routines_(active_routines<double>()) {}

template <class T>
NearestScratch NearestSolver<T>::scratch() const {
  const std::size_t parameters = parameter_count(moments_, keys_.dims);
  return {.origin = std::vector<double>(keys_.dims),
          .query = std::vector<double>(keys_.dims),
          .reference = std::vector<double>(keys_.dims),
          .weights = std::vector<double>(chunk_keys),
          .declines = std::vector<double>(counts_from_query() && parameters > 0 ? chunk_keys : 0),
          .sums = std::vector<double>((1 + parameters) * (1 + values_.cols))};
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

// delta of dimension d for key k, counted from the nearest key, which leaves the covariances of a Gaussian weight's derivatives
// and of local polynomials as they are; the derivatives of other weights count from the query.
template <class T>
double NearestSolver<T>::delta(const NearestScratch& s, std::size_t d, std::size_t k) const {
  const double from = counts_from_query() ? s.query[d] : s.reference[d];
  return std::sqrt(keys_.factor[d]) * (from - keys_.keys[d * keys_.count + k]);
}

template <class T>
double NearestSolver<T>::moment(const NearestScratch& s, std::size_t p, std::size_t k) const {
  const bool squares = moments_ == Moments::scalar || moments_ == Moments::per_dimension;
  if (squares && !counts_from_query()) {
    double sum = 0;
    for (std::size_t d = 0; d < keys_.dims; ++d)
      if (moments_ == Moments::scalar || d == p) sum += exponent(s, d, k);
    return sum;
  }
  if (moments_ == Moments::scalar) {
    double sum = 0;
    for (std::size_t d = 0; d < keys_.dims; ++d) sum += delta(s, d, k) * delta(s, d, k);
    return sum;
  }
  const MomentFactors factors = factors_of(moments_, p, keys_.dims);
  double product = 1;
  for (std::size_t i = 0; i < factors.count; ++i) product *= delta(s, i < 2 ? factors.dims[i] : 0, k);
  return product;
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
  for (std::size_t p = 0; p < parameter_count(moments_, keys_.dims); ++p)
    add(s.sums.data() + (1 + p) * columns, counts_from_query() ? s.declines.data() : weights, first, count,
        [&](std::size_t k) { return moment(s, p, k); });
}

template <class T>
double NearestSolver<T>::gaussian_weights(NearestScratch& s, std::size_t nearest, Interval keys) const {
  return routines_.weights(keys_.task(s.query.data(), s.reference.data(), nearest, keys), s.weights.data());
}

// Weights of some keys, relative to the reference key's unless the kernel is compact, with the exponents of the key weights.
// Returns their sum.
template <class T>
double NearestSolver<T>::other_weights(NearestScratch& s, std::size_t nearest, Interval keys, Weighing weighing) const {
  const double *query = s.query.data(), *reference = s.reference.data();
  double total = 0;
  for (std::size_t k = keys.begin; k < keys.end; ++k) {
    double w = 1;
    if (weighing == Weighing::kernel) {
      w = pairs_.weight(query, reference, k);
    } else if (weighing == Weighing::nearest) {
      w = pairs_.relative_square(query, reference, k) <= 0 ? 1 : 0;
    }
    w *= pairs_.power(k, nearest);
    s.weights[k - keys.begin] = w;
    total += w;
    if (s.declines.empty()) continue;
    double square = pairs_.relative_square(query, reference, k);
    for (std::size_t d = 0; d < keys_.dims; ++d) square += pairs_.square(query, reference, d);
    s.declines[k - keys.begin] =
        profile_.is_compact() || weighing != Weighing::kernel ? 0 : w * decay_.relative_decline(square);
  }
  return total;
}

template <class T>
void NearestSolver<T>::add_sums(NearestScratch& s, std::size_t nearest, std::span<const Interval> visible,
                                Weighing weighing, double& slack) const {
  for (const Interval& interval : visible)
    for (std::size_t first = interval.begin; first < interval.end; first += chunk_keys) {
      const std::size_t count = std::min(chunk_keys, interval.end - first);
      const Interval keys{first, first + count};
      const double total =
          profile_.is_gaussian() ? gaussian_weights(s, nearest, keys) : other_weights(s, nearest, keys, weighing);
      if (total == 0) continue;
      if (keys_.is_weighted())
        for (std::size_t j = 0; j < count; ++j) {
          s.weights[j] *= keys_.mantissa[first + j];
          if (!s.declines.empty()) s.declines[j] *= keys_.mantissa[first + j];
        }
      add_chunk(s, first, count, total);
      for (std::size_t j = 0; j < count && with_bounds_ && keys_.dims > 1; ++j)
        for (std::size_t d = 0; d < keys_.dims && s.weights[j] != 0; ++d)
          slack += s.weights[j] * std::abs(exponent(s, d, first + j));
    }
}

template <class T>
void NearestSolver<T>::answer(std::size_t query, std::size_t caller_index, std::span<const Interval> visible,
                              NearestScratch& s, const Sink& sink) const {
  const std::size_t dims = keys_.dims, columns = 1 + values_.cols;
  std::fill(s.sums.begin(), s.sums.end(), 0.0);
  double slack = 0;
  for (std::size_t d = 0; d < dims; ++d) s.query[d] = keys_.coordinate(static_cast<double>(queries_(query, d)), d);
  const std::size_t nearest = profile_.is_gaussian()
                                  ? find_nearest(routines_, keys_, visible, s.query.data(), s.reference.data())
                                  : pairs_.find_heaviest(visible, s.query.data(), s.reference.data());
  const bool seen = nearest != KeyRange::none;
  if (!seen) visible = {};
  std::vector<double> squares(dims);
  for (std::size_t d = 0; d < dims && seen; ++d) {
    squares[d] = pairs_.square(s.query.data(), s.reference.data(), d);
    s.origin[d] = static_cast<double>(raw_keys_(nearest, d));
  }
  add_sums(s, nearest, visible, Weighing::kernel, slack);
  const bool empty = seen && s.sums[0] == 0;
  if (empty && (empty_ == Empty::nearest || empty_ == Empty::mean))
    add_sums(s, nearest, visible, empty_ == Empty::mean ? Weighing::all : Weighing::nearest, slack);
  if (empty) std::fill(s.sums.begin() + static_cast<std::ptrdiff_t>(columns), s.sums.end(), 0.0);
  // The exponent of a key is off by a few roundings of the dimensions' parts, which may be large and cancel; in one
  // dimension it is at most 1022, and counts as its weight, so e 2^-e < 1. The other terms are the sums' own roundings.
  constexpr double u = std::numeric_limits<double>::epsilon() / 2;
  const bool by_dot = values_.cols == 1 && !keys_.is_weighted();
  const double bound =
      2 * u * (0.7 * (static_cast<double>(dims) + 4) * (slack / s.sums[0] + 1) + (by_dot ? 1100 : 4100)) +
      static_cast<double>(std::numeric_limits<T>::epsilon());
  const double distance = seen && !profile_.is_compact() ? decay_.exponent(squares) : 0;
  sink({.count = 1,
        .first = caller_index,
        .sums = s.sums.data(),
        .stride = 1,
        .columns = columns,
        .reference = seen && keys_.is_weighted() ? distance + keys_.bias[nearest] : distance,
        .origin = seen && !counts_from_query() ? s.origin.data() : nullptr,
        .reference_at_origin = seen && keys_.is_weighted() ? static_cast<double>(keys_.bias[nearest]) : 0,
        .bounds = with_bounds_ ? &bound : nullptr,
        .empty = empty});
}

template class NearestSolver<float>;
template class NearestSolver<double>;
template std::size_t find_nearest(const Routines<float>&, const RowKeys<float>&, std::span<const Interval>,
                                  const float*, float*);
template std::size_t find_nearest(const Routines<double>&, const RowKeys<double>&, std::span<const Interval>,
                                  const double*, double*);

}  // namespace attnpool::detail
