#include <algorithm>
#include <atomic>
#include <attnpool/pool.hpp>
#include <cmath>
#include <functional>
#include <limits>

#include "api/steps.hpp"
#include "base/dispatch.hpp"
#include "base/threads.hpp"
#include "base/to_string.hpp"
#include "base/validate.hpp"
#include "data/units.hpp"
#include "plan/few_queries.hpp"
#include "plan/nearest.hpp"

namespace attnpool {

template <class T>
void detail::check_pool(In<T> queries, In<T> keys, In<T> values, const Gaussian& score, MatrixView<T> out) {
  detail::check_inputs(queries, keys, values, score);
  detail::check_view("out", out);
  detail::check_equal("out", "rows", out.rows, queries.rows, "queries");
  detail::check_equal("out", "columns", out.cols, values.cols, "values");
  detail::check_no_overlap("out", out, "queries", queries);
  detail::check_no_overlap("out", out, "keys", keys);
  detail::check_no_overlap("out", out, "values", values);
}

// workspace must have been prepared for values.
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
      if (!options.bounds.empty()) options.bounds[q.query(i)] = own;
      if (own > block) block = own;
    }
    double seen = largest;
    while (block > seen && !largest.compare_exchange_weak(seen, block)) {
    }
  };
  detail::execute(request, workspace, sink);
  if (options.report) options.report->bound = largest;
}

template <class T>
void pool(In<T> queries, In<T> keys, In<T> values, const Gaussian& score, MatrixView<T> out, const Options& options) {
  detail::check_pool<T>(queries, keys, values, score, out);
  detail::check_options(options, queries.rows, keys.rows, keys.cols);
  if (detail::pool_few_queries<T>(queries, keys, values, score, out, options)) return;
  detail::Workspace<T> workspace;
  workspace.prepare(values, options);
  detail::pool_with<T>({queries, keys, score, detail::Moments::none, options}, out, workspace);
}

template <class T>
void pool_batch(std::size_t count, In<T> queries, In<T> keys, In<T> values, const Gaussian& score, MatrixView<T> out,
                const Options& options) {
  if (count == 0) detail::bad_argument("count", "must be at least 1, got 0");
  detail::check_pool<T>(queries, keys, values, score, out);
  detail::check_options(options, queries.rows, keys.rows, keys.cols);
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
  inner.report = nullptr;
  std::vector<detail::Workspace<T>> workspaces(static_cast<std::size_t>(threads));
  detail::parallel_for(count, threads, options.progress, [&](std::size_t i, int worker) {
    detail::Workspace<T>& workspace = workspaces[static_cast<std::size_t>(worker)];
    Options own = inner;
    const std::size_t query_count = queries.rows / count, key_count = keys.rows / count;
    if (!own.key_weights.empty()) own.key_weights = own.key_weights.subspan(i * key_count, key_count);
    if (!own.bounds.empty()) own.bounds = own.bounds.subspan(i * query_count, query_count);
    workspace.prepare(part(values, i), own);
    detail::pool_with<T>({part(queries, i), part(keys, i), score, detail::Moments::none, own}, part(out, i), workspace);
  });
}

// Derivation. u = epsilon / 2. Let weight k carry a relative error r_k; then out moves by |sum_k p_k r_k (v_k - out)|
// <= range * E|r| to first order, E the mean under the weights p. With e_k the exponent (weight 2^-e_k) and d its
// difference of scaled coordinates:
//   coordinates  scaled form: query and key are rounded, |delta d| <= u (2 R + 2 |d|), R = min(reach * 0.85, 8);
//                raw form: |delta d| <= 3 u |d|; product form: norms of at most 32 for the key and (sqrt(32) + 8)^2 <
//                192 for the query, in (D + 2) roundings of at most u (32 + 192) each, beside those of the scaled form
//                with R = sqrt(32)
//   exponent     |delta e| <= sum_d 2 |d| |delta d| + (D + 1) u e;  r = ln2 |delta e| + 4 u (polynomial 1.6 u, its
//                roundings)
// A query with a sum of weights below 2^-32 is answered elsewhere, so e is below 32 for the nearest key and E e <= 64:
// E sum |d| <= 8 sqrt(D).
//   sums         96 terms in T: 96 u for numerator and denominator each; the rest is compensated or in double
//   values       u of the half range
template <class T>
double pool_error(std::size_t dims, double reach) {
  const double u = static_cast<double>(std::numeric_limits<T>::epsilon()) / 2;
  const double big_r = std::min(reach * detail::exponent_scale, detail::BlockKeys<T>::scaled_reach),
               d = static_cast<double>(dims);
  const double exponent = 2 * 8 * std::sqrt(d) * 2 * big_r + 6 * 64 +
                          (d >= detail::BlockKeys<T>::product_dims ? (d + 2) * 224 : (d + 1) * 64);
  return u * (0.6932 * exponent + 4 + 2 * 96 + 1);
}

template <class T>
void attention_weights(In<T> queries, In<T> keys, const Gaussian& score, MatrixView<T> weights,
                       const Options& options) {
  detail::check_inputs<T>(queries, keys, score);
  detail::check_view("weights", weights);
  detail::check_equal("weights", "rows", weights.rows, queries.rows, "queries");
  detail::check_equal("weights", "columns", weights.cols, keys.rows, "keys");
  detail::check_no_overlap("weights", weights, "queries", queries);
  detail::check_no_overlap("weights", weights, "keys", keys);
  const detail::RowKeys<T> transposed(keys, score);
  const detail::Routines<T>& routines = detail::active_routines<T>();
  const std::size_t dims = keys.cols, count = keys.rows;
  const int threads =
      detail::threads_for(options.threads, static_cast<double>(queries.rows) * static_cast<double>(count) *
                                               static_cast<double>(6 * dims + 14));
  struct Scratch {
    std::vector<T> query, reference;
  };
  std::vector<Scratch> scratches(static_cast<std::size_t>(threads), {std::vector<T>(dims), std::vector<T>(dims)});
  detail::parallel_for(queries.rows, threads, options.progress, [&](std::size_t q, int worker) {
    Scratch& s = scratches[static_cast<std::size_t>(worker)];
    T* row = weights.row(q);
    const std::array<detail::Interval, 2> seen = detail::visible_keys(options.range, q, count);
    bool finite = true;
    for (std::size_t d = 0; d < dims; ++d) {
      finite &= std::isfinite(queries(q, d));
      s.query[d] = transposed.coordinate(static_cast<double>(queries(q, d)), d);
    }
    if (!finite) return std::fill(row, row + count, std::numeric_limits<T>::quiet_NaN());
    std::fill(row, row + count, T(0));
    const bool in_first = seen[0].begin < seen[0].end;
    if (!in_first && seen[1].begin >= seen[1].end) return;  // no key, no weight
    detail::find_nearest<T>(routines, transposed, seen, seen[in_first ? 0 : 1].begin, s.query.data(),
                            s.reference.data());
    T sum = 0;
    for (const detail::Interval& interval : seen) {
      if (interval.begin >= interval.end) continue;
      const detail::RowTask<T> task{s.query.data(),
                                    s.reference.data(),
                                    transposed.factor.data(),
                                    transposed.keys.data() + interval.begin,
                                    count,
                                    interval.end - interval.begin,
                                    dims};
      sum += routines.weights(task, row + interval.begin);
    }
    routines.scale(row, T(1) / sum, count);
  });
}

#define ATTNPOOL_INSTANTIATE(T)                                                                                  \
  template void detail::check_pool<T>(In<T>, In<T>, In<T>, const Gaussian&, MatrixView<T>);                      \
  template void detail::pool_with<T>(const PoolRequest<T>&, MatrixView<T>, Workspace<T>&);                       \
  template void pool<T>(In<T>, In<T>, In<T>, const Gaussian&, MatrixView<T>, const Options&);                    \
  template void pool_batch<T>(std::size_t, In<T>, In<T>, In<T>, const Gaussian&, MatrixView<T>, const Options&); \
  template double pool_error<T>(std::size_t, double);                                                            \
  template void attention_weights<T>(In<T>, In<T>, const Gaussian&, MatrixView<T>, const Options&);
ATTNPOOL_INSTANTIATE(float)
ATTNPOOL_INSTANTIATE(double)

}  // namespace attnpool
