#pragma once
// The way of a call: which plan, by predicted cost, and what is kept from call to call.
#include <array>
#include <attnpool/gradient.hpp>

#include "plan/grid/grid.hpp"
#include "plan/pruned.hpp"

namespace attnpool::detail {

// Of one set of keys and values: made ready once, for any number of calls.
template <class T>
struct Workspace {
  ScaledValues<T> values;
  DenseWorkspace<T> dense;

  // Forgets what it knew of other keys. Memory is kept.
  void prepare(MatrixView<const T> values, const Options& options);

  // Made when a plan first needs them, for the first key_count keys.
  std::size_t key_count = 0;
  BoundingBox<T> box;
  Region region;
  PrunedWorkspace<T> pruned;
  Grid<T> grid;
  bool has_box = false, has_pruned = false;

  void forget_keys() {
    has_box = has_pruned = false;
    grid.forget();
  }
};

inline constexpr double least_tolerance = 1e-12, largest_tolerance = 0.1;
template <class T>
inline constexpr double default_tolerance = sizeof(T) == 4 ? 1e-6 : 1e-11;

// options.plan, options.tolerance, options.key_weights and options.bounds against the sizes of a call.
void check_options(const Options& options, std::size_t query_count, std::size_t key_count, std::size_t dims);

struct PlanCost {
  Plan plan;
  bool possible = false;
  double seconds = 0;  // on one thread with AVX2
  double bytes = 0;    // of memory beside the caller's
  double error = 0;    // bound that is expected, relative to the range of a value column
};

struct Choice {
  Plan plan = Plan::dense;
  std::array<PlanCost, 3> costs;  // of dense, pruned, grid
  GridCost grid;
  double visited = 1;  // part of the pairs, by the pruned plan
  double tolerance = 0;
};

// Predicts costs and chooses. Cheap beside the call: small calls are dense without further ado, unless `all_costs`.
// Neither threads nor the ISA take part, so that bits do not depend on them.
template <class T>
Choice choose(const PoolRequest<T>& call, Workspace<T>& workspace, bool all_costs = false);

// Bound of the error of the dense and the pruned plan, as pool_error().
template <class T>
double dense_error(const PoolRequest<T>& call, Workspace<T>& workspace);

// Carries out a call; workspace must have been prepared for its keys. Reports, bounds aside, where asked to.
template <class T>
void for_each_query(const PoolRequest<T>& call, Workspace<T>& workspace, const Finish& finish);

inline Moments moments_of(const Gaussian& score) {
  return score.is_scalar() ? Moments::scalar : Moments::per_dimension;
}

// pool() in steps: the checks of its views, and the call with a prepared workspace.
template <class T>
void check_pool(In<T> queries, In<T> keys, In<T> values, const Gaussian& score, MatrixView<T> out);
template <class T>
void pool_with(const PoolRequest<T>& call, MatrixView<T> out, Workspace<T>& workspace);

// loss_gradient() of a prepared call; no gradient if call.moments is none.
template <class T>
LossAndGradient loss_gradient(const PoolRequest<T>& call, MatrixView<const T> targets, Loss loss,
                              Workspace<T>& workspace);

}  // namespace attnpool::detail
