#pragma once
#include <cmath>
#include <limits>

namespace attnpool::detail {

// A key weight c > 0 as mantissa * 2^exponent, mantissa in [1, 2): the exponent is added to that of the score, exactly,
// and the mantissa multiplies. So weights of any ratio keep all their digits, and none becomes 0. c = 0 has the exponent
// -inf.
struct KeyWeight {
  double mantissa = 1, exponent = 0;
};

inline KeyWeight split_weight(double c) {
  if (c == 0) return {1, -std::numeric_limits<double>::infinity()};
  int exponent = 0;
  const double half = std::frexp(c, &exponent);
  return {2 * half, static_cast<double>(exponent - 1)};
}

}  // namespace attnpool::detail
