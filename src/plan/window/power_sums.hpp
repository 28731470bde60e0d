#pragma once
// Power sums of keys about a point, and the kernels that are polynomials of the distance: what the window plan carries along.
//   sums[n * planes + p] = sum over keys of factor_p t^n,  n = 0 .. degree,
// t the distance of a key from the point in bandwidths, factor_0 its key weight, factor_(1 + v) that times value v.
#include <cstddef>
#include <vector>

#include "moments.hpp"
#include "plan/request.hpp"

namespace attnpool::detail {

struct PowerSums {
  std::size_t degree = 0, planes = 0;
  std::size_t size() const { return (degree + 1) * planes; }

  // sums += one key.
  void add_key(double t, const double* factors, double* sums) const;
  // to += `from`, counted from a point `by` further down (t + by in place of t). scratch: [size()].
  void add_moved(const double* from, double by, double* to, double* scratch) const;
};

// K(u) = c[0] + c[1] u + .. for u = |u| < 1.
struct KernelPolynomial {
  std::vector<double> c;
  // Empty if K is no polynomial.
  explicit KernelPolynomial(KernelShape shape);
  std::size_t degree() const { return c.size() - 1; }
  bool is_even() const;      // the same polynomial on both sides of the query
  double magnitude() const;  // sum of |c|: what rounding counts from
};

// The weighted sums of keys, times delta^p, p = 0 .. powers - 1, as polynomials in the place of the query: coefficient l of p and
// plane v at [(first(p) + l) * planes + v], of degree(p), are linear in the power sums of the keys. delta = s - t for the query at s.
class QueryPolynomials {
 public:
  QueryPolynomials(const KernelPolynomial& kernel, Moments moments);

  std::size_t powers() const { return powers_; }
  std::size_t degree(std::size_t p) const { return kernel_degree_ + p; }
  std::size_t first(std::size_t p) const { return p * (kernel_degree_ + 1) + p * (p - 1) / 2; }
  std::size_t count() const { return first(powers_); }
  std::size_t sum_degree() const { return kernel_degree_ + powers_ - 1; }  // of the power sums that it takes

  // coefficients += those of keys on one side of the query: below it (delta > 0) or above.
  enum class Side { below, above };
  void add(Side side, const double* sums, std::size_t planes, double* coefficients) const;
  // sums[p][v] at `row(p, v)`, [count], += the polynomials at s[0 .. count - 1]; s has room for three more.
  template <class Row>
  void evaluate(const double* coefficients, std::size_t planes, const double* s, std::size_t count,
                const Row& row) const;

 private:
  struct Entry {
    std::size_t to, from;
    double factor;
  };
  std::size_t kernel_degree_, powers_;
  std::vector<Entry> entries_[2];  // of each side
};

template <class Row>
void QueryPolynomials::evaluate(const double* coefficients, std::size_t planes, const double* s, std::size_t count,
                                const Row& row) const {
  constexpr std::size_t width = 4;  // a loop that the compiler unrolls into registers
  for (std::size_t i = 0; i < count; i += width)
    for (std::size_t p = 0; p < powers_; ++p)
      for (std::size_t v = 0; v < planes; ++v) {
        const double* c = coefficients + first(p) * planes + v;
        double x[width];
        for (std::size_t j = 0; j < width; ++j) x[j] = c[degree(p) * planes];
        for (std::size_t l = degree(p); l-- > 0;)
          for (std::size_t j = 0; j < width; ++j) x[j] = x[j] * s[i + j] + c[l * planes];
        double* sums = row(p, v) + i;
        for (std::size_t j = 0; j < width && i + j < count; ++j) sums[j] += x[j];
      }
}

}  // namespace attnpool::detail
