#pragma once
// The units of the engine: weight = e^(-(w delta)^2 / 2) = 2^(-(scale delta)^2),  scale = |w| * sqrt(log2(e) / 2).
#include <attnpool/kernel.hpp>
#include <cmath>
#include <cstddef>
#include <vector>

namespace attnpool::detail {

inline constexpr double exponent_scale = 0.84932180028801904272;
inline constexpr double exponent_scale_squared = 0.72134752044448170368;

// The scale of dimension d.
inline double scale_of(const Kernel& kernel, std::size_t d) { return std::abs(kernel.w_of(d)) * exponent_scale; }

inline std::vector<double> scales_of(const Kernel& kernel, std::size_t dims) {
  std::vector<double> scales(dims);
  for (std::size_t d = 0; d < dims; ++d) scales[d] = scale_of(kernel, d);
  return scales;
}

}  // namespace attnpool::detail
