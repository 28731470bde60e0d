#pragma once
// One validated call as the plans see it.
#include <attnpool/algorithm.hpp>
#include <attnpool/kernel.hpp>
#include <attnpool/options.hpp>
#include <attnpool/view.hpp>

#include "result/query_sums.hpp"

namespace attnpool::detail {

using Algorithm = attnpool::Algorithm;

inline Moments moments_of_order(int order) {
  return order == 0 ? Moments::none : order == 1 ? Moments::line : Moments::parabola;
}
// Those of the derivatives in w.
inline Moments moments_of(const Kernel& kernel) {
  return kernel.is_scalar() ? Moments::scalar : Moments::per_dimension;
}

// Makes weights >= 0 of squared distances in bandwidths, in place.
template <class T>
struct CustomKernel {
  void (*weigh)(const void* context, T* squares, std::size_t count);
  const void* context;
};

// What decides whether a plan can serve a request at all.
struct RequestKind {
  const KeyRange& range;
  std::size_t dims;
  const KernelProfile& profile;
  int order;
  bool custom = false;
};

template <class T>
struct PoolRequest {
  MatrixView<const T> queries, keys;
  const Kernel& kernel;
  Moments moments;
  const Options& options;
  // What the pruned plan may leave out, as a part of a query's sum of weights; 0: less than the rounding.
  double negligible = 0;

  // The caller's own kernel in place of the profile's.
  const CustomKernel<T>* custom = nullptr;

  RequestKind kind() const {
    return {.range = options.range,
            .dims = keys.cols,
            .profile = profile(),
            .order = options.order,
            .custom = custom != nullptr};
  }
  const KernelProfile& profile() const { return kernel.profile(); }
  // Weights are 0 beyond some distance, or may be: they are not computed relative to the nearest key's.
  bool is_compact() const { return custom || profile().is_compact(); }
  bool wants_bounds() const { return !options.error_bounds.empty() || options.report; }
};

}  // namespace attnpool::detail
