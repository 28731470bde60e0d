#include <attnpool/score.hpp>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "base/to_string.hpp"

namespace attnpool {

Gaussian::Gaussian(double w) : Gaussian(std::vector<double>{w}) {}

Gaussian::Gaussian(std::vector<double> w) : w_(std::move(w)) {
  if (w_.empty()) throw std::invalid_argument("w: needs at least one entry, got none");
  for (std::size_t i = 0; i < w_.size(); ++i)
    if (!std::isfinite(w_[i]))
      throw std::invalid_argument("w[" + detail::to_string(i) + "]: must be finite, got " + detail::to_string(w_[i]));
}

Gaussian Gaussian::from_bandwidth(double h) { return from_bandwidth(std::vector<double>{h}); }

Gaussian Gaussian::from_bandwidth(std::vector<double> h) {
  for (std::size_t i = 0; i < h.size(); ++i) {
    if (!(h[i] > 0) || !std::isfinite(h[i]) || !std::isfinite(1 / h[i]))
      throw std::invalid_argument("bandwidth[" + detail::to_string(i) +
                                  "]: must be a positive number with a finite reciprocal, got " +
                                  detail::to_string(h[i]));
    h[i] = 1 / h[i];
  }
  if (h.empty()) throw std::invalid_argument("bandwidth: needs at least one entry, got none");
  return Gaussian(std::move(h));
}

}  // namespace attnpool
