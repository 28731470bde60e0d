#include <algorithm>
#include <attnpool/state.hpp>
#include <cmath>
#include <limits>

#include "base/to_string.hpp"
#include "base/validate.hpp"
#include "plan/choose.hpp"

namespace attnpool {
namespace {

constexpr double ln2 = 0.69314718055994530942;

// (m, l, acc) += (m2, l2, acc2): both counted from the larger of the two maxima. An empty side is skipped, so -inf -
// -inf never happens.
void merge_into(double& m, double& l, double* acc, double m2, double l2, const double* acc2, std::size_t cols) {
  if (l2 == 0) return;
  if (l == 0) {
    m = m2;
    l = l2;
    std::copy(acc2, acc2 + cols, acc);
    return;
  }
  const double larger = std::max(m, m2), f = std::exp2(m - larger), f2 = std::exp2(m2 - larger);
  m = larger;
  l = l * f + l2 * f2;
  // A factor of 0 must not meet an infinite sum.
  for (std::size_t v = 0; v < cols; ++v) acc[v] = (f == 0 ? 0 : acc[v] * f) + (f2 == 0 ? 0 : acc2[v] * f2);
}

}  // namespace

template <class T>
PoolState<T>::PoolState(MatrixView<const T> queries, std::size_t value_cols, const Kernel& kernel)
    : query_count_(queries.rows), dims_(queries.cols), value_cols_(value_cols), kernel_(kernel) {
  detail::check_view("queries", queries);
  detail::check_positive("queries", "column", queries.cols);
  detail::check_positive("value_cols", "column", value_cols);
  detail::check_dimensions(kernel, queries.cols);
  queries_.resize(detail::checked_product("queries", query_count_, dims_));
  for (std::size_t q = 0; q < query_count_; ++q)
    std::copy(queries.row(q), queries.row(q) + dims_, queries_.data() + q * dims_);
  m_.assign(query_count_, -std::numeric_limits<double>::infinity());
  l_.assign(query_count_, 0.0);
  acc_.assign(detail::checked_product("value_cols", query_count_, value_cols), 0.0);
}

template <class T>
void PoolState<T>::update(MatrixView<const T> keys, MatrixView<const T> values, const Options& options) {
  detail::check_view("keys", keys);
  detail::check_view("values", values);
  detail::check_equal("keys", "columns", keys.cols, dims_, "queries");
  detail::check_equal("values", "columns", values.cols, value_cols_, "value_cols");
  detail::check_equal("values", "rows", values.rows, keys.rows, "keys");
  Options used = options;
  if (used.algorithm == Algorithm::dense) used.algorithm = Algorithm::automatic;  // which is what dense means here
  detail::check_unused(used, "PoolState::update", detail::uses_range | detail::uses_key_weights);
  detail::check_options(options, query_count_, keys.rows, dims_);
  if (keys.rows == 0) return;
  PoolState chunk(MatrixView<const T>(queries_.data(), query_count_, dims_), value_cols_, kernel_);
  detail::ScaledValues<T> prepared;
  prepared.prepare(values, options.key_weights);
  prepared.pack();
  detail::DenseWorkspace<T> workspace;
  const MatrixView<const T> queries(queries_.data(), query_count_, dims_);
  const detail::Sink sink = [&](const detail::QuerySums& q) {
    for (std::size_t i = 0; i < q.count; ++i) {
      const double l = q.weight(0, i);
      const std::size_t query = q.query(i);
      chunk.m_[query] = -q.reference;
      chunk.l_[query] = l;
      for (std::size_t v = 0; v < value_cols_; ++v) {
        const double irregular = prepared.irregular(options.range, query, v);
        chunk.acc_[query * value_cols_ + v] =
            irregular != 0 ? irregular : prepared.unit[v] * q.value(0, v, i) + prepared.middle[v] * l;
      }
    }
  };
  detail::run_dense<T>({queries, keys, kernel_, detail::Moments::none, options}, prepared, workspace, sink);
  merge(chunk);
}

template <class T>
void PoolState<T>::merge(const PoolState& other) {
  if (other.query_count_ != query_count_ || other.dims_ != dims_)
    detail::bad_argument("other", "must have the same queries: " + detail::to_string(query_count_) + " x " +
                                      detail::to_string(dims_) + ", got " + detail::to_string(other.query_count_) +
                                      " x " + detail::to_string(other.dims_));
  detail::check_equal("other", "value columns", other.value_cols_, value_cols_, "this state");
  if (other.kernel_.w() != kernel_.w()) detail::bad_argument("other", "has another w");
  if (other.kernel_.profile() != kernel_.profile()) detail::bad_argument("other", "has another kernel");
  const auto same = [](T a, T b) { return a == b || (std::isnan(a) && std::isnan(b)); };
  if (!std::equal(queries_.begin(), queries_.end(), other.queries_.begin(), same))
    detail::bad_argument("other", "has other queries");
  for (std::size_t q = 0; q < query_count_; ++q)
    merge_into(m_[q], l_[q], acc_.data() + q * value_cols_, other.m_[q], other.l_[q],
               other.acc_.data() + q * value_cols_, value_cols_);
}

template <class T>
void PoolState<T>::finish(MatrixView<T> out) const {
  detail::check_view("out", out);
  detail::check_equal("out", "rows", out.rows, query_count_, "queries");
  detail::check_equal("out", "columns", out.cols, value_cols_, "value_cols");
  for (std::size_t q = 0; q < query_count_; ++q)
    for (std::size_t v = 0; v < value_cols_; ++v)
      out(q, v) = l_[q] > 0 ? static_cast<T>(acc_[q * value_cols_ + v] / l_[q]) : std::numeric_limits<T>::quiet_NaN();
}

template <class T>
void PoolState<T>::log_sum_exp(T* out) const {
  if (query_count_ > 0 && !out)
    detail::bad_argument("out", "is null for " + detail::to_string(query_count_) + " queries");
  for (std::size_t q = 0; q < query_count_; ++q) out[q] = static_cast<T>(ln2 * m_[q] + std::log(l_[q]));
}

template class PoolState<float>;
template class PoolState<double>;

}  // namespace attnpool
