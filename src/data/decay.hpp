#pragma once
// How weights decay with the distance, for all that is not an inner loop: -log2 of the weight from squared differences in units of
// the engine (units.hpp), and weights of single pairs.
#include <algorithm>
#include <attnpool/kernel.hpp>
#include <cmath>
#include <limits>
#include <span>

namespace attnpool::detail {

class Decay {
 public:
  explicit Decay(const KernelProfile& profile) : profile_(profile) {}

  bool is_compact() const { return profile_.is_compact(); }
  // A lower bound, up to roundings, of -log2 of the weight: exact but under compact kernels, for which it is 0 within reach and
  // infinite beyond. Increases with every square.
  double exponent(std::span<const double> squares) const {
    double sum = 0;
    for (const double square : squares) sum += profile_.product ? one(square) : square;
    return profile_.product ? sum : one(sum);
  }
  // The same of e + difference less that of e, without the cancellation where e is large. Not for compact kernels.
  double difference(double e, double difference) const {
    switch (profile_.shape) {
      case KernelShape::laplace: {
        const double roots = std::sqrt(e) + std::sqrt(std::max(e + difference, 0.0));
        return roots > 0 ? difference / roots : 0;
      }
      case KernelShape::rational_quadratic:
        return profile_.alpha * std::log1p(difference / (1 + e)) * per_ln2;
      default:
        return difference;
    }
  }
  // What takes the place of the weight in derivatives, as a part of it: -d log2 weight / d e. Not for compact kernels.
  double relative_decline(double e) const {
    switch (profile_.shape) {
      case KernelShape::laplace:
        return 0.5 / std::sqrt(std::max(e, std::numeric_limits<double>::min()));
      case KernelShape::rational_quadratic:
        return profile_.alpha * per_ln2 / (1 + e);
      default:
        return 1;
    }
  }

 private:
  static constexpr double per_ln2 = 1.44269504088896340736;
  KernelProfile profile_;

  double one(double e) const {
    switch (profile_.shape) {
      case KernelShape::gaussian:
        return e;
      case KernelShape::laplace:
        return std::sqrt(e);
      case KernelShape::rational_quadratic:
        return profile_.alpha * std::log1p(e) * per_ln2;
      default:
        return e < 1 + 1e-6 ? 0 : std::numeric_limits<double>::infinity();
    }
  }
};

}  // namespace attnpool::detail
