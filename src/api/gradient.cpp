#include <algorithm>
#include <attnpool/gradient.hpp>
#include <cmath>
#include <limits>

#include "api/steps.hpp"
#include "base/validate.hpp"
#include "data/units.hpp"

namespace attnpool {
namespace {

// d out[v] / d w_p = -Cov(v, w_p delta_p^2) under the Gaussian weights; under others their decline stands in the place of the
// weights in the products (profile-inl.hpp), and the same formula holds. The routines sum the scaled square e_p = w_p^2 s^2
// delta_p^2, s^2 = log2(e) / 2, so it is -Cov(v, e_p) / (w_p s^2); at w_p = 0 that is the limit 0.
template <class T>
double derivative(const detail::ScaledValues<T>& values, const KeyRange& range, const Kernel& kernel,
                  const detail::QuerySums& q, std::size_t lane, std::size_t p, std::size_t v) {
  const double weight = q.weight(0, lane), mean = q.value(0, v, lane) / weight;
  if (!(weight > 0) || values.irregular(range, q.query(lane), v) != 0) return std::numeric_limits<double>::quiet_NaN();
  const double w = kernel.w()[p];
  if (w == 0) return 0;
  const double covariance = q.value(1 + p, v, lane) / weight - mean * (q.weight(1 + p, lane) / weight);
  return -covariance * values.unit[v] / (w * detail::exponent_scale_squared);
}

}  // namespace

template <class T>
void pool_gradient(In<T> queries, In<T> keys, In<T> values, const Kernel& kernel, MatrixView<T> out,
                   MatrixView<T> gradient, const Options& options) {
  detail::check_inputs(queries, keys, values, kernel);
  detail::check_view("out", out);
  detail::check_equal("out", "rows", out.rows, queries.rows, "queries");
  detail::check_equal("out", "columns", out.cols, values.cols, "values");
  const std::size_t parameters = kernel.w().size();
  detail::check_view("gradient", gradient);
  detail::check_equal("gradient", "rows", gradient.rows, queries.rows, "queries");
  detail::check_equal("gradient", "columns", gradient.cols,
                      detail::checked_product("gradient", parameters, values.cols),
                      "entries of w times columns of values");
  for (auto [name, view] : {std::pair{"queries", queries}, {"keys", keys}, {"values", values}}) {
    detail::check_no_overlap("out", out, name, view);
    detail::check_no_overlap("gradient", gradient, name, view);
  }
  detail::check_no_overlap<T>("gradient", gradient, "out", out);
  detail::check_unused(options, "pool_gradient",
                       detail::uses_range | detail::uses_key_weights | detail::uses_algorithm | detail::uses_report);
  detail::check_options(options, queries.rows, keys.rows, keys.cols, kernel.profile());
  detail::check_differentiable(kernel.profile());
  detail::Workspace<T> workspace;
  workspace.prepare(values, options);
  const detail::ScaledValues<T>& prepared = workspace.values;
  const detail::Sink sink = [&](const detail::QuerySums& q) {
    double mean[detail::query_block];
    for (std::size_t v = 0; v < values.cols; ++v) {
      detail::weighted_means(prepared, options.range, q, v, mean);
      for (std::size_t i = 0; i < q.count; ++i) {
        out(q.query(i), v) = static_cast<T>(mean[i]);
        for (std::size_t p = 0; p < parameters; ++p)
          gradient(q.query(i), p * values.cols + v) =
              static_cast<T>(derivative(prepared, options.range, kernel, q, i, p, v));
      }
    }
  };
  detail::execute<T>({queries, keys, kernel, detail::moments_of(kernel), options}, workspace, sink);
}

template <class T>
LossAndGradient loss_gradient(MatrixView<const T> queries, MatrixView<const T> keys, MatrixView<const T> values,
                              MatrixView<const T> targets, const Kernel& kernel, Loss loss, const Options& options) {
  detail::check_inputs(queries, keys, values, kernel);
  detail::check_view("targets", targets);
  detail::check_equal("targets", "rows", targets.rows, queries.rows, "queries");
  detail::check_equal("targets", "columns", targets.cols, values.cols, "values");
  detail::check_positive("queries", "row", queries.rows);
  detail::check_unused(options, "loss_gradient",
                       detail::uses_range | detail::uses_key_weights | detail::uses_algorithm | detail::uses_report);
  detail::check_options(options, queries.rows, keys.rows, keys.cols, kernel.profile());
  detail::check_differentiable(kernel.profile());
  detail::Workspace<T> workspace;
  workspace.prepare(values, options);
  return detail::loss_gradient(detail::PoolRequest<T>{queries, keys, kernel, detail::moments_of(kernel), options},
                               targets, loss, workspace);
}

template <class T>
LossAndGradient detail::loss_gradient(const PoolRequest<T>& request, MatrixView<const T> targets, Loss loss,
                                      Workspace<T>& workspace) {
  const ScaledValues<T>& values = workspace.values;
  const std::size_t parameters = parameter_count(request.moments, request.keys.cols), count = request.queries.rows;
  // Per query: sum of squared residuals, then sum of residual * derivative; added afterwards in the order of the
  // queries.
  std::vector<double> terms(checked_product("queries", count, 1 + parameters));
  const Sink sink = [&](const QuerySums& q) {
    double mean[query_block];
    for (std::size_t i = 0; i < q.count; ++i)
      std::fill_n(terms.data() + q.query(i) * (1 + parameters), 1 + parameters, 0.0);
    for (std::size_t v = 0; v < values.cols; ++v) {
      weighted_means(values, request.options.range, q, v, mean);
      for (std::size_t i = 0; i < q.count; ++i) {
        double* term = terms.data() + q.query(i) * (1 + parameters);
        const double residual = mean[i] - static_cast<double>(targets(q.query(i), v));
        term[0] += residual * residual;
        for (std::size_t p = 0; p < parameters; ++p)
          term[1 + p] += residual * derivative(values, request.options.range, request.kernel, q, i, p, v);
      }
    }
  };
  execute(request, workspace, sink);
  std::vector<double> total(1 + parameters);
  for (std::size_t q = 0; q < count; ++q)
    for (std::size_t p = 0; p <= parameters; ++p) total[p] += terms[q * (1 + parameters) + p];
  const double n = static_cast<double>(count) * static_cast<double>(values.cols);
  const double of_square = loss == Loss::mean ? 1 / n : 0.5;
  LossAndGradient result{total[0] * of_square, std::vector<double>(parameters)};
  for (std::size_t p = 0; p < parameters; ++p) result.gradient[p] = 2 * of_square * total[1 + p];
  return result;
}

#define ATTNPOOL_INSTANTIATE(T)                                                                                     \
  template void pool_gradient<T>(In<T>, In<T>, In<T>, const Kernel&, MatrixView<T>, MatrixView<T>, const Options&); \
  template LossAndGradient loss_gradient(MatrixView<const T>, MatrixView<const T>, MatrixView<const T>,             \
                                         MatrixView<const T>, const Kernel&, Loss, const Options&);
ATTNPOOL_INSTANTIATE(float)
ATTNPOOL_INSTANTIATE(double)

}  // namespace attnpool
