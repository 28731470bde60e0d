#pragma once
// The weights of single queries under any kernel but the Gaussian, in double, as exact as they can be: relative to the key that
// weighs most, from differences of the caller's coordinates. The plain loops serve few queries (plan/nearest.hpp) and whole
// matrices of weights.
#include <attnpool/kernel.hpp>
#include <limits>
#include <span>

#include "data/decay.hpp"
#include "data/interval.hpp"
#include "data/row_keys.hpp"

namespace attnpool::detail {

class PairWeights {
 public:
  // keys must outlive this object. epsilon: of the type that the keys came in, which decides what lies on the boundary of a
  // compact kernel.
  PairWeights(const KernelProfile& profile, const RowKeys<double>& keys, double epsilon)
      : profile_(profile), decay_(profile), keys_(keys), edge_(1 - static_cast<double>(8 + keys.dims) * epsilon) {}

  // The visible key of largest weight; of a compact kernel, the nearest that has weight. Its coordinates go to reference [dims].
  // KeyRange::none if there is none.
  std::size_t find_heaviest(std::span<const Interval> visible, const double* query, double* reference) const;

  // The weight of key k, key weights apart: relative to the reference key's unless the kernel is compact.
  double weight(const double* query, const double* reference, std::size_t k) const {
    return profile_.is_compact() ? compact_weight(query, k) : std::exp2(-relative_exponent(query, reference, k));
  }
  // The power of two in the weight of key k, relative to that of the reference key.
  double power(std::size_t k, std::size_t reference_key) const {
    return keys_.is_weighted() ? std::exp2(keys_.bias[reference_key] - keys_.bias[k]) : 1;
  }
  // The squared distance of key k less that of the reference key; and the latter, from which on dimension d counts.
  double relative_square(const double* query, const double* reference, std::size_t k) const;
  double relative_square(const double* query, const double* reference, std::size_t d, std::size_t k) const {
    const double x = keys_.keys[d * keys_.count + k], q = query[d], r = reference[d];
    return keys_.factor[d] * (r - x) * ((q - r) + (q - x));
  }
  double square(const double* query, const double* reference, std::size_t d) const {
    const double delta = query[d] - reference[d];
    return keys_.factor[d] * delta * delta;
  }

 private:
  const KernelProfile profile_;
  const Decay decay_;
  const RowKeys<double>& keys_;
  const double edge_;

  double relative_exponent(const double* query, const double* reference, std::size_t k) const;
  double compact_weight(const double* query, std::size_t k) const;
};

}  // namespace attnpool::detail
