#pragma once
// Polynomials that are orthogonal under weights on given points, by their three-term recurrence (Stieltjes): least squares
// without a system of equations.
#include <array>
#include <cstddef>
#include <span>

namespace attnpool::detail {

struct WeightedPoint {
  double x = 0, weight = 0;
};

template <int degree>
class OrthogonalPolynomials {
 public:
  using Terms = std::array<double, degree + 1>;

  explicit OrthogonalPolynomials(std::span<const WeightedPoint> points) {
    for (int k = 0; k <= degree; ++k) {
      double moment = 0;
      for (const WeightedPoint& point : points) {
        const double p = at(point.x, k)[k];
        norm_[k] += point.weight * p * p;
        moment += point.weight * p * p * point.x;
      }
      if (!(norm_[k] > 0)) return;
      centre_[k] = moment / norm_[k];
      ratio_[k] = k > 0 ? norm_[k] / norm_[k - 1] : 0;
      ++count_;
      if (points.size() == count_) return;  // more would be 0 at every point
    }
  }

  // Polynomials that the points determine: degree + 1 unless there are fewer points. The others count as 0.
  std::size_t count() const { return count_; }
  double norm(std::size_t k) const { return norm_[k]; }  // the weighted sum of squares of polynomial k

  // The polynomials at x, all or up to the one of degree `last`.
  Terms at(double x, int last = degree) const {
    Terms p{1};
    for (int k = 0; k < last; ++k) p[k + 1] = (x - centre_[k]) * p[k] - (k > 0 ? ratio_[k] * p[k - 1] : 0);
    return p;
  }

  // Their derivatives of the given order at x.
  Terms derivative(int order, double x) const {
    Terms lower = at(x);
    for (int d = 1; d <= order; ++d) {
      Terms p{};
      for (int k = 0; k < degree; ++k)
        p[k + 1] = (x - centre_[k]) * p[k] + d * lower[k] - (k > 0 ? ratio_[k] * p[k - 1] : 0);
      lower = p;
    }
    return lower;
  }

 private:
  Terms centre_{}, ratio_{}, norm_{};
  std::size_t count_ = 0;
};

}  // namespace attnpool::detail
