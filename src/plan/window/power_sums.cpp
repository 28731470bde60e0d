#include "plan/window/power_sums.hpp"

#include <algorithm>
#include <cmath>

namespace attnpool::detail {
namespace {

// Planes = 0: any number. One value column has two planes, which fill a register.
template <std::size_t Planes>
void add_key_of(const PowerSums& shape, double t, const double* factors, double* sums) {
  const std::size_t planes = Planes > 0 ? Planes : shape.planes;
  double power = 1;
  for (std::size_t n = 0; n <= shape.degree; ++n, power *= t, sums += planes)
    for (std::size_t p = 0; p < planes; ++p) sums[p] += power * factors[p];
}

// Binomial sums by additions only, as in Pascal's triangle: pass i makes the sums of degree >= i final up to i moves.
template <std::size_t Planes>
void add_moved_of(const PowerSums& shape, const double* from, double by, double* to, double* x) {
  const std::size_t planes = Planes > 0 ? Planes : shape.planes;
  std::copy_n(from, shape.size(), x);
  for (std::size_t pass = 1; pass <= shape.degree; ++pass)
    for (std::size_t n = shape.degree; n >= pass; --n)
      for (std::size_t p = 0; p < planes; ++p) x[n * planes + p] += by * x[(n - 1) * planes + p];
  for (std::size_t i = 0; i < shape.size(); ++i) to[i] += x[i];
}

double binomial(std::size_t n, std::size_t k) {
  double b = 1;
  for (std::size_t i = 1; i <= k; ++i) b = b * static_cast<double>(n - k + i) / static_cast<double>(i);
  return b;
}

}  // namespace

void PowerSums::add_key(double t, const double* factors, double* sums) const {
  planes == 2 ? add_key_of<2>(*this, t, factors, sums) : add_key_of<0>(*this, t, factors, sums);
}

void PowerSums::add_moved(const double* from, double by, double* to, double* scratch) const {
  planes == 2 ? add_moved_of<2>(*this, from, by, to, scratch) : add_moved_of<0>(*this, from, by, to, scratch);
}

KernelPolynomial::KernelPolynomial(KernelShape shape) {
  switch (shape) {
    case KernelShape::boxcar:
      c = {1};
      break;
    case KernelShape::triangular:
      c = {1, -1};
      break;
    case KernelShape::epanechnikov:
      c = {1, 0, -1};
      break;
    case KernelShape::biweight:
      c = {1, 0, -2, 0, 1};
      break;
    case KernelShape::triweight:
      c = {1, 0, -3, 0, 3, 0, -1};
      break;
    case KernelShape::tricube:
      c = {1, 0, 0, -3, 0, 0, 3, 0, 0, -1};
      break;
    default:
      break;
  }
}

bool KernelPolynomial::is_even() const {
  for (std::size_t j = 1; j < c.size(); j += 2)
    if (c[j] != 0) return false;
  return true;
}

double KernelPolynomial::magnitude() const {
  double sum = 0;
  for (const double x : c) sum += std::abs(x);
  return sum;
}

// |delta|^j delta^p = sign^j (s - t)^(j + p) = sign^j sum_l binomial(j + p, l) s^l (-t)^(j + p - l).
QueryPolynomials::QueryPolynomials(const KernelPolynomial& kernel, Moments moments)
    : kernel_degree_(kernel.degree()), powers_(1 + parameter_count(moments, 1)) {
  for (const int side : {0, 1})
    for (std::size_t p = 0; p < powers_; ++p)
      for (std::size_t j = 0; j <= kernel_degree_; ++j)
        for (std::size_t l = 0; l <= j + p && kernel.c[j] != 0; ++l) {
          const bool negative = ((j + p - l) % 2 == 1) != (side == 1 && j % 2 == 1);
          entries_[side].push_back({first(p) + l, j + p - l, kernel.c[j] * binomial(j + p, l) * (negative ? -1 : 1)});
        }
}

void QueryPolynomials::add(Side side, const double* sums, std::size_t planes, double* coefficients) const {
  for (const Entry& e : entries_[side == Side::below ? 0 : 1])
    for (std::size_t v = 0; v < planes; ++v) coefficients[e.to * planes + v] += e.factor * sums[e.from * planes + v];
}

}  // namespace attnpool::detail
