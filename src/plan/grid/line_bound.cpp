#include "plan/grid/line_bound.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "plan/grid/grid.hpp"

namespace attnpool::detail {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// The answer's own arithmetic (LocalPolynomial) and that of the bound move M and t by a few roundings of sqrt(M_ii M_jj) for
// each step of the factorisation. With r_i at least sqrt(M_ii / M_00) they count as 16 roundings of M_00 a step.
double roundings(std::size_t terms) {
  return 16 * static_cast<double>(terms) * std::numeric_limits<double>::epsilon() / 2;
}

// Since e k includes those roundings, the inverse is known to 5 % where e k is at most this.
constexpr double most_change = 0.125, reserve = 1.1;

double bound_of(double error, double row, double change, double beta) {
  return change <= most_change ? reserve * error * row * (1 + beta) / (1 - change) : infinity;
}

// In one dimension det (M^-1) = (S2, -S1; -S1, S0).
void bound_lines_1d(const LineSums& lines, double ratio, const double* errors, double* bounds, double* size) {
  const std::size_t set = lines.planes * query_block;
  for (std::size_t i = 0; i < lines.count; ++i) {
    const double *s = lines.sums + i, s0 = s[0], s1 = s[set], s2 = s[2 * set];
    const double scale = 1 / (s0 * s2 - s1 * s1), r = std::max(ratio, std::sqrt(s2 / s0));
    const double error = errors[i] + roundings(2) * s0;
    const double change = error * (s2 + r * (2 * std::abs(s1) + r * s0)) * scale;
    double beta = 0, largest = 0;
    for (std::size_t v = 1; v < lines.planes; ++v) {
      const double t0 = s[v * query_block], t1 = s[set + v * query_block];
      const double value = std::abs(s2 * t0 - s1 * t1);
      largest = std::max(largest, value);
      beta = std::max(beta, value + r * std::abs(s0 * t1 - s1 * t0));
    }
    size[i] = largest * scale;
    bounds[i] = s0 > 0 && scale > 0 ? bound_of(error, (s2 + r * std::abs(s1)) * scale, change, beta * scale) : infinity;
  }
}

constexpr std::size_t most = most_grid_dims + 1;

// In place, by Gauss and Jordan without pivots; false unless all of them are positive, as those of a positive definite one are.
bool invert(double m[most][most], std::size_t n) {
  for (std::size_t p = 0; p < n; ++p) {
    if (!(m[p][p] > 0)) return false;
    const double inverse = 1 / m[p][p];
    m[p][p] = 1;
    for (std::size_t j = 0; j < n; ++j) m[p][j] *= inverse;
    for (std::size_t i = 0; i < n; ++i) {
      if (i == p) continue;
      const double factor = m[i][p];
      m[i][p] = 0;
      for (std::size_t j = 0; j < n; ++j) m[i][j] -= factor * m[p][j];
    }
  }
  return true;
}

// Of one query. Terms are 1 and delta of the dimensions that count.
struct Line {
  double m[most][most], r[most];
  std::size_t set[most], terms = 1;  // the set of sums of each term

  Line(const LineSums& lines, const double* sums, double ratio) : set{} {
    const std::size_t stride = lines.planes * query_block;
    std::size_t dim[most];
    for (std::size_t d = 0; d < lines.dims; ++d)
      if (lines.counts[d]) {
        dim[terms] = d;
        set[terms++] = 1 + d;
      }
    m[0][0] = sums[0];
    r[0] = 1;
    for (std::size_t i = 1; i < terms; ++i) {
      m[i][0] = m[0][i] = sums[set[i] * stride];
      for (std::size_t j = i; j < terms; ++j) {
        // Pairs a <= b follow the first moments, row by row (factors_of()).
        const std::size_t a = dim[i], pair = a * lines.dims - a * (a + 1) / 2 + dim[j];
        m[i][j] = m[j][i] = sums[(1 + lines.dims + pair) * stride];
      }
      r[i] = std::max(ratio, std::sqrt(m[i][i] / m[0][0]));
    }
  }

  double product(const double* row) const {  // r . |row|
    double sum = 0;
    for (std::size_t i = 0; i < terms; ++i) sum += r[i] * std::abs(row[i]);
    return sum;
  }
};

double bound_line(const LineSums& lines, const double* sums, double ratio, double error, double& size) {
  Line line(lines, sums, ratio);
  error += roundings(line.terms) * sums[0];
  size = 0;
  if (!invert(line.m, line.terms)) return infinity;
  double change = 0, beta = 0;
  for (std::size_t i = 0; i < line.terms; ++i) change += error * line.r[i] * line.product(line.m[i]);
  for (std::size_t v = 1; v < lines.planes; ++v) {
    double coefficient[most] = {};
    for (std::size_t i = 0; i < line.terms; ++i)
      for (std::size_t j = 0; j < line.terms; ++j)
        coefficient[i] += line.m[i][j] * sums[(line.set[j] * lines.planes + v) * query_block];
    size = std::max(size, std::abs(coefficient[0]));
    beta = std::max(beta, line.product(coefficient));
  }
  return bound_of(error, line.product(line.m[0]), change, beta);
}

}  // namespace

void bound_lines(const LineSums& lines, double ratio, const double* errors, double* bounds, double* size) {
  if (lines.dims == 1 && lines.counts[0]) return bound_lines_1d(lines, ratio, errors, bounds, size);
  for (std::size_t i = 0; i < lines.count; ++i)
    bounds[i] = bound_line(lines, lines.sums + i, ratio, errors[i], size[i]);
}

}  // namespace attnpool::detail
