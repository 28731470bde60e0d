#include <algorithm>
#include <attnpool/pool.hpp>
#include <cmath>
#include <functional>
#include <limits>

#include "dispatch.hpp"
#include "engine.hpp"
#include "far.hpp"
#include "stream.hpp"
#include "text.hpp"
#include "threads.hpp"
#include "validate.hpp"

namespace attnpool {

namespace {

template <class T>
void check_pool(In<T> queries, In<T> keys, In<T> values, const Gaussian& score, MatrixView<T> out) {
  detail::check_inputs(queries, keys, values, score);
  detail::check_view("out", out);
  detail::check_equal("out", "rows", out.rows, queries.rows, "queries");
  detail::check_equal("out", "columns", out.cols, values.cols, "values");
  detail::check_no_overlap("out", out, "queries", queries);
  detail::check_no_overlap("out", out, "keys", keys);
  detail::check_no_overlap("out", out, "values", values);
}

template <class T>
void pool_with(In<T> queries, In<T> keys, In<T> values, const Gaussian& score, MatrixView<T> out,
               const Options& options, detail::Workspace<T>& workspace) {
  workspace.values.prepare(values);
  const auto finish = [&](const detail::QuerySums& q) {
    double mean[detail::query_block];
    for (std::size_t v = 0; v < out.cols; ++v) {
      detail::weighted_means(workspace.values, options.range, q, v, mean);
      for (std::size_t i = 0; i < q.count; ++i) out(q.first + i, v) = static_cast<T>(mean[i]);
    }
  };
  detail::for_each_query<T>(queries, keys, score, detail::Moments::none, options, workspace, std::ref(finish));
}

}  // namespace

template <class T>
void pool(In<T> queries, In<T> keys, In<T> values, const Gaussian& score, MatrixView<T> out, const Options& options) {
  check_pool<T>(queries, keys, values, score, out);
  if (detail::pool_few<T>(queries, keys, values, score, out, options)) return;
  detail::Workspace<T> workspace;
  pool_with<T>(queries, keys, values, score, out, options, workspace);
}

template <class T>
std::string explain_pool(In<T> queries, In<T> keys, In<T> values, const Gaussian& score, const Options& options) {
  detail::check_inputs<T>(queries, keys, values, score);
  detail::Workspace<T> workspace;
  workspace.values.prepare(values);
  const std::string dense = detail::explain_dense<T>(queries, keys, score, options, workspace);
  if (!detail::is_few(queries.rows, keys.rows)) return dense;
  return "stream: few queries on many keys, keys and values are read once as they lie; should a query be far from "
         "every key, or an entry not\n"
         "finite, it is\n" +
         dense;
}

template <class T>
void pool_batch(std::size_t count, In<T> queries, In<T> keys, In<T> values, const Gaussian& score, MatrixView<T> out,
                const Options& options) {
  if (count == 0) detail::bad_argument("count", "must be at least 1, got 0");
  check_pool<T>(queries, keys, values, score, out);
  for (auto [name, rows] : {std::pair{"queries", queries.rows}, {"keys", keys.rows}})
    if (rows % count != 0)
      detail::bad_argument(
          name, "must have a multiple of count = " + detail::text(count) + " rows, got " + detail::text(rows));
  const auto part = [count](auto view, std::size_t problem) {
    const std::size_t rows = view.rows / count;
    return decltype(view){view.row(problem * rows), rows, view.cols, view.row_stride};
  };
  const double pairs = static_cast<double>(queries.rows) * static_cast<double>(keys.rows / count);
  const int threads = detail::threads_for(options.threads, pairs * static_cast<double>(keys.cols + values.cols + 14));
  Options inner = options;
  inner.threads = 1;
  inner.progress = {};
  std::vector<detail::Workspace<T>> workspaces(static_cast<std::size_t>(threads));
  detail::parallel_for(count, threads, options.progress, [&](std::size_t i, int worker) {
    pool_with<T>(part(queries, i), part(keys, i), part(values, i), score, part(out, i), inner,
                 workspaces[static_cast<std::size_t>(worker)]);
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
  const double big_r = std::min(reach * detail::exponent_scale, detail::PreparedKeys<T>::scaled_reach),
               d = static_cast<double>(dims);
  const double exponent = 2 * 8 * std::sqrt(d) * 2 * big_r + 6 * 64 +
                          (d >= detail::PreparedKeys<T>::product_dims ? (d + 2) * 224 : (d + 1) * 64);
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
  const detail::TransposedKeys<T> transposed(keys, score);
  const detail::Kernels<T>& kernels = detail::active_kernels<T>();
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
    const detail::Intervals seen(options.range, q, count);
    bool finite = true;
    for (std::size_t d = 0; d < dims; ++d) {
      finite &= std::isfinite(queries(q, d));
      s.query[d] = transposed.coordinate(static_cast<double>(queries(q, d)), d);
    }
    if (!finite) return std::fill(row, row + count, std::numeric_limits<T>::quiet_NaN());
    std::fill(row, row + count, T(0));
    if (seen.begin[0] >= seen.end[0] && seen.begin[1] >= seen.end[1]) return;  // no key, no weight
    detail::find_nearest(kernels, transposed, seen, s.query.data(), s.reference.data());
    T sum = 0;
    for (int i = 0; i < 2; ++i) {
      if (seen.begin[i] >= seen.end[i]) continue;
      const detail::RowTask<T> task{s.query.data(), s.reference.data(),          transposed.keys.data() + seen.begin[i],
                                    count,          seen.end[i] - seen.begin[i], dims};
      sum += kernels.weights(task, row + seen.begin[i]);
    }
    kernels.scale(row, T(1) / sum, count);
  });
}

#define ATTNPOOL_INSTANTIATE(T)                                                                                  \
  template void pool<T>(In<T>, In<T>, In<T>, const Gaussian&, MatrixView<T>, const Options&);                    \
  template void pool_batch<T>(std::size_t, In<T>, In<T>, In<T>, const Gaussian&, MatrixView<T>, const Options&); \
  template std::string explain_pool<T>(In<T>, In<T>, In<T>, const Gaussian&, const Options&);                    \
  template double pool_error<T>(std::size_t, double);                                                            \
  template void attention_weights<T>(In<T>, In<T>, const Gaussian&, MatrixView<T>, const Options&);
ATTNPOOL_INSTANTIATE(float)
ATTNPOOL_INSTANTIATE(double)

}  // namespace attnpool
