#include <algorithm>
#include <attnpool/pool.hpp>
#include <span>

#include "api/steps.hpp"
#include "base/threads.hpp"
#include "base/to_string.hpp"
#include "base/validate.hpp"

namespace attnpool {

template <class T>
void pool_batch(std::size_t count, In<T> queries, In<T> keys, In<T> values, const Kernel& kernel, MatrixView<T> out,
                const Options& options) {
  if (count == 0) detail::bad_argument("count", "must be at least 1, got 0");
  detail::check_pool<T>(queries, keys, values, kernel, out);
  detail::check_options(options, queries.rows, keys.rows, keys.cols, kernel.profile());
  for (auto [name, rows] : {std::pair{"queries", queries.rows}, {"keys", keys.rows}})
    if (rows % count != 0)
      detail::bad_argument(name, "must have a multiple of count = " + detail::to_string(count) + " rows, got " +
                                     detail::to_string(rows));
  const auto part = [count](auto view, std::size_t problem) {
    const std::size_t rows = view.rows / count;
    return decltype(view){view.row(problem * rows), rows, view.cols, view.row_stride};
  };
  const double pairs = static_cast<double>(queries.rows) * static_cast<double>(keys.rows / count);
  const int threads = detail::threads_for(options.threads, pairs * static_cast<double>(keys.cols + values.cols + 14));
  Options inner = options;
  inner.threads = 1;
  inner.progress = {};
  std::vector<Report> reports(options.report ? count : 0);
  std::vector<detail::Workspace<T>> workspaces(static_cast<std::size_t>(threads));
  detail::parallel_for(count, threads, options.progress, [&](std::size_t i, int worker) {
    detail::Workspace<T>& workspace = workspaces[static_cast<std::size_t>(worker)];
    Options own = inner;
    const std::size_t query_count = queries.rows / count, key_count = keys.rows / count;
    if (!own.key_weights.empty()) own.key_weights = own.key_weights.subspan(i * key_count, key_count);
    if (!own.error_bounds.empty()) own.error_bounds = own.error_bounds.subspan(i * query_count, query_count);
    if (!own.status.empty()) own.status = own.status.subspan(i * query_count, query_count);
    if (options.report) own.report = &reports[i];
    workspace.prepare(part(values, i), own);
    detail::pool_with<T>({part(queries, i), part(keys, i), kernel, detail::moments_of_order(own.order), own},
                         part(out, i), workspace);
  });
  if (!options.report) return;
  *options.report = reports.front();
  for (const Report& report : std::span(reports).subspan(1)) {
    options.report->fallback_queries += report.fallback_queries;
    options.report->error_bound = std::max(options.report->error_bound, report.error_bound);
  }
}

template void pool_batch<float>(std::size_t, In<float>, In<float>, In<float>, const Kernel&, MatrixView<float>,
                                const Options&);
template void pool_batch<double>(std::size_t, In<double>, In<double>, In<double>, const Kernel&, MatrixView<double>,
                                 const Options&);

}  // namespace attnpool
