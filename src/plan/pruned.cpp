#include "plan/pruned.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "data/units.hpp"

namespace attnpool::detail {
namespace {

template <class T>
void gather_rows(MatrixView<const T> from, const std::vector<std::uint32_t>& order, AlignedVector<T>& to) {
  to.resize(order.size() * from.cols);
  for (std::size_t i = 0; i < order.size(); ++i) std::copy_n(from.row(order[i]), from.cols, to.data() + i * from.cols);
}

std::vector<double> shape_of(const Kernel& kernel, std::size_t dims) {
  std::vector<double> shape = scales_of(kernel, dims);
  for (double& scale : shape) scale = std::clamp(std::log2(scale), -2000.0, 2000.0);  // -inf where w is 0
  return shape;
}

}  // namespace

template <class T>
bool suits(const PrunedWorkspace<T>& workspace, const Kernel& kernel, std::size_t dims) {
  const std::vector<double> shape = shape_of(kernel, dims);
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (std::size_t d = 0; d < dims; ++d) {
    low = std::min(low, shape[d] - workspace.shape[d]);
    high = std::max(high, shape[d] - workspace.shape[d]);
  }
  return high - low <= 2;
}

template <class T>
void prepare_pruned(MatrixView<const T> keys, const ScaledValues<T>& values, const Kernel& kernel,
                    PrunedWorkspace<T>& workspace) {
  // Keys of weight 0 are left out.
  std::vector<std::uint32_t> seen;
  for (std::size_t k = 0; k < keys.rows; ++k)
    if (values.has_weight(k)) seen.push_back(static_cast<std::uint32_t>(k));
  AlignedVector<T> rows;
  MatrixView<const T> points = keys;
  if (seen.size() < keys.rows) {
    gather_rows(keys, seen, rows);
    points = {rows.data(), seen.size(), keys.cols};
  }
  BoundingBox<T> box;
  if (!seen.empty()) box.enclose(points);
  workspace.tree.build(points, box, kernel, tile_keys);
  workspace.shape = shape_of(kernel, keys.cols);
  std::vector<std::uint32_t> order = workspace.tree.order();
  gather_rows(points, order, workspace.keys);
  for (std::uint32_t& k : order) k = seen[k];
  workspace.values.take_rows(values, order);
  workspace.tree.weigh(workspace.values.key_weights());
  workspace.position.assign(keys.rows, std::numeric_limits<std::uint32_t>::max());
  for (std::size_t i = 0; i < order.size(); ++i) workspace.position[order[i]] = static_cast<std::uint32_t>(i);
}

template <class T>
void run_pruned(const PoolRequest<T>& request, PrunedWorkspace<T>& workspace, const Sink& sink,
                const std::vector<std::uint32_t>* subset) {
  const std::size_t dims = request.keys.cols;
  BoundingBox<T> box;
  box.enclose(request.queries);  // a query that is not finite may lie anywhere in the order
  BlockTree queries;
  queries.build(request.queries, box, request.kernel, query_block);
  std::vector<std::uint32_t> caller_indices = queries.order();
  gather_rows(request.queries, caller_indices, workspace.queries);
  if (subset)
    for (std::uint32_t& index : caller_indices) index = (*subset)[index];

  const MatrixView<const T> ordered{workspace.queries.data(), request.queries.rows, dims};
  const std::vector<double> scale = scales_of(request.kernel, dims);
  const Decay decay(request.profile()), nearer({});
  const double left_out =
      request.negligible > 0 ? request.negligible : static_cast<double>(std::numeric_limits<T>::epsilon());
  const double margin = std::log2(static_cast<double>(request.keys.rows)) + 2 - std::log2(left_out);
  const bool leaves_one_out = request.options.range.excludes_self();
  Selection selection;
  selection.query_order = caller_indices.data();
  selection.key_count = request.keys.rows;
  selection.key_position = workspace.position.data();
  selection.select = [&](std::size_t first, std::size_t count, std::vector<Interval>& runs) {
    constexpr double inf = std::numeric_limits<double>::infinity();
    std::vector<double> low(dims, inf), high(dims, -inf);  // not widened by NaN
    for (std::size_t i = first; i < first + count; ++i)
      for (std::size_t d = 0; d < dims; ++d) {
        const double x = static_cast<double>(ordered(i, d));
        low[d] = std::min(low[d], x);
        high[d] = std::max(high[d], x);
      }
    workspace.tree.select(low.data(), high.data(), {decay, scale, margin, leaves_one_out}, runs);
  };
  selection.select_nearest = [&](std::size_t query, std::vector<Interval>& runs) {
    if (request.options.empty == Empty::mean) return runs.assign(1, {0, workspace.values.count});
    std::vector<double> at(dims);
    for (std::size_t d = 0; d < dims; ++d) at[d] = static_cast<double>(ordered(query, d));
    // Key weights do not matter to what is nearest: the margin makes up for any ratio of two.
    constexpr double any_ratio = 2200;
    workspace.tree.select(at.data(), at.data(), {nearer, scale, any_ratio, leaves_one_out}, runs);
  };
  const MatrixView<const T> keys{workspace.keys.data(), workspace.values.count, dims};
  PoolRequest<T> in_order = request;
  in_order.queries = ordered;
  in_order.keys = keys;
  run_dense<T>(in_order, workspace.values, workspace.dense, sink, &selection);
}

#define ATTNPOOL_INSTANTIATE(T)                                                                                  \
  template bool suits(const PrunedWorkspace<T>&, const Kernel&, std::size_t);                                    \
  template void prepare_pruned(MatrixView<const T>, const ScaledValues<T>&, const Kernel&, PrunedWorkspace<T>&); \
  template void run_pruned(const PoolRequest<T>&, PrunedWorkspace<T>&, const Sink&, const std::vector<std::uint32_t>*);
ATTNPOOL_INSTANTIATE(float)
ATTNPOOL_INSTANTIATE(double)

}  // namespace attnpool::detail
