#pragma once
// The Gaussian between two boxes as a polynomial in the local coordinates of both, the heart of the grid plan.
//   y_t = c_t + a t, y_s = c_s + a s, boxes of width 2 a bandwidths, `offset` boxes apart:
//   e^(-(y_t - y_s)^2 / 2) = sum_ij M[i][j] t^i s^j + error
// M is the polynomial through terms x terms Chebyshev points, written in powers of t and s: as cheap at a point as a
// Taylor series, with an error smaller by up to 2^(terms - 1). Powers cost no accuracy here: M's entries fall like the
// Taylor coefficients of a Gaussian over a box narrower than two bandwidths, and are computed in long double.
// (Fast Gauss transform: Greengard and Strain 1991; on Chebyshev points: Fong and Darve 2009.)
#include <cstddef>

#include "base/aligned.hpp"
#include "moments.hpp"

namespace attnpool::detail {

class Expansion {
 public:
  // For an error of at most `error` per key, beside decay() (one dimension); terms() is 0 if that takes more than
  // most_terms. truncation: the largest weight that may be left out. terms: not 0 to fix their number.
  Expansion(double width, double error, double truncation, std::size_t terms = 0);

  double width() const { return width_; }  // of a box, in bandwidths
  std::size_t terms() const { return terms_; }
  std::size_t row() const { return row_; }      // terms, padded
  std::size_t reach() const { return reach_; }  // boxes on either side that count

  // |polynomial - Gaussian| <= interpolation_error() * decay(offset). By |f - p| <= a^n / (2^(n-1) n!) max |f^(n)| and
  // Cramer's bound |d^n/dx^n e^(-x^2/2)| <= 1.0865 sqrt(n!) e^(-x^2/4), in t and then, times the Lebesgue constant, in
  // s.
  double interpolation_error() const { return interpolation_error_; }
  // The same for delta^power e^(-x^2 / 2), as a multiple of it: with f = e^(-x^2/2), x f = -f' and x^2 f = f + f'', so that their
  // n-th derivatives are at most sqrt(n + 1) and 1 + sqrt((n + 1)(n + 2)) times Cramer's bound. n is terms(); 1 for the error
  // that an error of a coordinate makes.
  static double moment_factor(std::size_t power, std::size_t n);
  // Weights beyond reach are at most this, and times delta^power this.
  double truncation_error(std::size_t power = 0) const;
  // e^(-r^2 / 4), r the least distance of boxes `offset` apart.
  double decay(std::size_t offset) const;

  // Computes the matrices: M[j][i] of source - target = -reach() .. reach() boxes, [2 reach() + 1][terms()][row()].
  void make_matrices(Moments moments);
  const double* gaussian() const { return gaussian_.data(); }
  // The same for delta^n e^(-x^2 / 2), x the difference in bandwidths and delta = exponent_scale x.
  const double* first_moment() const { return first_.data(); }
  const double* second_moment() const { return second_.data(); }
  // sum_ij |M[i][j]| <= magnitude() * decay(offset) of the matrices for delta^power, for the bound on rounding.
  double magnitude(std::size_t power = 0) const { return magnitude_[power]; }

 private:
  double width_;
  std::size_t terms_ = 0, row_ = 0, reach_ = 0;
  double interpolation_error_ = 0, truncation_error_ = 0, magnitude_[3] = {};
  AlignedVector<double> gaussian_, first_, second_;
};

}  // namespace attnpool::detail
