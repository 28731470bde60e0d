#pragma once
// The sums of one pass over the keys for some queries, as logarithms and means.
#include <vector>

#include "plan/choose.hpp"

namespace attnpool::detail {

struct QueryPass {
  // [Q] The sum of weights, times 2^reference: 0 where no key is seen, NaN for a bad query.
  std::vector<double> weight, reference;
  std::vector<double> reference_at_origin;  // [Q] of weights relative to one at the origin, NaN if that is the query
  std::vector<double> origin;               // [Q, D] QuerySums::origin, NaN for the query
  std::vector<double> mean;                 // [Q, C] of each column of the workspace's values
  std::vector<double> bound;  // [Q] of the arithmetic of mean, relative to the range of a column, if bounds are wanted
  // Moments of delta under the weights (see QuerySums), as far as they are asked for.
  std::vector<double> delta, delta_square;            // [Q, D]
  std::vector<double> mean_delta, mean_delta_square;  // [Q, D, C] of delta * (column - its middle in ScaledValues)

  // The workspace must have been prepared for the values. Memory is kept from run to run. Calls `answered` with the sums
  // of some queries when all that is above has been filled in for these, concurrently: what is made of it there is made in a core's
  // caches.
  void run(const PoolRequest<double>& request, Workspace<double>& workspace, const Sink& answered = {});

 private:
  void resize(std::size_t queries, std::size_t dims, std::size_t cols, Moments moments);
  void take(const QuerySums& q, const PoolRequest<double>& request, const ScaledValues<double>& values);
};

}  // namespace attnpool::detail
