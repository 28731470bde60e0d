#include <algorithm>
#include <attnpool/pool.hpp>
#include <cmath>
#include <limits>

#include "base/dispatch.hpp"
#include "base/threads.hpp"
#include "base/validate.hpp"
#include "data/pair_weights.hpp"
#include "plan/choose.hpp"
#include "plan/nearest.hpp"

namespace attnpool {
namespace {

// What one thread needs for a row.
template <class T>
struct Scratch {
  std::vector<T> query, reference;
};

// The weights of query q, which is finite: relative to the key that weighs most, then divided by their sum.
template <class T>
void fill_row(const detail::RowKeys<T>& keys, const KeyRange& range, std::size_t q, Scratch<T>& s, T* row) {
  const detail::Routines<T>& routines = detail::active_routines<T>();
  std::fill(row, row + keys.count, T(0));
  const auto visible = detail::visible_keys(range, q, keys.count);
  const std::size_t nearest = detail::find_nearest<T>(routines, keys, visible, s.query.data(), s.reference.data());
  if (nearest == KeyRange::none) return;  // no key, no weight
  T sum = 0;
  double weighted_sum = 0;
  for (const detail::Interval& interval : visible) {
    if (interval.begin >= interval.end) continue;
    sum += routines.weights(keys.task(s.query.data(), s.reference.data(), nearest, interval), row + interval.begin);
    for (std::size_t k = interval.begin; k < interval.end && keys.is_weighted(); ++k)
      weighted_sum += static_cast<double>(row[k] *= keys.mantissa[k]);
  }
  routines.scale(row, T(1) / (keys.is_weighted() ? static_cast<T>(weighted_sum) : sum), keys.count);
}

// The same under another kernel than the Gaussian. Without a key within reach, no weight.
template <class T>
void fill_other_row(const detail::RowKeys<double>& keys, const detail::PairWeights& pairs, const KeyRange& range,
                    std::size_t q, Scratch<double>& s, T* row) {
  std::fill(row, row + keys.count, T(0));
  const auto visible = detail::visible_keys(range, q, keys.count);
  const std::size_t nearest = pairs.find_heaviest(visible, s.query.data(), s.reference.data());
  if (nearest == KeyRange::none) return;
  std::vector<double> weights(keys.count);
  double sum = 0;
  for (const detail::Interval& interval : visible)
    for (std::size_t k = interval.begin; k < interval.end; ++k) {
      weights[k] = pairs.weight(s.query.data(), s.reference.data(), k) * pairs.power(k, nearest) *
                   (keys.is_weighted() ? keys.mantissa[k] : 1);
      sum += weights[k];
    }
  if (sum == 0) return;
  for (std::size_t k = 0; k < keys.count; ++k) row[k] = static_cast<T>(weights[k] / sum);
}

// Calls fill(q, scratch, row) for every query that is finite, on all threads; rows of the others become NaN.
template <class S, class T, class Fill>
void for_each_row(In<T> queries, const detail::RowKeys<S>& keys, MatrixView<T> weights, const Options& options,
                  const Fill& fill) {
  const int threads =
      detail::threads_for(options.threads, static_cast<double>(queries.rows) * static_cast<double>(keys.count) *
                                               static_cast<double>(6 * keys.dims + 14));
  std::vector<Scratch<S>> scratches(static_cast<std::size_t>(threads),
                                    {std::vector<S>(keys.dims), std::vector<S>(keys.dims)});
  detail::parallel_for(queries.rows, threads, options.progress, [&](std::size_t q, int worker) {
    Scratch<S>& s = scratches[static_cast<std::size_t>(worker)];
    bool finite = true;
    for (std::size_t d = 0; d < keys.dims; ++d) {
      finite &= std::isfinite(queries(q, d));
      s.query[d] = keys.coordinate(static_cast<double>(queries(q, d)), d);
    }
    T* row = weights.row(q);
    if (!finite) return std::fill(row, row + keys.count, std::numeric_limits<T>::quiet_NaN());
    fill(q, s, row);
  });
}

}  // namespace

template <class T>
void attention_weights(In<T> queries, In<T> keys, const Kernel& kernel, MatrixView<T> weights, const Options& options) {
  detail::check_inputs<T>(queries, keys, kernel);
  detail::check_view("weights", weights);
  detail::check_equal("weights", "rows", weights.rows, queries.rows, "queries");
  detail::check_equal("weights", "columns", weights.cols, keys.rows, "keys");
  detail::check_no_overlap("weights", weights, "queries", queries);
  detail::check_no_overlap("weights", weights, "keys", keys);
  detail::check_unused(options, "attention_weights", detail::uses_range | detail::uses_key_weights);
  detail::check_options(options, queries.rows, keys.rows, keys.cols, kernel.profile());
  if (kernel.profile().is_gaussian()) {
    const detail::RowKeys<T> row_keys(keys, kernel, options.key_weights);
    return for_each_row<T, T>(queries, row_keys, weights, options, [&](std::size_t q, Scratch<T>& s, T* row) {
      fill_row(row_keys, options.range, q, s, row);
    });
  }
  const detail::RowKeys<double> row_keys(keys, kernel, options.key_weights);
  const detail::PairWeights pairs(kernel.profile(), row_keys, static_cast<double>(std::numeric_limits<T>::epsilon()));
  for_each_row<double, T>(queries, row_keys, weights, options, [&](std::size_t q, Scratch<double>& s, T* row) {
    fill_other_row(row_keys, pairs, options.range, q, s, row);
  });
}

template void attention_weights<float>(In<float>, In<float>, const Kernel&, MatrixView<float>, const Options&);
template void attention_weights<double>(In<double>, In<double>, const Kernel&, MatrixView<double>, const Options&);

}  // namespace attnpool
