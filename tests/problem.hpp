#pragma once
// One call of pool(): its inputs, its result, and the check against the oracle within the bound of the header.
#include <attnpool/gradient.hpp>
#include <attnpool/pool.hpp>
#include <attnpool/vmath.hpp>
#include <string>

#include "buffers.hpp"
#include "inputs.hpp"
#include "oracle.hpp"
#include "tolerance.hpp"

namespace attnpool::test {

template <class T>
struct Problem {
  Matrix<T> queries, keys, values;
  Gaussian score{1.0};
  Options options = {};

  /// Keys in [0, 5]^D as in the chapter, queries a little beyond them, values in [-1, 1].
  static Problem random(std::size_t query_count, std::size_t key_count, std::size_t dims = 1,
                        std::size_t value_cols = 1, std::uint64_t seed = 1) {
    return {random_matrix<T>(query_count, dims, -1, 6, 3 * seed), random_matrix<T>(key_count, dims, 0, 5, 3 * seed + 1),
            random_matrix<T>(key_count, value_cols, -1, 1, 3 * seed + 2)};
  }

  Matrix<T> pool() const {
    Matrix<T> out(queries.rows(), values.cols());
    attnpool::pool<T>(queries, keys, values, score, out.view(), options);
    return out;
  }
  std::string shape() const {
    return "Q=" + std::to_string(queries.rows()) + " K=" + std::to_string(keys.rows()) +
           " D=" + std::to_string(keys.cols()) + " V=" + std::to_string(values.cols()) +
           " w=" + std::to_string(score.w()[0]) + (score.is_scalar() ? "" : ",...") +
           (sizeof(T) == 4 ? " float" : " double");
  }
};

/// The `reach` of pool_error() for query q: the largest w * |coordinate - centre of the keys' bounding box|.
template <class T>
double reach(const Problem<T>& problem, std::size_t q) {
  double largest = 0;
  for (std::size_t d = 0; d < problem.keys.cols(); ++d) {
    double low = problem.keys(0, d), high = low;
    for (std::size_t k = 0; k < problem.keys.rows(); ++k) {
      low = std::min<double>(low, problem.keys(k, d));
      high = std::max<double>(high, problem.keys(k, d));
    }
    const double centre = low / 2 + high / 2;
    const double farthest = std::max(high - centre, std::abs(double(problem.queries(q, d)) - centre));
    largest = std::max(largest, std::abs(problem.score.w_of(d)) * farthest);
  }
  return largest;
}

template <class T>
double value_range(const Matrix<T>& values, std::size_t v) {
  double low = values(0, v), high = low;
  for (std::size_t k = 0; k < values.rows(); ++k) {
    low = std::min<double>(low, values(k, v));
    high = std::max<double>(high, values(k, v));
  }
  return high - low;
}

/// Holds `got` against the oracle within pool_error() of the value range. Half a unit in the last place of the result
/// is added, since values far from zero cannot be given more exactly in a T, however small their range. Returns the
/// largest error as a share of the bound.
template <class T>
double expect_pooled(const Problem<T>& problem, MatrixView<const T> got, double bounds = 1) {
  Mismatches mismatches("pool " + problem.shape());
  for (std::size_t q = 0; q < problem.queries.rows(); ++q) {
    const OracleRow<T> row(problem.queries, q, problem.keys, problem.score, problem.options.range,
                           problem.options.key_weights);
    const double bound = bounds * pool_error<T>(problem.keys.cols(), reach(problem, q));
    for (std::size_t v = 0; v < problem.values.cols(); ++v) {
      const Real want = row.pooled(problem.values, v);
      if (std::isnan(want)) {
        mismatches.check(std::isnan(got(q, v)), at(q, v), got(q, v), want);
      } else {
        mismatches.check(static_cast<double>(std::abs(Real(got(q, v)) - want)),
                         bound * value_range(problem.values, v) + ulp_at<T>(want) / 2, at(q, v), got(q, v), want);
      }
    }
  }
  return mismatches.worst();
}
template <class T>
double expect_pooled(const Problem<T>& problem, const Matrix<T>& got, double bounds = 1) {
  return expect_pooled<T>(problem, got.in(), bounds);
}

/// The loss of predicting `targets` and its gradient in w, from the oracle's predictions.
struct OracleLoss {
  Real loss;
  std::vector<Real> gradient;
};
template <class T>
OracleLoss oracle_loss(const Problem<T>& problem, const Matrix<T>& targets, Loss loss) {
  const std::size_t value_cols = targets.cols();
  OracleLoss sums{0, std::vector<Real>(problem.score.w().size(), 0)};
  for (std::size_t q = 0; q < targets.rows(); ++q) {
    const OracleRow<T> row(problem.queries, q, problem.keys, problem.score, problem.options.range,
                           problem.options.key_weights);
    const OracleGradient g = oracle_gradient<T>(row, problem.queries, q, problem.keys, problem.values, problem.score);
    for (std::size_t v = 0; v < value_cols; ++v) {
      const Real error = row.pooled(problem.values, v) - Real(targets(q, v));
      sums.loss += error * error / 2;
      for (std::size_t p = 0; p < sums.gradient.size(); ++p) sums.gradient[p] += error * g.gradient[p * value_cols + v];
    }
  }
  if (loss == Loss::mean) {
    const Real factor = Real(2) / static_cast<Real>(targets.rows() * value_cols);
    sums.loss *= factor;
    for (Real& g : sums.gradient) g *= factor;
  }
  return sums;
}

/// Counts that straddle every lane count (2 .. 16 lanes, tiles of several registers).
inline const std::vector<std::size_t> tail_counts = {0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 63, 65, 130};

}  // namespace attnpool::test
