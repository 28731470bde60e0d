#include "plan/choose.hpp"

#include <algorithm>
#include <attnpool/pool.hpp>
#include <cmath>
#include <limits>

#include "base/to_string.hpp"
#include "base/validate.hpp"
#include "plan/cost_model.hpp"
#include "result/local_polynomial.hpp"

namespace attnpool::detail {
namespace {

// The request without the keys that no query sees.
template <class T>
PoolRequest<T> without_hidden_keys(PoolRequest<T> request) {
  if (request.options.range.is_same_for_all_queries()) {
    const std::size_t count = request.keys.rows, first = request.options.range.begin(0, count);
    if (first == 0) request.keys.rows = request.options.range.end(0, count);
  }
  return request;
}

template <class T>
PlanCost plain_dense(const PoolRequest<T>& request, const Workspace<T>& workspace) {
  return plans<T>().front().cost(
      {.request = request, .workspace = workspace, .sample = {}, .tolerance = 0, .dense_error = 0, .others = {}});
}

template <class T>
bool only_dense_serves(const PoolRequest<T>& request) {
  const auto others = plans<T>().subspan(1);
  return std::all_of(others.begin(), others.end(),
                     [&](const Plan<T>& plan) { return !plan.refusal(request.kind()).empty(); });
}

}  // namespace

template <class T>
Choice choose(const PoolRequest<T>& full, Workspace<T>& workspace, bool all_costs) {
  const PoolRequest<T> request = without_hidden_keys(full);
  const Algorithm asked = request.options.algorithm;
  Choice choice{.cost = plain_dense(request, workspace), .costs = {}, .sample = {}};
  if (all_costs && request.keys.rows > 0) workspace.compute_box(request);
  if (request.queries.rows == 0 || request.keys.rows == 0 || workspace.values.total_weight == 0) return choice;
  if (only_dense_serves(request)) return choice;
  const bool quick = asked == Algorithm::automatic && choice.cost.seconds < cost::quick;
  if (!all_costs && (asked == Algorithm::dense || quick)) return choice;
  if (request.keys.rows < full.keys.rows) {  // hidden keys must be finite all the same
    BoundingBox<T> all;
    enclose_keys(all, full.keys);
  }
  workspace.compute_box(request);
  choice.sample = take_sample(request, workspace);
  const double error = dense_error(request, workspace);
  for (const Plan<T>& plan : plans<T>()) {
    const CostInput<T> input{.request = request,
                             .workspace = workspace,
                             .sample = choice.sample,
                             .tolerance = tolerance_of<T>(request.options),
                             .dense_error = error,
                             .others = choice.costs};
    const bool refuses = !plan.refusal(request.kind()).empty();
    choice.costs.push_back(refuses ? PlanCost{.algorithm = plan.algorithm} : plan.cost(input));
  }
  choice.cost = choice.costs.front();
  for (const PlanCost& c : choice.costs) {
    if (asked == Algorithm::automatic) {
      if (choice.costs.front().seconds >= cost::quick && c.possible && c.seconds < choice.cost.seconds) choice.cost = c;
    } else if (c.algorithm == asked) {
      if (!c.possible) bad_argument("algorithm", attnpool::to_string(asked) + (" " + c.problem));
      choice.cost = c;
    }
  }
  return choice;
}

namespace {

// Queries that a plan has left are answered by the pruned plan where it pays to put the keys in order for them, else by
// the dense one. This does not depend on whether the keys are in order already: bits do not depend on earlier calls.
template <class T>
Algorithm plan_for_the_rest(const PoolRequest<T>& request, const Workspace<T>& workspace, std::size_t rest) {
  const double keys = static_cast<double>(request.keys.rows), pairs = static_cast<double>(rest) * keys;
  const std::size_t dims = request.keys.cols;
  const double pair = cost::pair(dims, workspace.values.planes, parameter_count(request.moments, dims), sizeof(T),
                                 takes_exponential(request));
  return pairs * pair * 0.5 > cost::ordering(keys) ? Algorithm::pruned : Algorithm::dense;
}

template <class T>
void answer_rest(const PoolRequest<T>& request, Workspace<T>& workspace, const std::vector<std::uint32_t>& rest,
                 const Sink& sink) {
  const std::size_t dims = request.queries.cols;
  AlignedVector<T> rows(rest.size() * dims);
  for (std::size_t i = 0; i < rest.size(); ++i) std::copy_n(request.queries.row(rest[i]), dims, rows.data() + i * dims);
  PoolRequest<T> of_rest = request;
  of_rest.queries = {rows.data(), rest.size(), dims};
  plan_of<T>(plan_for_the_rest(request, workspace, rest.size())).run(of_rest, workspace, {}, sink, &rest);
}

}  // namespace

template <class T>
void execute(const PoolRequest<T>& full, Workspace<T>& workspace, const Sink& sink) {
  const Choice choice = choose(full, workspace);
  const Algorithm algorithm = choice.cost.algorithm;
  // The dense plan skips hidden keys itself.
  const PoolRequest<T> request = algorithm == Algorithm::dense ? full : without_hidden_keys(full);
  const std::vector<std::uint32_t> rest = plan_of<T>(algorithm).run(request, workspace, choice.cost, sink, nullptr);
  if (!rest.empty()) answer_rest(request, workspace, rest, sink);
  if (full.options.report) *full.options.report = {algorithm, rest.size(), 0};
}

template <class T>
double dense_error(const PoolRequest<T>& full, Workspace<T>& workspace) {
  const PoolRequest<T> request = without_hidden_keys(full);
  double reach = 0;
  if (full.keys.rows == 0) return 0;
  if (request.keys.rows > 0) workspace.compute_box(request);
  for (std::size_t d = 0; d < request.keys.cols && request.keys.rows > 0; ++d)
    reach = std::max(reach, workspace.box.half(d) * std::abs(request.kernel.w_of(d)));
  const double epsilon = static_cast<double>(std::numeric_limits<T>::epsilon());
  // log2(1 + e) is as exact as the Gaussian's exponent, but counts alpha times.
  const double of_alpha = request.profile().shape == KernelShape::rational_quadratic ? 32 * request.profile().alpha : 0;
  return pool_error<T>(request.keys.cols, reach) + (2 + of_alpha) * epsilon;
}

void check_unused(const Options& options, const std::string& function, unsigned used) {
  const auto refuse = [&](unsigned use, bool is_set, const char* name) {
    if (is_set && (used & use) == 0) bad_argument(name, "is not an option of " + function + "()");
  };
  refuse(uses_range, options.range != KeyRange::all(), "range");
  refuse(uses_key_weights, !options.key_weights.empty(), "key_weights");
  refuse(uses_algorithm, options.algorithm != Algorithm::automatic, "algorithm");
  refuse(uses_algorithm, options.tolerance != 0, "tolerance");
  refuse(uses_error_bounds, !options.error_bounds.empty(), "error_bounds");
  refuse(uses_order, options.order != 0, "order");
  refuse(uses_order, options.empty != Empty::nan, "empty");
  refuse(uses_order, !options.status.empty(), "status");
  refuse(uses_report, options.report != nullptr, "report");
}

namespace {

void check_order(const Options& options, std::size_t query_count, std::size_t dims) {
  if (options.order < 0 || options.order > 2)
    bad_argument("order", "must be 0, 1 or 2, got " + to_string(options.order));
  if (options.order == 2 && dims > 1)
    bad_argument("order", "can be 2 in one dimension only, got keys of " + to_string(dims) + " columns");
  if (options.order == 1 && dims > LocalPolynomial::most_terms)
    bad_argument("order", "can be 1 in at most " + to_string(LocalPolynomial::most_terms) + " dimensions, got " +
                              to_string(dims));
  check_enum("empty", "Empty", options.empty);
  if (!options.status.empty() && options.status.size() != query_count)
    bad_argument("status", "must have one entry per query = " + to_string(query_count) + ", got " +
                               to_string(options.status.size()));
}

}  // namespace

void check_options(const Options& options, std::size_t query_count, std::size_t key_count, std::size_t dims,
                   const KernelProfile& profile) {
  check_order(options, query_count, dims);
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
  if (!options.error_bounds.empty() && options.error_bounds.size() != query_count)
    bad_argument("error_bounds", "must have one entry per query = " + to_string(query_count) + ", got " +
                                     to_string(options.error_bounds.size()));
  check_enum("algorithm", "Algorithm", options.algorithm);
  if (options.algorithm == Algorithm::automatic) return;
  if (const std::string refusal =
          plan_of<double>(options.algorithm)
              .refusal({.range = options.range, .dims = dims, .profile = profile, .order = options.order});
      !refusal.empty())
    bad_argument("algorithm", attnpool::to_string(options.algorithm) + (" " + refusal));
}

#define ATTNPOOL_INSTANTIATE(T)                                             \
  template Choice choose(const PoolRequest<T>&, Workspace<T>&, bool);       \
  template void execute(const PoolRequest<T>&, Workspace<T>&, const Sink&); \
  template double dense_error(const PoolRequest<T>&, Workspace<T>&);
ATTNPOOL_INSTANTIATE(float)
ATTNPOOL_INSTANTIATE(double)

}  // namespace attnpool::detail
