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
  both            // delta_0, delta_0^2, delta_1, delta_1^2, ..: for the variance of that derivative
};

[[gnu::always_inline]] inline std::size_t parameter_count(Moments moments, std::size_t dims) {
  switch (moments) {
    case Moments::none:
      return 0;
    case Moments::scalar:
      return 1;
    case Moments::both:
      return 2 * dims;
    default:
      return dims;
  }
}

// Whether moment p of these is of delta itself, and the dimension that it belongs to.
[[gnu::always_inline]] inline bool is_first(Moments moments, std::size_t p) {
  return moments == Moments::first || (moments == Moments::both && p % 2 == 0);
}
[[gnu::always_inline]] inline std::size_t dimension_of(Moments moments, std::size_t p) {
  return moments == Moments::both ? p / 2 : p;
}

}  // namespace attnpool::detail
