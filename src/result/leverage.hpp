#pragma once
#include <cmath>

namespace attnpool::detail {

// 1 - H of a row, H its leverage, from the ratio of the sum of the weights of the other keys to the row's own weight: accurate
// where H is close to 1 too. The residual with all keys is the error without the row times 1 - H, exactly.
inline double rest_of(double ratio) { return std::isinf(ratio) ? 1 : ratio / (1 + ratio); }

// The same from a sum of weights that is finite.
inline double rest_of(double others, double own) { return others / (own + others); }

// The same from a sum of weights with QuerySums::reference.
inline double rest_of(double other_weights, double reference, double own) {
  return rest_of(other_weights / own * std::exp2(-reference));
}

}  // namespace attnpool::detail
