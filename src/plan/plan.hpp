#pragma once
// The ways to carry out a request. plans() is the table of them; choosing a plan and carrying it out ask its members
// and know nothing else of it.
#include <attnpool/algorithm.hpp>
#include <span>
#include <string>
#include <vector>

#include "plan/sample.hpp"
#include "plan/workspace.hpp"

namespace attnpool::detail {

struct PlanCost {
  Algorithm algorithm = Algorithm::dense;
  bool possible = false;
  double seconds = 0;          // on one thread with AVX2
  double bytes = 0;            // of memory in addition to the caller's
  double error = 0;            // bound that is expected, relative to the range of a value column
  Resolution resolution = {};  // of the grid
  WindowLayout layout = {};    // of the window plan
  std::string problem = {};    // why the plan is not possible, for a message
};

// What costs are estimated from.
template <class T>
struct CostInput {
  const PoolRequest<T>& request;  // its keys are those that some query sees
  const Workspace<T>& workspace;  // with box and region
  const Sample sample;
  const double tolerance;
  const double dense_error;          // bound of the dense and the pruned plan
  std::span<const PlanCost> others;  // of the plans before this one in the table
};

template <class T>
struct Plan {
  Algorithm algorithm;
  // Empty if requests of this kind can be served, else why not: the rest of a sentence that begins with the plan's name.
  std::string (*refusal)(const RequestKind& kind);
  PlanCost (*cost)(const CostInput<T>& input);
  // Gives `sink` the sums of the request's queries. Returns the indices of those that it could not answer, ascending.
  // cost: what cost() returned. subset: null, or the caller's index of every query of the request.
  std::vector<std::uint32_t> (*run)(const PoolRequest<T>& request, Workspace<T>& workspace, const PlanCost& cost,
                                    const Sink& sink, const std::vector<std::uint32_t>* subset);
};

// Whether a pair costs about what one under the Gaussian kernel does: all but the kernels that are short polynomials.
template <class T>
bool takes_exponential(const PoolRequest<T>& request) {
  return request.custom || KernelPolynomial(request.profile().shape).c.empty();
}

// In the order of preference at equal cost; the first, dense, serves every request.
template <class T>
std::span<const Plan<T>> plans();

template <class T>
const Plan<T>& plan_of(Algorithm algorithm) {
  for (const Plan<T>& plan : plans<T>())
    if (plan.algorithm == algorithm) return plan;
  return plans<T>().front();
}

}  // namespace attnpool::detail
