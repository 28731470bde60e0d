#include <attnpool/kernel.hpp>
#include <cmath>
#include <numbers>
#include <utility>

#include "base/to_string.hpp"
#include "base/validate.hpp"

namespace attnpool {

bool KernelProfile::is_compact() const {
  return shape != KernelShape::gaussian && shape != KernelShape::laplace && shape != KernelShape::rational_quadratic;
}

bool KernelProfile::is_differentiable() const { return shape != KernelShape::boxcar && (!product || is_gaussian()); }

double kernel_weight(const KernelProfile& profile, double squared_distance) {
  const double e = squared_distance, u = std::sqrt(e), rest = 1 - e;
  if (profile.is_compact() && !(e < 1)) return 0;
  switch (profile.shape) {
    case KernelShape::gaussian:
      return std::exp(-e / 2);
    case KernelShape::boxcar:
      return 1;
    case KernelShape::triangular:
      return 1 - u;
    case KernelShape::epanechnikov:
      return rest;
    case KernelShape::biweight:
      return rest * rest;
    case KernelShape::triweight:
      return rest * rest * rest;
    case KernelShape::tricube:
      return std::pow(1 - e * u, 3);
    case KernelShape::cosine:
      return std::cos(std::numbers::pi / 2 * u);
    case KernelShape::laplace:
      return std::exp(-u);
    case KernelShape::rational_quadratic:
      return std::exp(-profile.alpha * std::log1p(e / (2 * profile.alpha)));
  }
  return std::nan("");
}

Kernel::Kernel(KernelProfile profile, double w) : Kernel(profile, std::vector<double>{w}) {}

Kernel::Kernel(KernelProfile profile, std::vector<double> w) : profile_(profile), w_(std::move(w)) {
  detail::check_enum("kernel", "KernelShape", profile.shape);
  if (!(profile.alpha > 0 && profile.alpha <= 1000))
    detail::bad_argument("alpha", "must be in (0, 1000], got " + detail::to_string(profile.alpha));
  if (w_.empty()) detail::bad_argument("w", "needs at least one entry, got none");
  for (std::size_t i = 0; i < w_.size(); ++i)
    if (!std::isfinite(w_[i]))
      detail::bad_argument("w[" + detail::to_string(i) + "]", "must be finite, got " + detail::to_string(w_[i]));
}

Kernel Kernel::from_bandwidth(KernelProfile profile, double h) {
  return from_bandwidth(profile, std::vector<double>{h});
}

Kernel Kernel::from_bandwidth(KernelProfile profile, std::vector<double> h) {
  for (std::size_t i = 0; i < h.size(); ++i) {
    if (!(h[i] > 0) || !std::isfinite(h[i]) || !std::isfinite(1 / h[i]))
      detail::bad_argument("bandwidth[" + detail::to_string(i) + "]",
                           "must be a positive number with a finite reciprocal, got " + detail::to_string(h[i]));
    h[i] = 1 / h[i];
  }
  if (h.empty()) detail::bad_argument("bandwidth", "needs at least one entry, got none");
  return Kernel(profile, std::move(h));
}

Gaussian Gaussian::from_bandwidth(double h) { return from_bandwidth(std::vector<double>{h}); }
Gaussian Gaussian::from_bandwidth(std::vector<double> h) {
  return Gaussian(Kernel::from_bandwidth({}, std::move(h)).w());
}

}  // namespace attnpool
