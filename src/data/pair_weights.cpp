#include "data/pair_weights.hpp"

#include <attnpool/range.hpp>

namespace attnpool::detail {

double PairWeights::relative_square(const double* query, const double* reference, std::size_t k) const {
  double sum = 0;
  for (std::size_t d = 0; d < keys_.dims; ++d) sum += relative_square(query, reference, d, k);
  return sum;
}

double PairWeights::relative_exponent(const double* query, const double* reference, std::size_t k) const {
  double of_reference = 0, difference = 0, sum = 0;
  for (std::size_t d = 0; d < keys_.dims; ++d) {
    const double from = square(query, reference, d), relative = relative_square(query, reference, d, k);
    if (profile_.product) sum += decay_.difference(from, relative);
    of_reference += from;
    difference += relative;
  }
  return profile_.product ? sum : decay_.difference(of_reference, difference);
}

double PairWeights::compact_weight(const double* query, std::size_t k) const {
  double sum = 0, product = 1;
  for (std::size_t d = 0; d < keys_.dims; ++d) {
    const double delta = query[d] - keys_.keys[d * keys_.count + k], square = keys_.factor[d] * delta * delta;
    if (profile_.product) product *= square < edge_ ? kernel_weight(profile_, square) : 0;
    sum += square;
  }
  if (profile_.product) return product;
  return sum < edge_ ? kernel_weight(profile_, sum) : 0;
}

std::size_t PairWeights::find_heaviest(std::span<const Interval> visible, const double* query,
                                       double* reference) const {
  std::size_t best = KeyRange::none;
  for (const Interval& interval : visible)
    for (std::size_t k = interval.begin; k < interval.end; ++k) {
      if (!keys_.has_weight(k)) continue;
      if (best != KeyRange::none) {
        const double of_keys = keys_.is_weighted() ? keys_.bias[k] - keys_.bias[best] : 0;
        const double relative = profile_.is_compact() ? relative_square(query, reference, k)
                                                      : relative_exponent(query, reference, k) + of_keys;
        if (!(relative < 0)) continue;
      }
      best = k;
      for (std::size_t d = 0; d < keys_.dims; ++d) reference[d] = keys_.keys[d * keys_.count + k];
    }
  return best;
}

}  // namespace attnpool::detail
