#include "inference/query_pass.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace attnpool::detail {

void QueryPass::resize(std::size_t queries, std::size_t dims, std::size_t cols, Moments moments) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  log2_weight.resize(queries);
  log2_at_origin.assign(queries, nan);
  origin.assign(queries * dims, nan);
  mean.resize(queries * cols);
  bound.resize(queries);
  const bool first = moments != Moments::none, second = moments == Moments::both;
  delta.resize(first ? queries * dims : 0);
  mean_delta.resize(delta.size() * cols);
  delta_square.resize(second ? queries * dims : 0);
  mean_delta_square.resize(delta_square.size() * cols);
}

void QueryPass::run(const PoolRequest<double>& request, Workspace<double>& workspace) {
  const ScaledValues<double>& values = workspace.values;
  const std::size_t dims = request.keys.cols, cols = values.cols;
  const Moments moments = request.moments;
  resize(request.queries.rows, dims, cols, moments);
  const double dense_bound = dense_error(request, workspace);
  execute<double>(request, workspace, [&](const QuerySums& q) {
    double means[query_block];
    for (std::size_t v = 0; v < cols; ++v) {
      weighted_means(values, request.options.range, q, v, means);
      for (std::size_t i = 0; i < q.count; ++i) mean[q.query(i) * cols + v] = means[i];
    }
    for (std::size_t i = 0; i < q.count; ++i) {
      const std::size_t query = q.query(i);
      const double weight = q.weight(0, i), log2 = std::log2(weight);
      log2_weight[query] = log2 - q.reference;
      bound[query] = q.bounds ? q.bounds[i] : dense_bound;
      if (q.origin) {
        std::copy_n(q.origin, dims, origin.data() + query * dims);
        log2_at_origin[query] = log2 - q.reference_at_origin;
      }
      for (std::size_t p = 0; p < parameter_count(moments, dims); ++p) {
        const MomentFactors factors = factors_of(moments, p, dims);
        const std::size_t at = query * dims + factors.dims[0];
        const bool first = factors.count == 1;
        (first ? delta : delta_square)[at] = q.weight(1 + p, i) / weight;
        for (std::size_t v = 0; v < cols; ++v)
          (first ? mean_delta : mean_delta_square)[at * cols + v] = values.unit[v] * (q.value(1 + p, v, i) / weight);
      }
    }
  });
}

}  // namespace attnpool::detail
