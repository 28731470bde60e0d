#pragma once
// Included on both sides of the door (routine_table.hpp): its functions are always inlined, so that no object carries a copy
// compiled for another instruction set.
#include <cstddef>

namespace attnpool::detail {

// Which moments of the difference delta of query and key (see QuerySums) to sum along with the weights.
enum class Moments {
  none,
  scalar,         // sum_d delta_d^2, for the derivative in one w
  per_dimension,  // delta_d^2 of every dimension, for that in every w
  first,          // delta_d of every dimension, for the derivative in the query
  both,           // delta_0, delta_0^2, delta_1, delta_1^2, ..: for the variance of that derivative
  line,           // delta_d of every dimension, then delta_a delta_b for all a <= b, for local lines
  parabola        // delta to delta^4, one dimension, for local parabolas
};

[[gnu::always_inline]] inline std::size_t parameter_count(Moments moments, std::size_t dims) {
  switch (moments) {
    case Moments::none:
      return 0;
    case Moments::scalar:
      return 1;
    case Moments::both:
      return 2 * dims;
    case Moments::line:
      return dims + dims * (dims + 1) / 2;
    case Moments::parabola:
      return 4;
    default:
      return dims;
  }
}

// Moments for local polynomials are those of the weights themselves, the others those of their derivatives.
[[gnu::always_inline]] inline bool is_local(Moments moments) {
  return moments == Moments::line || moments == Moments::parabola;
}

// Moment p of these (but `scalar`) is the product of delta over `count` dimensions, not all of which need differ.
struct MomentFactors {
  std::size_t count;
  std::size_t dims[2];  // of the first two; beyond, all are of dimension 0
};
[[gnu::always_inline]] inline MomentFactors factors_of(Moments moments, std::size_t p, std::size_t dims) {
  switch (moments) {
    case Moments::first:
      return {1, {p, p}};
    case Moments::both:
      return {p % 2 == 0 ? std::size_t{1} : std::size_t{2}, {p / 2, p / 2}};
    case Moments::line: {
      if (p < dims) return {1, {p, p}};
      std::size_t a = 0, pair = p - dims;
      for (; pair >= dims - a; ++a) pair -= dims - a;
      return {2, {a, a + pair}};
    }
    case Moments::parabola:
      return {p + 1, {0, 0}};
    default:
      return {2, {p, p}};
  }
}

}  // namespace attnpool::detail
