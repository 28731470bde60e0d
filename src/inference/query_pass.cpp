#include "inference/query_pass.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace attnpool::detail {

void QueryPass::resize(std::size_t queries, std::size_t dims, std::size_t cols, Moments moments) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  weight.resize(queries);
  reference.resize(queries);
  reference_at_origin.assign(queries, nan);
  origin.assign(queries * dims, nan);
  mean.resize(queries * cols);
  const bool first = moments != Moments::none, second = moments == Moments::both;
  delta.resize(first ? queries * dims : 0);
  mean_delta.resize(delta.size() * cols);
  delta_square.resize(second ? queries * dims : 0);
  mean_delta_square.resize(delta_square.size() * cols);
}

// Lane by lane within every sum: sum by sum within every lane takes three times as long.
void QueryPass::take(const QuerySums& q, const PoolRequest<double>& request, const ScaledValues<double>& values) {
  const std::size_t dims = request.keys.cols, cols = values.cols, parameters = parameter_count(request.moments, dims);
  double means[query_block], per_weight[query_block];
  for (std::size_t v = 0; v < cols; ++v) {
    weighted_means(values, request.options.range, q, v, means);
    for (std::size_t i = 0; i < q.count; ++i) mean[q.query(i) * cols + v] = means[i];
  }
  for (std::size_t i = 0; i < q.count; ++i) {
    const std::size_t query = q.query(i);
    weight[query] = q.weight(0, i);
    reference[query] = q.reference;
    per_weight[i] = 1 / q.weight(0, i);
    if (q.bounds) bound[query] = q.bounds[i];
    if (!q.origin) continue;
    std::copy_n(q.origin, dims, origin.data() + query * dims);
    reference_at_origin[query] = q.reference_at_origin;
  }
  for (std::size_t p = 0; p < parameters; ++p) {
    const MomentFactors factors = factors_of(request.moments, p, dims);
    const bool first = factors.count == 1;
    const std::size_t d = factors.dims[0];
    double* to = (first ? delta : delta_square).data() + d;
    for (std::size_t i = 0; i < q.count; ++i) to[q.query(i) * dims] = q.weight(1 + p, i) * per_weight[i];
    for (std::size_t v = 0; v < cols; ++v) {
      to = (first ? mean_delta : mean_delta_square).data() + d * cols + v;
      const double unit = values.unit[v];
      for (std::size_t i = 0; i < q.count; ++i)
        to[q.query(i) * dims * cols] = unit * (q.value(1 + p, v, i) * per_weight[i]);
    }
  }
}

void QueryPass::run(const PoolRequest<double>& request, Workspace<double>& workspace, const Sink& answered) {
  const ScaledValues<double>& values = workspace.values;
  resize(request.queries.rows, request.keys.cols, values.cols, request.moments);
  if (request.wants_bounds()) bound.assign(request.queries.rows, dense_error(request, workspace));
  execute<double>(request, workspace, [&](const QuerySums& q) {
    take(q, request, values);
    if (answered) answered(q);
  });
}

}  // namespace attnpool::detail
