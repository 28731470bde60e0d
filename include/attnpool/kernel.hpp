#pragma once
#include <cstddef>
#include <vector>

namespace attnpool {

/// The smoothing kernel as a function K(u) of the distance u in bandwidths. Weights are K(u) as it stands here: constant
/// factors cancel in every answer. The compact ones are 0 from u = 1 on; a distance within a few roundings of 1 counts as 1.
enum class KernelShape {
  gaussian,           ///< e^(-u^2 / 2)
  boxcar,             ///< 1 for u < 1
  triangular,         ///< 1 - u; the chapter calls it Epanechikov
  epanechnikov,       ///< 1 - u^2
  biweight,           ///< (1 - u^2)^2
  triweight,          ///< (1 - u^2)^3
  tricube,            ///< (1 - u^3)^3
  cosine,             ///< cos(pi u / 2)
  laplace,            ///< e^-u
  rational_quadratic  ///< (1 + u^2 / (2 alpha))^-alpha
};

/// A kernel without its bandwidth.
struct KernelProfile {
  KernelShape shape = KernelShape::gaussian;
  double alpha = 1;  ///< of the rational quadratic kernel, in (0, 1000]; no other kernel has a parameter
  bool product =
      false;  ///< the product of K(u_d) over the dimensions, instead of K of the Euclidean distance: the same for
              ///< the Gaussian kernel and in one dimension

  KernelProfile() = default;
  KernelProfile(KernelShape the_shape, double the_alpha = 1, bool is_product = false)
      : shape(the_shape), alpha(the_alpha), product(is_product) {}
  bool operator==(const KernelProfile&) const = default;

  bool is_gaussian() const { return shape == KernelShape::gaussian; }
  /// Whether weights are 0 from one bandwidth on, so that a query may have no key within reach (see Empty).
  bool is_compact() const;
  /// Whether K has a derivative in the bandwidth that gradients can use: all but the boxcar kernel and products.
  bool is_differentiable() const;
};

/// K(u) from u^2, in double; for a product kernel, of one dimension. This is the definition that tests hold the engine to.
double kernel_weight(const KernelProfile& profile, double squared_distance);

/// A smoothing kernel with its bandwidths:  u_d = w[d] * (query[d] - key[d]),  u = |u_d|,  w = 1 / bandwidth, in 1 / unit of the
/// keys. w holds one number for all dimensions or one per dimension. w = 0 ignores a dimension (all of them: the plain mean);
/// the sign of w does not matter.
class Kernel {
 public:
  /// Throws std::invalid_argument naming the entry unless every w is finite, there is at least one, and the profile is valid.
  Kernel(KernelProfile profile, double w);
  Kernel(KernelProfile profile, std::vector<double> w);

  /// From bandwidths h, in the unit of the keys: w = 1 / h. Throws unless every h is finite and > 0 and 1 / h is finite.
  static Kernel from_bandwidth(KernelProfile profile, double h);
  static Kernel from_bandwidth(KernelProfile profile, std::vector<double> h);

  const KernelProfile& profile() const { return profile_; }
  const std::vector<double>& w() const { return w_; }
  bool is_scalar() const { return w_.size() == 1; }
  /// w of dimension d, whether scalar or not.
  double w_of(std::size_t d) const { return w_[is_scalar() ? 0 : d]; }

 private:
  KernelProfile profile_;
  std::vector<double> w_;
};

/// The Gaussian kernel: the softmax of the scores -1/2 sum_d (w[d] (query[d] - key[d]))^2. Bandwidths are standard deviations.
class Gaussian : public Kernel {
 public:
  explicit Gaussian(double w) : Kernel({}, w) {}
  explicit Gaussian(std::vector<double> w) : Kernel({}, std::move(w)) {}
  static Gaussian from_bandwidth(double h);
  static Gaussian from_bandwidth(std::vector<double> h);
};

/// "gaussian", "boxcar", .., "rational_quadratic".
const char* to_string(KernelShape shape) noexcept;

}  // namespace attnpool
