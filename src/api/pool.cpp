#include <algorithm>
#include <atomic>
#include <attnpool/pool.hpp>
#include <limits>

#include "api/steps.hpp"
#include "base/validate.hpp"
#include "plan/few_queries.hpp"

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

template <class T>
void detail::pool_with(const PoolRequest<T>& request, MatrixView<T> out, Workspace<T>& workspace) {
  const detail::ScaledValues<T>& values = workspace.values;
  const Options& options = request.options;
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const bool with_bounds = request.wants_bounds();
  // Where the plan knows none of its own for each query.
  const double bound = with_bounds ? detail::dense_error(request, workspace) : 0;
  std::atomic<double> largest{0};
  const detail::Sink sink = [&](const detail::QuerySums& q) {
    double mean[detail::query_block];
    for (std::size_t v = 0; v < out.cols; ++v) {
      detail::weighted_means(values, options.range, q, v, mean);
      if (!q.order && out.row_stride == 1) {  // vectorised
        for (std::size_t i = 0; i < q.count; ++i) out.data[q.first + i] = static_cast<T>(mean[i]);
      } else {
        for (std::size_t i = 0; i < q.count; ++i) out(q.query(i), v) = static_cast<T>(mean[i]);
      }
    }
    if (!with_bounds) return;
    double block = 0;
    for (std::size_t i = 0; i < q.count; ++i) {
      const double own = q.bounds ? q.bounds[i] : q.weight(0, i) > 0 ? bound : nan;
      if (!options.error_bounds.empty()) options.error_bounds[q.query(i)] = own;
      if (own > block) block = own;
    }
    double seen = largest;
    while (block > seen && !largest.compare_exchange_weak(seen, block)) {
    }
  };
  detail::execute(request, workspace, sink);
  if (options.report) options.report->error_bound = largest;
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
  detail::check_options(options, queries.rows, keys.rows, keys.cols);
  detail::Workspace<T> workspace;
  const detail::PoolRequest<T> request{queries, keys, kernel, detail::Moments::none, options};
  if (detail::pool_few_queries<T>(request, values, out)) return detail::report_dense(request, workspace);
  workspace.prepare(values, options);
  detail::pool_with<T>(request, out, workspace);
}

#define ATTNPOOL_INSTANTIATE(T)                                                             \
  template void detail::check_pool<T>(In<T>, In<T>, In<T>, const Kernel&, MatrixView<T>); \
  template void detail::pool_with<T>(const PoolRequest<T>&, MatrixView<T>, Workspace<T>&);  \
  template void pool<T>(In<T>, In<T>, In<T>, const Kernel&, MatrixView<T>, const Options&);
ATTNPOOL_INSTANTIATE(float)
ATTNPOOL_INSTANTIATE(double)

}  // namespace attnpool
