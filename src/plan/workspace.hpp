#pragma once
// What the plans compute from one set of keys and values, and keep for any number of calls.
#include "plan/dense.hpp"
#include "plan/grid/grid.hpp"
#include "plan/pruned.hpp"
#include "plan/window/window.hpp"

namespace attnpool::detail {

template <class T>
struct Workspace {
  ScaledValues<T> values;
  DenseWorkspace<T> dense;

  // Takes new values in and forgets what was computed from other keys. Memory is kept.
  void prepare(MatrixView<const T> values, const Options& options);

  // Computed when a plan first needs them, for the first key_count keys.
  std::size_t key_count = 0;
  BoundingBox<T> box;
  Region region;
  PrunedWorkspace<T> pruned;
  Grid<T> grid;
  Window<T> window;
  bool has_box = false, has_pruned = false;

  // Computes box and region unless they are those of the request's keys. Throws std::invalid_argument if a key is not
  // finite.
  void compute_box(const PoolRequest<T>& request);
  void forget_keys();
};

}  // namespace attnpool::detail
