#pragma once
// The bound of a local line's answer, from the bound of its sums.
//
// With M = sum w (1, delta)(1, delta)^T and t = sum w v (1, delta), a line is M beta = t and its answer beta_0. A grid knows
// M + dM and t + dt with |dM_ij| <= e r_i r_j and |dt_i| <= e r_i: values lie in [-1, 1], and the errors of the moments are r_i or
// r_i r_j times that of the weights. M (beta~ - beta) = dt - dM beta~ holds exactly, beta~ being what is computed; so with row 0
// of the inverses, z of M and z~ of M~,
//   |beta~_0 - beta_0| <= e (r . |z|) (1 + r . |beta~|),    r . |z| <= r . |z~| / (1 - e k),    k = r^T |M~^-1| r,
// the second since M^-1 = M~^-1 + M~^-1 dM M^-1. It holds as long as e k < 1, which also proves that M has an inverse.
#include <cstddef>

#include "routine_table.hpp"

namespace attnpool::detail {

// Sums of a block of queries, as QuerySums has them for Moments::line.
struct LineSums {
  const double* sums;  // [1 + parameters][planes][query_block]
  std::size_t planes, dims, count;
  const bool* counts;  // [dims]: whether the dimension has any influence
};

// errors [count]: e of the sums of weights; ratio: r of the first moments; bounds [count]: of the answer, not positive
// (or infinite or NaN) if there is none, for sums of weights > 0; size [count]: the largest |beta~_0|. errors and bounds may be the same.
void bound_lines(const LineSums& lines, double ratio, const double* errors, double* bounds, double* size);

}  // namespace attnpool::detail
