#pragma once
#include <cmath>

namespace attnpool::detail {

// The z of a normal variate that lies within -+ z with probability `level`, by Newton's method on the complementary error
// function. From z = 0 every step falls short of the solution, since the function is convex, until they are as good as equal.
inline double normal_quantile(double level) {
  const double density = std::sqrt(2 / std::acos(-1.0));
  double z = 0;
  for (int i = 0; i < 200; ++i) {
    const double step = (std::erfc(z / std::sqrt(2.0)) - (1 - level)) / (density * std::exp(-z * z / 2));
    if (!(step > 1e-15 * z)) break;
    z += step;
  }
  return z;
}

}  // namespace attnpool::detail
