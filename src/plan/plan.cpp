#include "plan/plan.hpp"

#include <attnpool/pool.hpp>
#include <cmath>
#include <limits>

#include "base/dispatch.hpp"
#include "base/threads.hpp"
#include "base/to_string.hpp"
#include "base/validate.hpp"

namespace attnpool {

const char* name(Plan plan) noexcept {
  switch (plan) {
    case Plan::automatic:
      return "automatic";
    case Plan::dense:
      return "dense";
    case Plan::pruned:
      return "pruned";
    case Plan::grid:
      return "grid";
  }
  return "unknown";
}

namespace detail {
namespace {

// Calls predicted to take less are dense: predicting more would cost as much.
constexpr double quick = 150e-6;

// Every query sees the same keys, but perhaps its own.
bool is_eligible(const KeyRange& range) { return range.is_same_for_all_queries() || range.excludes_self(); }

// The call without the keys that nobody sees.
template <class T>
PoolRequest<T> without_hidden_keys(PoolRequest<T> call) {
  if (call.options.range.is_same_for_all_queries()) {
    const std::size_t count = call.keys.rows, first = call.options.range.begin(0, count);
    if (first == 0) call.keys.rows = call.options.range.end(0, count);
  }
  return call;
}

template <class T>
void enclose(const PoolRequest<T>& call, Workspace<T>& workspace) {
  if (workspace.has_box && workspace.key_count == call.keys.rows) return;
  workspace.forget_keys();
  workspace.key_count = call.keys.rows;
  enclose_keys(workspace.box, call.keys, threads_for(call.options.threads, static_cast<double>(call.keys.rows)));
  workspace.region = Grid<T>::region_of(call.keys, workspace.box);
  workspace.has_box = true;
}

// Seconds that a pair takes on one core with AVX2, fitted to measurements (bench/README.md).
template <class T>
double pair_seconds(const PoolRequest<T>& call, std::size_t cols) {
  constexpr double lanes = 32 / sizeof(T);
  const double dims = static_cast<double>(call.keys.cols),
               parameters = static_cast<double>(parameter_count(call.moments, call.keys.cols));
  const double operations =
      (sizeof(T) == 4 ? 11 : 16) + 2 * dims + (cols == 1 ? 2 : 4 + 1.2 * static_cast<double>(cols)) * (1 + parameters);
  return operations * 0.12e-9 / lanes * 0.7;
}

// What a sample of queries and keys tells, as parts of all.
struct Sampled {
  double visited;   // pairs that the pruned plan visits: keys within the cut-off, and a block further
  double far;       // queries that are answered relative to their nearest key
  double deserted;  // queries that the grid is likely to hand over
};
template <class T>
Sampled sample(const PoolRequest<T>& call, const Workspace<T>& workspace) {
  constexpr std::size_t query_samples = 16, key_samples = 256;
  const std::size_t dims = call.keys.cols, queries = call.queries.rows, keys = call.keys.rows;
  const double cutoff =
      std::log2(static_cast<double>(keys)) + 2 - std::log2(static_cast<double>(std::numeric_limits<T>::epsilon()));
  const double per_dim = 1 / static_cast<double>(dims);
  const double blocks =
      std::pow(std::min(1.0, static_cast<double>(tile_keys) / static_cast<double>(keys)), per_dim) +
      std::pow(std::min(1.0, static_cast<double>(query_block) / static_cast<double>(queries)), per_dim);
  std::vector<double> scale(dims);
  double diagonal = 0, least = static_cast<double>(tile_keys) / static_cast<double>(keys);
  for (std::size_t d = 0; d < dims; ++d) {
    scale[d] = std::abs(call.score.w_of(d)) * exponent_scale;
    const double side = (workspace.region.high[d] - workspace.region.low[d]) * scale[d] * blocks / 2;
    diagonal += side * side;
    least *= 2;
  }
  diagonal = std::sqrt(diagonal);
  const std::size_t query_step = std::max<std::size_t>(1, queries / query_samples),
                    key_step = std::max<std::size_t>(1, keys / key_samples);
  double visited = 0, pairs = 0, far = 0, deserted = 0, rows = 0;
  std::vector<double> squares;
  for (std::size_t q = 0; q < queries; q += query_step) {
    squares.clear();
    double nearest = std::numeric_limits<double>::infinity();
    for (std::size_t k = 0; k < keys; k += key_step) {
      double square = 0;
      for (std::size_t d = 0; d < dims; ++d) {
        const double delta =
            (static_cast<double>(call.queries(q, d)) - static_cast<double>(call.keys(k, d))) * scale[d];
        square += delta * delta;
      }
      if (std::isnan(square)) square = std::numeric_limits<double>::infinity();
      squares.push_back(square);
      nearest = std::min(nearest, square);
    }
    // Half of a block that lies here: as far as its keys reach, were the query in its middle.
    const double in_block = static_cast<double>(tile_keys) / static_cast<double>(key_step);
    const auto last = squares.begin() + std::min(squares.size() - 1, static_cast<std::size_t>(in_block));
    std::nth_element(squares.begin(), last, squares.end());
    const double block = std::min(diagonal, 4 * std::sqrt(*last) * std::pow(std::min(1.0, in_block), per_dim));
    // Among all keys the nearest is nearer than among the sampled ones.
    nearest *= std::pow(1 / static_cast<double>(key_step), 2 * per_dim);
    const double reach = std::sqrt(std::pow(std::sqrt(nearest) + block / 2, 2) + cutoff) + block;
    for (const double square : squares) visited += square <= reach * reach;
    pairs += static_cast<double>(squares.size());
    far += nearest > 32;  // smallest_sum
    deserted += nearest > 9;
    rows += 1;
  }
  // In more than one dimension blocks of the curve are not cubes: 1.8 times as many were visited.
  const double shape = dims > 1 ? 1.8 : 1;
  return {std::clamp(shape * visited / pairs, std::min(1.0, least), 1.0), far / rows, deserted / rows};
}

// Reach of the keys from their centre, in bandwidths.
template <class T>
double reach_of(const PoolRequest<T>& call, const BoundingBox<T>& box) {
  double reach = 0;
  for (std::size_t d = 0; d < call.keys.cols; ++d) reach = std::max(reach, box.half(d) * std::abs(call.score.w_of(d)));
  return reach;
}

}  // namespace

void check_options(const Options& options, std::size_t query_count, std::size_t key_count, std::size_t dims) {
  if (options.tolerance != 0 && !(options.tolerance >= least_tolerance && options.tolerance <= largest_tolerance))
    bad_argument("tolerance", "must be 0 (automatic) or in [" + to_string(least_tolerance) + ", " +
                                  to_string(largest_tolerance) + "], got " + to_string(options.tolerance));
  if (!options.key_weights.empty() && options.key_weights.size() != key_count)
    bad_argument("key_weights", "must have one entry per key = " + to_string(key_count) + ", got " +
                                    to_string(options.key_weights.size()));
  for (std::size_t k = 0; k < options.key_weights.size(); ++k)
    if (!(options.key_weights[k] >= 0 && options.key_weights[k] <= std::numeric_limits<double>::max()))
      bad_argument("key_weights[" + to_string(k) + "]",
                   "must be finite and not negative, got " + to_string(options.key_weights[k]));
  if (!options.bounds.empty() && options.bounds.size() != query_count)
    bad_argument("bounds", "must have one entry per query = " + to_string(query_count) + ", got " +
                               to_string(options.bounds.size()));
  const std::string plan = attnpool::name(options.plan);
  if (plan == "unknown")
    bad_argument("plan", "is not one of Plan's values, got " + to_string(static_cast<int>(options.plan)));
  if (options.plan != Plan::pruned && options.plan != Plan::grid) return;
  if (!is_eligible(options.range)) bad_argument("plan", plan + " cannot serve a range of keys that follows the query");
  if (options.plan == Plan::grid && dims > Grid<double>::most_dims)
    bad_argument("plan", "grid needs at most 3 dimensions, got " + to_string(dims));
}

template <class T>
void Workspace<T>::prepare(MatrixView<const T> new_values, const Options& options) {
  values.prepare(
      new_values, options.key_weights,
      threads_for(options.threads, static_cast<double>(new_values.rows) * static_cast<double>(new_values.cols)));
  forget_keys();
}

template <class T>
double dense_error(const PoolRequest<T>& full, Workspace<T>& workspace) {
  if (full.keys.rows == 0) return 0;
  const PoolRequest<T> call = without_hidden_keys(full);
  if (call.keys.rows > 0) enclose(call, workspace);
  const double reach = call.keys.rows > 0 ? reach_of(call, workspace.box) : 0;
  return pool_error<T>(call.keys.cols, reach) + 2 * static_cast<double>(std::numeric_limits<T>::epsilon());
}

template <class T>
Choice choose(const PoolRequest<T>& full, Workspace<T>& workspace, bool all_costs) {
  const PoolRequest<T> call = without_hidden_keys(full);
  const std::size_t cols = workspace.values.cols, dims = call.keys.cols;
  const double queries = static_cast<double>(call.queries.rows), keys = static_cast<double>(call.keys.rows);
  const double pair = pair_seconds(call, workspace.values.planes);
  Choice c;
  c.tolerance = call.options.tolerance != 0 ? call.options.tolerance : default_tolerance<T>;
  c.costs = {PlanCost{Plan::dense}, PlanCost{Plan::pruned}, PlanCost{Plan::grid}};
  auto& [dense, pruned, grid] = c.costs;
  dense.possible = true;
  dense.seconds = queries * keys * pair + 5e-9 * keys + 1e-6;
  dense.bytes = keys * static_cast<double>((dims + cols) * sizeof(T));
  const bool forced = call.options.plan != Plan::automatic;
  if (all_costs && call.keys.rows > 0) enclose(call, workspace);
  const bool nothing = queries == 0 || keys == 0 || workspace.values.total_weight == 0;
  if (nothing || call.options.plan == Plan::dense || !is_eligible(call.options.range)) {
    if (!all_costs || nothing || !is_eligible(call.options.range)) return c;
  }
  if (!forced && !all_costs && dense.seconds < quick) return c;
  if (call.keys.rows < full.keys.rows) {  // hidden keys must be finite all the same
    BoundingBox<T> all;
    enclose_keys(all, full.keys);
  }
  enclose(call, workspace);
  const Sampled sampled = sample(call, workspace);
  c.visited = sampled.visited;
  // Far queries are answered once more, key by key in double.
  const double far_pair = sampled.far * (1.5e-9 + 0.4e-9 * static_cast<double>(dims));
  dense.seconds += queries * keys * far_pair;
  if (keys < std::numeric_limits<std::uint32_t>::max() && queries < std::numeric_limits<std::uint32_t>::max()) {
    pruned.possible = true;
    pruned.seconds = queries * keys * c.visited * (pair * 1.1 + far_pair) + 120e-9 * queries +
                     (dims > 1 ? 400e-9 : 100e-9) * keys;  // to put them in order
    pruned.bytes = keys * (12 + 2 * static_cast<double>((dims + cols) * sizeof(T))) +
                   queries * static_cast<double>(dims * sizeof(T) + 4);
    c.grid =
        Grid<T>::cost(workspace.region, call.score, call.moments, c.tolerance, call.keys.rows, call.queries.rows, cols);
    grid.possible = c.grid.possible;
    grid.seconds = c.grid.seconds + sampled.deserted * std::min(dense.seconds, pruned.seconds);
    grid.bytes = c.grid.bytes;
  }
  dense.error = pruned.error = dense_error(call, workspace);
  grid.error = c.tolerance;
  if (forced) {
    c.plan = call.options.plan;
    if (c.plan == Plan::grid && !c.grid.possible)
      bad_argument("plan", "grid would need " + to_string(std::ceil(c.grid.boxes)) + " boxes, too many: keys reach " +
                               to_string(std::round(reach_of(call, workspace.box))) + " bandwidths from their centre");
    return c;
  }
  for (const PlanCost& cost : c.costs)
    if (dense.seconds >= quick && cost.possible && cost.seconds < c.costs[static_cast<std::size_t>(c.plan) - 1].seconds)
      c.plan = cost.plan;
  return c;
}

namespace {

template <class T>
void pruned_plan(const PoolRequest<T>& call, Workspace<T>& workspace, const Finish& finish,
                 const std::vector<std::uint32_t>* subset) {
  workspace.values.pack();
  if (!workspace.has_pruned) prepare_pruned(call.keys, workspace.values, call.score, workspace.pruned);
  workspace.has_pruned = true;
  run_pruned(call, workspace.values, workspace.pruned, finish, subset);
}

// Answers the grid's queries, and those that it could not by another plan.
template <class T>
std::size_t grid_plan(const PoolRequest<T>& call, const Choice& choice, Workspace<T>& workspace, const Finish& finish) {
  const int threads = threads_for(call.options.threads, 20 * static_cast<double>(call.queries.rows + call.keys.rows));
  workspace.grid.build(call.keys, workspace.values, workspace.region, call.score, call.moments, choice.tolerance,
                       choice.grid.width, threads);
  std::vector<char> hand_over;
  workspace.grid.answer(call, workspace.values, threads, finish, hand_over);
  std::vector<std::uint32_t> subset;
  for (std::size_t q = 0; q < hand_over.size(); ++q)
    if (hand_over[q]) subset.push_back(static_cast<std::uint32_t>(q));
  if (subset.empty()) return 0;
  AlignedVector<T> rows(subset.size() * call.queries.cols);
  for (std::size_t i = 0; i < subset.size(); ++i)
    std::copy_n(call.queries.row(subset[i]), call.queries.cols, rows.data() + i * call.queries.cols);
  const PoolRequest<T> rest{
      {rows.data(), subset.size(), call.queries.cols}, call.keys, call.score, call.moments, call.options};
  const double pairs = static_cast<double>(subset.size()) * static_cast<double>(call.keys.rows);
  // Counted even where the keys are in order already: bits do not depend on earlier calls.
  const double ordering = 80e-9 * static_cast<double>(call.keys.rows);
  if (pairs * pair_seconds(call, workspace.values.planes) * 0.5 > ordering) {
    pruned_plan(rest, workspace, finish, &subset);
  } else {
    Selection selection;
    selection.query_order = subset.data();
    selection.key_count = call.keys.rows;
    workspace.values.pack();
    run_dense(rest, workspace.values, workspace.dense, finish, &selection);
  }
  return subset.size();
}

}  // namespace

template <class T>
void for_each_query(const PoolRequest<T>& full, Workspace<T>& workspace, const Finish& finish) {
  const Choice choice = choose(full, workspace);
  std::size_t handed_over = 0;
  switch (choice.plan) {
    case Plan::pruned:
      pruned_plan(without_hidden_keys(full), workspace, finish, nullptr);
      break;
    case Plan::grid:
      handed_over = grid_plan(without_hidden_keys(full), choice, workspace, finish);
      break;
    default:
      workspace.values.pack();
      run_dense(full, workspace.values, workspace.dense, finish);
  }
  if (full.options.report) *full.options.report = {choice.plan, handed_over, 0};
}

#define ATTNPOOL_INSTANTIATE(T)                                       \
  template struct Workspace<T>;                                       \
  template Choice choose(const PoolRequest<T>&, Workspace<T>&, bool); \
  template double dense_error(const PoolRequest<T>&, Workspace<T>&);  \
  template void for_each_query(const PoolRequest<T>&, Workspace<T>&, const Finish&);
ATTNPOOL_INSTANTIATE(float)
ATTNPOOL_INSTANTIATE(double)

}  // namespace detail
}  // namespace attnpool
