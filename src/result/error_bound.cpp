#include <algorithm>
#include <attnpool/pool.hpp>
#include <cmath>
#include <limits>

#include "data/block_keys.hpp"
#include "data/units.hpp"

namespace attnpool {

// Derivation. u = epsilon / 2. Let weight k carry a relative error r_k; then out moves by |sum_k p_k r_k (v_k - out)|
// <= range * E|r| to first order, E the mean under the weights p. With e_k the exponent (weight 2^-e_k) and d its
// difference of scaled coordinates:
//   coordinates  scaled form: query and key are rounded, |delta d| <= u (2 R + 2 |d|), R = min(reach * 0.85, 8);
//                raw form: |delta d| <= 3 u |d|; product form: norms of at most 32 for the key and (sqrt(32) + 8)^2 <
//                192 for the query, in (D + 2) roundings of at most u (32 + 192) each, beside those of the scaled form
//                with R = sqrt(32)
//   exponent     |delta e| <= sum_d 2 |d| |delta d| + (D + 1) u e;  r = ln2 |delta e| + 4 u (polynomial 1.6 u, its
//                roundings)
// A query with a sum of weights below 2^-32 is answered elsewhere, so e is below 32 for the nearest key and E e <= 64:
// E sum |d| <= 8 sqrt(D).
//   sums         96 terms in T: 96 u for numerator and denominator each; the rest is compensated or in double
//   values       u of the half range; key weights u, and u once more times the values
template <class T>
double pool_error(std::size_t dims, double reach) {
  const double u = static_cast<double>(std::numeric_limits<T>::epsilon()) / 2;
  const double big_r = std::min(reach * detail::exponent_scale, detail::BlockKeys<T>::scaled_reach),
               d = static_cast<double>(dims);
  const double exponent = 2 * 8 * std::sqrt(d) * 2 * big_r + 6 * 64 +
                          (d >= detail::BlockKeys<T>::product_dims ? (d + 2) * 224 : (d + 1) * 64);
  return u * (0.6932 * exponent + 4 + 2 * 96 + 3);
}

template double pool_error<float>(std::size_t, double);
template double pool_error<double>(std::size_t, double);

}  // namespace attnpool
