#pragma once
// One validated call as the plans see it.
#include <attnpool/algorithm.hpp>
#include <attnpool/options.hpp>
#include <attnpool/kernel.hpp>
#include <attnpool/view.hpp>

#include "result/query_sums.hpp"

namespace attnpool::detail {

using Algorithm = attnpool::Algorithm;

// Those of the derivatives in w.
inline Moments moments_of(const Kernel& kernel) {
  return kernel.is_scalar() ? Moments::scalar : Moments::per_dimension;
}

template <class T>
struct PoolRequest {
  MatrixView<const T> queries, keys;
  const Kernel& kernel;
  Moments moments;
  const Options& options;
  // What the pruned plan may leave out, as a part of a query's sum of weights; 0: less than the rounding.
  double negligible = 0;

  bool wants_bounds() const { return !options.error_bounds.empty() || options.report; }
};

}  // namespace attnpool::detail
