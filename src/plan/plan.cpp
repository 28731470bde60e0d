#include "plan/plan.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/threads.hpp"
#include "base/to_string.hpp"
#include "plan/choose.hpp"
#include "plan/cost_model.hpp"

namespace attnpool::detail {
namespace {

// Plans that reorder points can serve all queries with the same keys, except possibly their own.
std::string refusal_of_range(const KeyRange& range) {
  return range.is_same_for_all_queries() || range.excludes_self()
             ? ""
             : "cannot serve a range of keys that follows the query";
}

// Plans that reorder points number them in 32 bits.
template <class T>
bool can_number(const PoolRequest<T>& request) {
  constexpr std::size_t most = std::numeric_limits<std::uint32_t>::max();
  return request.keys.rows < most && request.queries.rows < most;
}

template <class T>
double pair_seconds(const PoolRequest<T>& request, const Workspace<T>& workspace) {
  const std::size_t dims = request.keys.cols;
  return cost::pair(dims, workspace.values.planes, parameter_count(request.moments, dims), sizeof(T),
                    takes_exponential(request));
}

template <class T>
PlanCost dense_cost(const CostInput<T>& in) {
  const double queries = static_cast<double>(in.request.queries.rows), keys = static_cast<double>(in.request.keys.rows);
  const std::size_t dims = in.request.keys.cols;
  return {.algorithm = Algorithm::dense,
          .possible = true,
          .seconds = cost::dense(queries, keys, pair_seconds(in.request, in.workspace)) +
                     queries * keys * cost::far_pair(in.sample.far, dims),
          .bytes = keys * static_cast<double>((dims + in.workspace.values.cols) * sizeof(T)),
          .error = in.dense_error};
}

template <class T>
std::vector<std::uint32_t> carry_out_dense(const PoolRequest<T>& request, Workspace<T>& workspace, const PlanCost&,
                                           const Sink& sink, const std::vector<std::uint32_t>* subset) {
  workspace.values.pack();
  Selection selection;
  if (subset) selection = {.query_order = subset->data(), .key_count = request.keys.rows};
  run_dense(request, workspace.values, workspace.dense, sink, subset ? &selection : nullptr);
  return {};
}

template <class T>
PlanCost pruned_cost(const CostInput<T>& in) {
  const double queries = static_cast<double>(in.request.queries.rows), keys = static_cast<double>(in.request.keys.rows);
  const std::size_t dims = in.request.keys.cols, cols = in.workspace.values.cols;
  const double pair = pair_seconds(in.request, in.workspace) * 1.1 + cost::far_pair(in.sample.far, dims);
  return {.algorithm = Algorithm::pruned,
          .possible = can_number(in.request),
          .seconds = cost::pruned(queries, keys, dims, in.sample.visited, pair),
          .bytes = keys * (12 + 2 * static_cast<double>((dims + cols) * sizeof(T))) +
                   queries * static_cast<double>(dims * sizeof(T) + 4),
          .error = in.dense_error};
}

template <class T>
std::vector<std::uint32_t> carry_out_pruned(const PoolRequest<T>& request, Workspace<T>& workspace, const PlanCost&,
                                            const Sink& sink, const std::vector<std::uint32_t>* subset) {
  workspace.values.pack();
  if (!workspace.has_pruned || !suits(workspace.pruned, request.kernel, request.keys.cols))
    prepare_pruned(request.keys, workspace.values, request.kernel, workspace.pruned);
  workspace.has_pruned = true;
  run_pruned(request, workspace.pruned, sink, subset);
  return {};
}

std::string pruned_refusal(const RequestKind& kind) {
  if (kind.custom) return "cannot serve a kernel whose reach it does not know";
  return refusal_of_range(kind.range);
}

std::string grid_refusal(const RequestKind& kind) {
  if (kind.dims > most_grid_dims)
    return "needs at most " + to_string(most_grid_dims) + " dimensions, got " + to_string(kind.dims);
  if (kind.custom || !kind.profile.is_gaussian())
    return std::string("needs the gaussian kernel, got ") +
           (kind.custom ? "a function" : attnpool::to_string(kind.profile.shape));
  if (kind.order > 1) return "needs order 0 or 1, got " + to_string(kind.order);
  return refusal_of_range(kind.range);
}

template <class T>
PlanCost grid_cost(const CostInput<T>& in) {
  PlanCost c{.algorithm = Algorithm::grid, .error = in.tolerance};
  if (!can_number(in.request)) return c;
  c.resolution = choose_resolution({.region = in.workspace.region,
                                    .kernel = in.request.kernel,
                                    .moments = in.request.moments,
                                    .tolerance = in.tolerance,
                                    .key_count = in.request.keys.rows,
                                    .query_count = in.request.queries.rows,
                                    .cols = in.workspace.values.cols});
  c.possible = c.resolution.possible;
  c.bytes = c.resolution.bytes;
  double other = std::numeric_limits<double>::infinity();
  for (const PlanCost& o : in.others)
    if (o.possible) other = std::min(other, o.seconds);
  c.seconds = c.resolution.seconds + in.sample.deserted * other;
  if (!c.possible) {
    double reach = 0;
    for (std::size_t d = 0; d < in.request.keys.cols; ++d)
      reach = std::max(reach, in.workspace.box.half(d) * std::abs(in.request.kernel.w_of(d)));
    c.problem = "would need " + to_string(std::ceil(c.resolution.boxes)) + " boxes, too many: keys reach " +
                to_string(std::round(reach)) + " bandwidths from their centre";
  }
  return c;
}

template <class T>
std::vector<std::uint32_t> carry_out_grid(const PoolRequest<T>& request, Workspace<T>& workspace, const PlanCost& cost,
                                          const Sink& sink, const std::vector<std::uint32_t>*) {
  const int threads = threads_for(
      request.options.threads,
      cost::grid_operations(static_cast<double>(request.queries.rows), static_cast<double>(request.keys.rows)));
  workspace.grid.build(request.keys, workspace.values, workspace.region, request.kernel, request.moments, cost.error,
                       cost.resolution.width, threads);
  return workspace.grid.answer(request, workspace.values, threads, sink);
}

std::string window_refusal(const RequestKind& kind) {
  if (kind.dims > 1) return "needs one dimension, got " + to_string(kind.dims);
  if (kind.custom || KernelPolynomial(kind.profile.shape).c.empty())
    return std::string("needs a kernel that is a polynomial on each side, boxcar to tricube, got ") +
           (kind.custom ? "a function" : attnpool::to_string(kind.profile.shape));
  return refusal_of_range(kind.range);
}

template <class T>
PlanCost window_cost(const CostInput<T>& in) {
  PlanCost c{.algorithm = Algorithm::window, .error = std::max(in.tolerance, in.dense_error)};
  const PoolRequest<T>& request = in.request;
  if (request.moments != Moments::none && !is_local(request.moments)) {
    c.problem = "serves predictions, not derivatives";
    return c;
  }
  if (!can_number(request)) return c;
  const BoundingBox<T>& box = in.workspace.box;
  c.layout = choose_window(request, in.workspace.region, box.low[0], box.high[0], in.workspace.values.cols);
  c.possible = c.layout.possible;
  c.seconds = c.layout.seconds;
  c.bytes = c.layout.bytes;
  if (!c.possible) c.problem = "would need too many cells";
  return c;
}

template <class T>
std::vector<std::uint32_t> carry_out_window(const PoolRequest<T>& request, Workspace<T>& workspace,
                                            const PlanCost& cost, const Sink& sink, const std::vector<std::uint32_t>*) {
  const int threads = threads_for(
      request.options.threads,
      cost::grid_operations(static_cast<double>(request.queries.rows), static_cast<double>(request.keys.rows)));
  workspace.window.build(request, workspace.values, cost.layout, threads);
  return workspace.window.answer(request, workspace.values, tolerance_of<T>(request.options), threads, sink);
}

template <class T>
constexpr std::array<Plan<T>, 4> table{{
    {Algorithm::dense, [](const RequestKind&) { return std::string(); }, dense_cost<T>, carry_out_dense<T>},
    {Algorithm::pruned, pruned_refusal, pruned_cost<T>, carry_out_pruned<T>},
    {Algorithm::grid, grid_refusal, grid_cost<T>, carry_out_grid<T>},
    {Algorithm::window, window_refusal, window_cost<T>, carry_out_window<T>},
}};

}  // namespace

template <class T>
std::span<const Plan<T>> plans() {
  return table<T>;
}

template std::span<const Plan<float>> plans();
template std::span<const Plan<double>> plans();

}  // namespace attnpool::detail
