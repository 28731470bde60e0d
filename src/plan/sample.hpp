#pragma once
#include "plan/workspace.hpp"

namespace attnpool::detail {

// Estimates from a sample of queries and keys, as fractions of the whole.
struct Sample {
  double visited = 1;   // pairs that the pruned plan visits: keys within the cut-off, and a block further
  double far = 0;       // queries that are answered relative to their nearest key
  double deserted = 0;  // queries that the grid is likely to leave to another plan
};

template <class T>
Sample take_sample(const PoolRequest<T>& request, const Workspace<T>& workspace);

}  // namespace attnpool::detail
