#include <algorithm>
#include <atomic>
#include <attnpool/custom_kernel.hpp>
#include <attnpool/pool.hpp>
#include <limits>

#include "api/steps.hpp"
#include "base/to_string.hpp"
#include "base/validate.hpp"
#include "data/interval.hpp"
#include "data/units.hpp"
#include "inference/nearest_distance.hpp"
#include "plan/few_queries.hpp"
#include "result/local_polynomial.hpp"

namespace attnpool {

template <class T>
void detail::check_pool(In<T> queries, In<T> keys, In<T> values, const Kernel& kernel, MatrixView<T> out) {
  detail::check_inputs(queries, keys, values, kernel);
  detail::check_view("out", out);
  detail::check_equal("out", "rows", out.rows, queries.rows, "queries");
  detail::check_equal("out", "columns", out.cols, values.cols, "values");
  detail::check_no_overlap("out", out, "queries", queries);
  detail::check_no_overlap("out", out, "keys", keys);
  detail::check_no_overlap("out", out, "values", values);
}

namespace {

// Writes the answers of pool(): the sums of a group of queries become rows of out, bounds and statuses.
template <class T>
class PoolSink {
 public:
  PoolSink(const detail::PoolRequest<T>& request, MatrixView<T> out, detail::Workspace<T>& workspace)
      : request_(request),
        out_(out),
        values_(workspace.values),
        scale_(detail::scales_of(request.kernel, request.keys.cols)),
        bound_(request.wants_bounds() ? detail::dense_error(request, workspace) : 0) {}

  void operator()(const detail::QuerySums& q) {
    request_.moments == detail::Moments::none ? write_means(q) : write_polynomials(q);
    if (request_.options.empty == Empty::error) find_empty(q);
    if (request_.wants_bounds()) write_bounds(q);
    if (!request_.options.status.empty())
      for (std::size_t i = 0; i < q.count; ++i) request_.options.status[q.query(i)] = status(q, i);
  }

  double largest_bound() const { return largest_; }
  void refuse_empty() const {
    if (empty_ == KeyRange::none) return;
    detail::bad_argument("queries[" + detail::to_string(empty_.load()) + "]",
                         request_.custom
                             ? std::string("has no key of any weight")
                             : "has no key within one bandwidth, where the " +
                                   std::string(attnpool::to_string(request_.profile().shape)) + " kernel ends");
  }

 private:
  const detail::PoolRequest<T>& request_;
  const MatrixView<T> out_;
  const detail::ScaledValues<T>& values_;
  const std::vector<double> scale_;
  const double bound_;  // where the plan knows none of its own for each query
  std::atomic<double> largest_{0};
  std::atomic<std::size_t> empty_{KeyRange::none};

  void write_means(const detail::QuerySums& q) {
    double mean[detail::query_block];
    for (std::size_t v = 0; v < out_.cols; ++v) {
      detail::weighted_means(values_, request_.options.range, q, v, mean);
      if (!q.order && out_.row_stride == 1) {  // vectorised
        for (std::size_t i = 0; i < q.count; ++i) out_.data[q.first + i] = static_cast<T>(mean[i]);
      } else {
        for (std::size_t i = 0; i < q.count; ++i) out_(q.query(i), v) = static_cast<T>(mean[i]);
      }
    }
  }

  detail::LocalPolynomial polynomial(const detail::QuerySums& q, std::size_t lane) const {
    double to_query[detail::LocalPolynomial::most_terms];
    for (std::size_t d = 0; q.origin && d < request_.keys.cols; ++d)
      to_query[d] = (static_cast<double>(request_.queries(q.query(lane), d)) - q.origin[d]) * scale_[d];
    return {q, lane, request_.moments, request_.keys.cols, q.origin ? to_query : nullptr};
  }

  void write_polynomials(const detail::QuerySums& q) {
    if (request_.moments == detail::Moments::line && request_.keys.cols == 1 && !q.origin) return write_lines(q);
    for (std::size_t i = 0; i < q.count; ++i) {
      const detail::LocalPolynomial fit = polynomial(q, i);
      const std::size_t query = q.query(i);
      for (std::size_t v = 0; v < out_.cols; ++v) {
        const double value = values_.middle[v] + values_.unit[v] * fit.value(v);
        out_(query, v) = static_cast<T>(values_.all_finite() ? value : with_irregular(q, i, v, value));
      }
    }
  }

  void write_lines(const detail::QuerySums& q) {
    double value[detail::query_block];
    for (std::size_t v = 0; v < out_.cols; ++v) {
      detail::local_lines(q, v, value);
      const double middle = values_.middle[v], unit = values_.unit[v];
      for (std::size_t i = 0; i < q.count; ++i) value[i] = middle + unit * value[i];
      for (std::size_t i = 0; i < q.count && !values_.all_finite(); ++i) value[i] = with_irregular(q, i, v, value[i]);
      for (std::size_t i = 0; i < q.count; ++i) out_(q.query(i), v) = static_cast<T>(value[i]);
    }
  }

  double with_irregular(const detail::QuerySums& q, std::size_t i, std::size_t v, double value) const {
    if (!(q.weight(0, i) > 0)) return value;
    const double irregular = values_.irregular(request_.options.range, q.query(i), v);
    return irregular != 0 ? irregular : value;
  }

  // The bound of the means; a local polynomial gives keys weights of either sign and loses digits to its conditioning.
  double bound(const detail::QuerySums& q, std::size_t i) const {
    if (!(q.weight(0, i) > 0)) return std::numeric_limits<double>::quiet_NaN();
    if (q.bounds && q.bounds_are_of_lines) return q.bounds[i];
    double own = q.bounds ? q.bounds[i] : bound_;
    if (!q.bounds && request_.is_compact()) {
      // A weight is off by some 100 roundings of 1, whatever it is itself.
      const double total = q.weight(0, i);
      own += 100 * static_cast<double>(std::numeric_limits<T>::epsilon()) * static_cast<double>(request_.keys.rows) /
             total;
    }
    if (request_.moments == detail::Moments::none) return own;
    const detail::LocalPolynomial fit = polynomial(q, i);
    return own * (1 + 8 * fit.own_factor() / (q.origin ? 1 : fit.conditioning()));
  }

  void write_bounds(const detail::QuerySums& q) {
    double block = 0;
    for (std::size_t i = 0; i < q.count; ++i) {
      const double own = bound(q, i);
      if (!request_.options.error_bounds.empty()) request_.options.error_bounds[q.query(i)] = own;
      if (own > block) block = own;
    }
    double seen = largest_;
    while (block > seen && !largest_.compare_exchange_weak(seen, block)) {
    }
  }

  bool is_empty(const detail::QuerySums& q, std::size_t i) const {
    return q.empty || (q.weight(0, i) == 0 && request_.is_compact() && sees_keys(q.query(i)));
  }
  bool sees_keys(std::size_t query) const {
    for (const detail::Interval& interval : detail::visible_keys(request_.options.range, query, request_.keys.rows))
      for (std::size_t k = interval.begin; k < interval.end; ++k)
        if (values_.has_weight(k)) return true;
    return false;
  }

  void find_empty(const detail::QuerySums& q) {
    for (std::size_t i = 0; i < q.count; ++i) {
      if (!is_empty(q, i)) continue;
      std::size_t first = empty_;
      while (q.query(i) < first && !empty_.compare_exchange_weak(first, q.query(i))) {
      }
    }
  }

  QueryStatus status(const detail::QuerySums& q, std::size_t i) const {
    if (is_empty(q, i)) return QueryStatus::empty;
    if (!(q.weight(0, i) > 0)) return QueryStatus::unseen;
    if (request_.moments != detail::Moments::none && !polynomial(q, i).is_complete()) return QueryStatus::lower_order;
    return QueryStatus::answered;
  }
};

// Statuses of queries that are far from every key. Kernels of compact support have none.
template <class T>
void find_far_queries(const detail::PoolRequest<T>& request) {
  const std::size_t dims = request.keys.cols;
  const auto in_double = [dims](MatrixView<const T> rows) {
    std::vector<double> copy(rows.rows * dims);
    for (std::size_t r = 0; r < rows.rows; ++r)
      for (std::size_t d = 0; d < dims; ++d) copy[r * dims + d] = static_cast<double>(rows(r, d));
    return copy;
  };
  const std::vector<double> keys = in_double(request.keys), queries = in_double(request.queries);
  const detail::NearestDistance nearest({keys.data(), request.keys.rows, dims}, request.kernel);
  const std::vector<double> distance =
      nearest({queries.data(), request.queries.rows, dims}, request.options.threads, {});
  for (std::size_t q = 0; q < distance.size(); ++q)
    if (distance[q] > 4 && request.options.status[q] == QueryStatus::answered)
      request.options.status[q] = QueryStatus::far;
}

}  // namespace

template <class T>
void detail::pool_with(const PoolRequest<T>& request, MatrixView<T> out, Workspace<T>& workspace) {
  PoolSink<T> sink(request, out, workspace);
  detail::execute<T>(request, workspace, [&sink](const detail::QuerySums& q) { sink(q); });
  if (request.options.report) request.options.report->error_bound = sink.largest_bound();
  if (!request.options.status.empty() && !request.is_compact() && request.keys.rows > 0) find_far_queries(request);
  sink.refuse_empty();
}

// Bounds and report of a request that the dense plan has answered for every query.
template <class T>
void detail::report_dense(const PoolRequest<T>& request, Workspace<T>& workspace) {
  if (!request.wants_bounds()) return;
  const double bound = dense_error(request, workspace);
  std::fill(request.options.error_bounds.begin(), request.options.error_bounds.end(), bound);
  if (request.options.report) *request.options.report = {Algorithm::dense, 0, bound};
}

template <class T>
void pool(In<T> queries, In<T> keys, In<T> values, const Kernel& kernel, MatrixView<T> out, const Options& options) {
  detail::check_pool<T>(queries, keys, values, kernel, out);
  detail::check_options(options, queries.rows, keys.rows, keys.cols, kernel.profile());
  detail::Workspace<T> workspace;
  const detail::PoolRequest<T> request{queries, keys, kernel, detail::moments_of_order(options.order), options};
  if (detail::pool_few_queries<T>(request, values, out)) return detail::report_dense(request, workspace);
  workspace.prepare(values, options);
  detail::pool_with<T>(request, out, workspace);
}

template <class T>
void pool_custom(In<T> queries, In<T> keys, In<T> values, const std::vector<double>& w,
                 void (*weigh)(const void* context, T* squares, std::size_t count), const void* context,
                 MatrixView<T> out, const Options& options) {
  const Kernel in_bandwidths(KernelShape::epanechnikov,
                             w);  // whose units are bandwidths, and whose weights are not used
  detail::check_pool<T>(queries, keys, values, in_bandwidths, out);
  detail::check_unused(options, "pool_custom",
                       detail::uses_range | detail::uses_key_weights | detail::uses_algorithm | detail::uses_order);
  detail::check_options(options, queries.rows, keys.rows, keys.cols, in_bandwidths.profile());
  if (options.order != 0)
    detail::bad_argument("order", "must be 0 under a function, got " + detail::to_string(options.order));
  if (options.empty == Empty::nearest || options.empty == Empty::mean)
    detail::bad_argument(
        "empty", std::string("must be nan or error under a function, got ") + attnpool::to_string(options.empty));
  if (options.algorithm != Algorithm::automatic && options.algorithm != Algorithm::dense)
    detail::bad_argument("algorithm", std::string(attnpool::to_string(options.algorithm)) +
                                          " cannot serve a function whose reach it does not know");
  const detail::CustomKernel<T> custom{weigh, context};
  detail::Workspace<T> workspace;
  workspace.prepare(values, options);
  detail::PoolRequest<T> request{queries, keys, in_bandwidths, detail::Moments::none, options};
  request.custom = &custom;
  detail::pool_with<T>(request, out, workspace);
}

#define ATTNPOOL_INSTANTIATE(T)                                                                                     \
  template void detail::check_pool<T>(In<T>, In<T>, In<T>, const Kernel&, MatrixView<T>);                           \
  template void detail::pool_with<T>(const PoolRequest<T>&, MatrixView<T>, Workspace<T>&);                          \
  template void pool_custom<T>(In<T>, In<T>, In<T>, const std::vector<double>&,                                     \
                               void (*)(const void*, T*, std::size_t), const void*, MatrixView<T>, const Options&); \
  template void pool<T>(In<T>, In<T>, In<T>, const Kernel&, MatrixView<T>, const Options&);
ATTNPOOL_INSTANTIATE(float)
ATTNPOOL_INSTANTIATE(double)

}  // namespace attnpool
