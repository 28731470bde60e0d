#include "plan/grid/line_bound.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "plan/grid/grid.hpp"

namespace attnpool::detail {
namespace {

constexpr double none = -1;

// The answer's own arithmetic (LocalPolynomial) and that of the bound move M_ij and t_i by a few roundings of sqrt(M_ii M_jj) for
// each step of the factorisation. That is no more than 16 roundings a step of the largest M_ii / r_i^2, times r_i r_j.
double roundings(std::size_t terms) {
  return 16 * static_cast<double>(terms) * std::numeric_limits<double>::epsilon() / 2;
}

// Since e k includes those roundings, the inverse is known to 5 % where e k is at most 1/8. Below that 1 / (1 - 8 e k) bounds
// 1 / (1 - e k), which costs nothing where e k is as small as the tolerance; above, the bound is negative, without a branch.
constexpr double reserve = 1.1;

double bound_of(double error, double row, double change, double beta) {
  return reserve * error * row * (1 + beta) / (1 - 8 * change);
}

// In one dimension det (M^-1) = (S2, -S1; -S1, S0). Without branches, for the compiler to vectorise: where det <= 0 the bound is
// not positive either, or infinite.
void bound_lines_1d(const LineSums& lines, double r, const double* errors, double* bounds, double* size) {
  const std::size_t set = lines.planes * query_block, count = lines.count;
  const double of_squares = 1 / (r * r), per_weight = roundings(2);
  const double *sum0 = lines.sums, *sum1 = sum0 + set, *sum2 = sum1 + set;
  double scale[query_block], beta[query_block];
  for (std::size_t i = 0; i < count; ++i) {
    scale[i] = 1 / (sum0[i] * sum2[i] - sum1[i] * sum1[i]);
    beta[i] = size[i] = 0;
  }
  for (std::size_t v = 1; v < lines.planes; ++v) {
    const double *value0 = sum0 + v * query_block, *value1 = sum1 + v * query_block;
    for (std::size_t i = 0; i < count; ++i) {
      const double value = std::abs(sum2[i] * value0[i] - sum1[i] * value1[i]) * scale[i];
      const double slope = std::abs(sum0[i] * value1[i] - sum1[i] * value0[i]) * scale[i];
      const double both = value + r * slope;
      size[i] = size[i] < value ? value : size[i];
      beta[i] = beta[i] < both ? both : beta[i];
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    const double scaled = sum2[i] * of_squares, first = r * std::abs(sum1[i]);
    const double error = errors[i] + per_weight * (sum0[i] < scaled ? scaled : sum0[i]);
    const double row = sum2[i] + first, change = error * (row + first + r * r * sum0[i]) * scale[i];
    bounds[i] = bound_of(error, row * scale[i], change, beta[i]);
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
  double m[most][most], r[most], largest;  // of m[i][i] / r[i]^2
  std::size_t set[most], terms = 1;        // the set of sums of each term

  Line(const LineSums& lines, const double* sums, double ratio) : set{} {
    const std::size_t stride = lines.planes * query_block;
    std::size_t dim[most];
    for (std::size_t d = 0; d < lines.dims; ++d)
      if (lines.counts[d]) {
        dim[terms] = d;
        set[terms++] = 1 + d;
      }
    m[0][0] = largest = sums[0];
    r[0] = 1;
    for (std::size_t i = 1; i < terms; ++i) {
      m[i][0] = m[0][i] = sums[set[i] * stride];
      for (std::size_t j = i; j < terms; ++j) {
        // Pairs a <= b follow the first moments, row by row (factors_of()).
        const std::size_t a = dim[i], pair = a * lines.dims - a * (a + 1) / 2 + dim[j];
        m[i][j] = m[j][i] = sums[(1 + lines.dims + pair) * stride];
      }
      r[i] = ratio;
      largest = std::max(largest, m[i][i] / (ratio * ratio));
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
  error += roundings(line.terms) * line.largest;
  size = 0;
  if (!invert(line.m, line.terms)) return none;
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
