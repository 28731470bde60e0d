#pragma once
#include "plan/plan.hpp"

namespace attnpool::detail {

inline constexpr double least_tolerance = 1e-12, largest_tolerance = 0.1;
template <class T>
inline constexpr double default_tolerance = sizeof(T) == 4 ? 1e-6 : 1e-11;
template <class T>
double tolerance_of(const Options& options) {
  return options.tolerance != 0 ? options.tolerance : default_tolerance<T>;
}

struct Choice {
  PlanCost cost;                // of the chosen plan
  std::vector<PlanCost> costs;  // of all plans in the order of the table; empty if they were not estimated
  Sample sample;
};

// Chooses the plan that options.algorithm asks for, else the one with the lowest predicted cost. Calls predicted below
// cost::quick are dense without further estimates unless all_costs is set. Throws std::invalid_argument if the plan
// that was asked for is not possible.
template <class T>
Choice choose(const PoolRequest<T>& request, Workspace<T>& workspace, bool all_costs = false);

// Carries out a request by the chosen plan, and what that leaves by another. The workspace must have been prepared for
// the request's values. Fills in options.report but for its bound.
template <class T>
void execute(const PoolRequest<T>& request, Workspace<T>& workspace, const Sink& sink);

// The bound of the dense and the pruned plan, as pool_error().
template <class T>
double dense_error(const PoolRequest<T>& request, Workspace<T>& workspace);

// What a function makes use of in its options, threads and progress aside.
enum OptionUse : unsigned {
  uses_range = 1,
  uses_key_weights = 2,
  uses_algorithm = 4,
  uses_error_bounds = 8,
  uses_report = 16,
  uses_order = 32  // order, empty and status
};

// Throws std::invalid_argument if an option is set that `function` does not use: `used` holds those that it does.
void check_unused(const Options& options, const std::string& function, unsigned used);

// Checks everything in the options of a call against its sizes.
void check_options(const Options& options, std::size_t query_count, std::size_t key_count, std::size_t dims,
                   const KernelProfile& profile = {});

}  // namespace attnpool::detail
