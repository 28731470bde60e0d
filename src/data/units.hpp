#pragma once
// The units of the engine: delta_d = scale_d (query_d - key_d), so that weights are functions of e = sum_d delta_d^2 without
// further constants:
//   Gaussian              2^-e             scale = |w| sqrt(log2(e) / 2)
//   Laplace               2^-sqrt(e)       scale = |w| log2(e)
//   rational quadratic    (1 + e)^-alpha   scale = |w| / sqrt(2 alpha)
//   others                K(sqrt(e))       scale = |w|
#include <attnpool/kernel.hpp>
#include <cmath>
#include <cstddef>
#include <vector>

namespace attnpool::detail {

inline constexpr double exponent_scale = 0.84932180028801904272;
inline constexpr double exponent_scale_squared = 0.72134752044448170368;

// Units of the engine in a bandwidth.
inline double unit_of(const KernelProfile& profile) {
  if (profile.shape == KernelShape::gaussian) return exponent_scale;
  if (profile.shape == KernelShape::laplace) return 2 * exponent_scale_squared;
  if (profile.shape == KernelShape::rational_quadratic) return 1 / std::sqrt(2 * profile.alpha);
  return 1;
}

// The scale of dimension d.
inline double scale_of(const Kernel& kernel, std::size_t d) {
  return std::abs(kernel.w_of(d)) * unit_of(kernel.profile());
}

inline std::vector<double> scales_of(const Kernel& kernel, std::size_t dims) {
  std::vector<double> scales(dims);
  for (std::size_t d = 0; d < dims; ++d) scales[d] = scale_of(kernel, d);
  return scales;
}

}  // namespace attnpool::detail
