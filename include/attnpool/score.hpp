#pragma once
#include <vector>

namespace attnpool {

/// The Gaussian score of Nadaraya-Watson regression:
///   score(q, k) = -1/2 * sum_d ( w[d] * (q[d] - k[d]) )^2,     w = 1 / bandwidth, in 1 / unit of the keys.
/// w holds one number for all dimensions or one per dimension. w = 0 ignores a dimension (all of them: the plain mean);
/// the sign of w does not matter. Score and softmax together are the normalised Gaussian kernel.
class Gaussian {
 public:
  /// Throws std::invalid_argument naming the entry unless every w is finite and there is at least one.
  explicit Gaussian(double w);
  explicit Gaussian(std::vector<double> w);

  /// From bandwidths h (standard deviations, unit of the keys): w = 1 / h. Throws unless every h is finite and > 0
  /// and 1 / h is finite.
  static Gaussian from_bandwidth(double h);
  static Gaussian from_bandwidth(std::vector<double> h);

  const std::vector<double>& w() const { return w_; }
  bool is_scalar() const { return w_.size() == 1; }
  /// w of dimension d, whether scalar or not.
  double w_of(std::size_t d) const { return w_[is_scalar() ? 0 : d]; }

 private:
  std::vector<double> w_;
};

}  // namespace attnpool
