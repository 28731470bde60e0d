#include "plan/grid/translation.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "data/units.hpp"
#include "routine_table.hpp"

namespace attnpool::detail {
namespace {

using Real = long double;
using Square = std::array<std::array<Real, most_terms>, most_terms>;

Real chebyshev_point(std::size_t i, std::size_t terms) {
  return std::cos(std::numbers::pi_v<Real> * (static_cast<Real>(i) + Real(0.5)) / static_cast<Real>(terms));
}

// coefficient[k][i]: what the value at point i adds to the coefficient of t^k of the polynomial through all points,
// sum_i f(x_i) 2/n sum_m' T_m(x_i) T_m(t) with the term m = 0 halved.
Square power_coefficients(std::size_t terms) {
  Square chebyshev{};  // T_m in powers: T_m+1 = 2 t T_m - T_m-1
  chebyshev[0][0] = 1;
  if (terms > 1) chebyshev[1][1] = 1;
  for (std::size_t m = 2; m < terms; ++m)
    for (std::size_t k = 0; k < terms; ++k)
      chebyshev[m][k] = (k > 0 ? 2 * chebyshev[m - 1][k - 1] : 0) - chebyshev[m - 2][k];
  Square result{};
  for (std::size_t i = 0; i < terms; ++i) {
    const Real angle = std::numbers::pi_v<Real> * (static_cast<Real>(i) + Real(0.5)) / static_cast<Real>(terms);
    for (std::size_t m = 0; m < terms; ++m) {
      const Real at_point = std::cos(static_cast<Real>(m) * angle) * (m == 0 ? 1 : 2) / static_cast<Real>(terms);
      for (std::size_t k = 0; k <= m; ++k) result[k][i] += at_point * chebyshev[m][k];
    }
  }
  return result;
}

double least_error(double width, std::size_t terms) {
  const double n = static_cast<double>(terms);
  const double one = 2 * 1.0865 * std::exp(n * std::log(width / 4) - std::lgamma(n + 1) / 2);
  const double lebesgue = 2 / std::numbers::pi * std::log(n) + 1;
  return one * (1 + lebesgue);
}

// Matrices of the offsets -reach .. reach, [2 reach + 1][terms][row].
struct Layout {
  std::size_t terms, row, reach;
  std::size_t place(std::size_t matrix, std::size_t l, std::size_t k) const { return (matrix * terms + l) * row + k; }
};

// M = C F C^T, written as [j][i] at source - target = offset, and mirrored, with signs (-1)^(i+j) (and another, `parity`, where
// the function is odd), at -offset. Returns sum |M|. terms^3 products instead of 2 terms^3, since points lie symmetrically:
// C[k][n - 1 - i] = (-1)^k C[k][i]. (M[l][k] = (-1)^(k+l) M[k][l] would save a quarter more, but coefficients lose their digits:
// only those of one row, computed together, keep the digits of the polynomial.)
double enter(const Square& to_powers, const Square& f, const Layout& at, std::size_t offset, double* matrices,
             double parity = 1) {
  const std::size_t terms = at.terms, half = terms / 2, upper = (terms + 1) / 2;
  Square folded[2] = {};  // F's rows i and n - 1 - i, added for even k, subtracted for odd
  for (std::size_t i = 0; i < half; ++i)
    for (std::size_t j = 0; j < terms; ++j) {
      folded[0][i][j] = f[i][j] + f[terms - 1 - i][j];
      folded[1][i][j] = f[i][j] - f[terms - 1 - i][j];
    }
  if (upper > half) folded[0][half] = f[half];
  double sum = 0;
  for (std::size_t k = 0; k < terms; ++k) {
    std::array<Real, most_terms> row{}, pairs[2] = {};
    for (std::size_t j = 0; j < terms; ++j)
      for (std::size_t i = 0; i < (k % 2 == 0 ? upper : half); ++i) row[j] += to_powers[k][i] * folded[k % 2][i][j];
    for (std::size_t j = 0; j < half; ++j) {
      pairs[0][j] = row[j] + row[terms - 1 - j];
      pairs[1][j] = row[j] - row[terms - 1 - j];
    }
    if (upper > half) pairs[0][half] = row[half];
    for (std::size_t l = 0; l < terms; ++l) {
      Real m = 0;
      for (std::size_t j = 0; j < (l % 2 == 0 ? upper : half); ++j) m += to_powers[l][j] * pairs[l % 2][j];
      const double entry = static_cast<double>(m), sign = (k + l) % 2 == 0 ? 1 : -1;
      matrices[at.place(at.reach + offset, l, k)] = entry;
      matrices[at.place(at.reach - offset, l, k)] = parity * sign * entry;
      sum += std::abs(entry);
    }
  }
  return sum;
}

}  // namespace

Expansion::Expansion(double width, double error, double truncation, std::size_t terms)
    : width_(width),
      reach_(static_cast<std::size_t>(std::ceil(std::sqrt(-2 * std::log(truncation)) / width))),
      truncation_error_(std::exp(-0.5 * static_cast<double>(reach_ * reach_) * width * width)) {
  for (std::size_t n = terms > 0 ? terms : 3; n <= most_terms && terms_ == 0; ++n)
    if (const double e = least_error(width, n); terms > 0 || e <= error) {
      terms_ = n;
      interpolation_error_ = e;
    }
  row_ = (terms_ + grid_lanes - 1) / grid_lanes * grid_lanes;
}

double Expansion::moment_factor(std::size_t power, std::size_t n) {
  const double m = static_cast<double>(n) + 1;
  if (power == 0) return 1;
  return power == 1 ? exponent_scale * std::sqrt(m) : exponent_scale_squared * (1 + std::sqrt(m * (m + 1)));
}

// x^2 e^(-x^2 / 2) falls from sqrt(2) on, and reach is further than that: the largest weight left out is below 0.1.
double Expansion::truncation_error(std::size_t power) const {
  const double r = exponent_scale * static_cast<double>(reach_) * width_;
  return truncation_error_ * (power == 0 ? 1 : power == 1 ? r : r * r);
}

double Expansion::decay(std::size_t offset) const {
  const double r = offset > 0 ? static_cast<double>(offset - 1) * width_ : 0;
  return std::exp(-r * r / 4);
}

void Expansion::make_matrices(Moments moments) {
  const std::size_t size = terms_ * row_;
  const bool with_first = moments == Moments::first || moments == Moments::both || moments == Moments::line,
             with_second = moments != Moments::none && moments != Moments::first;
  if (!gaussian_.empty() && (!with_first || !first_.empty()) && (!with_second || !second_.empty())) return;
  gaussian_.assign((2 * reach_ + 1) * size, 0.0);
  if (with_first) first_.assign((2 * reach_ + 1) * size, 0.0);
  if (with_second) second_.assign((2 * reach_ + 1) * size, 0.0);
  const Square to_powers = power_coefficients(terms_);
  const Real a = static_cast<Real>(width_) / 2;
  Square near{}, difference{};  // e^(-(a (x_i - x_j))^2 / 2), a (x_i - x_j)
  std::array<Real, most_terms> point{};
  for (std::size_t i = 0; i < terms_; ++i) point[i] = a * chebyshev_point(i, terms_);
  for (std::size_t i = 0; i < terms_; ++i)
    for (std::size_t j = 0; j < terms_; ++j) {
      difference[i][j] = point[i] - point[j];
      near[i][j] = std::exp(-difference[i][j] * difference[i][j] / 2);
    }
  const Layout layout{terms_, row_, reach_};
  for (std::size_t offset = 0; offset <= reach_; ++offset) {
    // Target at 0, source at s: e^(-(s + x_j - x_i)^2 / 2) = e^(-s^2/2) e^(s x_i) e^(-s x_j) near, few exponentials.
    const Real s = static_cast<Real>(offset) * static_cast<Real>(width_), far = std::exp(-s * s / 2);
    std::array<Real, most_terms> e{};
    for (std::size_t i = 0; i < terms_; ++i) e[i] = std::exp(s * point[i]);
    Square f{}, first{}, second{};
    for (std::size_t i = 0; i < terms_; ++i)
      for (std::size_t j = 0; j < terms_; ++j) {
        const Real x = s - difference[i][j];
        f[i][j] = far * e[i] / e[j] * near[i][j];
        first[i][j] = -f[i][j] * x * std::sqrt(static_cast<Real>(exponent_scale_squared));
        second[i][j] = f[i][j] * x * x * static_cast<Real>(exponent_scale_squared);
      }
    const auto see = [&](std::size_t power, double sum) {
      magnitude_[power] = std::max(magnitude_[power], sum / decay(offset));
    };
    see(0, enter(to_powers, f, layout, offset, gaussian_.data()));
    if (with_first) see(1, enter(to_powers, first, layout, offset, first_.data(), -1));
    if (with_second) see(2, enter(to_powers, second, layout, offset, second_.data()));
  }
}

}  // namespace attnpool::detail
