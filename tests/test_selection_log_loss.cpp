// Criterion::log_loss against its definition in long double: values, minima, and what is refused.
#include <attnpool/pool.hpp>
#include <attnpool/selection.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "isa_param.hpp"
#include "problem.hpp"

namespace attnpool::test {
namespace {

class LogLosses : public IsaTest {};
ATTNPOOL_ON_EVERY_ISA(LogLosses);

using Real = long double;

struct Classes {
  Matrix<double> x, y;
  std::vector<double> weights = {};
};

/// From the formula, row by row; w one per dimension.
double log_loss_by_definition(const Classes& p, const std::vector<double>& w) {
  const std::size_t n = p.x.rows();
  const auto weight = [&](std::size_t i) { return p.weights.empty() ? Real(1) : Real(p.weights[i]); };
  Real total = 0, loss = 0;
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<Real> exponent(n, 0);
    Real nearest = -std::numeric_limits<Real>::infinity();
    for (std::size_t k = 0; k < n; ++k) {
      for (std::size_t d = 0; d < p.x.cols(); ++d) {
        const Real u = Real(w[d]) * (Real(p.x(i, d)) - Real(p.x(k, d)));
        exponent[k] -= u * u / 2;
      }
      if (k != i) nearest = std::max(nearest, exponent[k]);
    }
    Real sum = 0;
    std::vector<Real> sums(p.y.cols(), 0);
    for (std::size_t k = 0; k < n; ++k) {
      const Real part = k == i ? 0 : weight(k) * std::exp(exponent[k] - nearest);
      sum += part;
      for (std::size_t v = 0; v < p.y.cols(); ++v) sums[v] += part * Real(p.y(k, v));
    }
    for (std::size_t v = 0; v < p.y.cols(); ++v)
      if (p.y(i, v) > 0) loss -= weight(i) * Real(p.y(i, v)) * std::log(sums[v] / sum);
    total += weight(i);
  }
  return static_cast<double>(loss / total);
}

/// Two or three classes that overlap; every third set has probabilities that are neither 0 nor 1, some have weights.
Classes random_classes(std::size_t seed, std::size_t n = 0) {
  Random random(seed);
  const auto uniform = [&](double a, double b) { return random.uniform(a, b); };
  const std::size_t cols = 2 + seed % 2, dims = 1 + seed / 2 % 2;
  if (n == 0) n = 20 + static_cast<std::size_t>(uniform(0, 60));
  Classes p{Matrix<double>(n, dims), Matrix<double>(n, cols), {}};
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t d = 0; d < dims; ++d) p.x(i, d) = uniform(0, 1);
    const double place = static_cast<double>(cols) * (0.15 * uniform(0, 1) + 0.85 * p.x(i, 0));
    const std::size_t of = std::min(cols - 1, static_cast<std::size_t>(place));
    const double sure = seed % 3 == 0 ? 0.75 : 1;
    for (std::size_t v = 0; v < cols; ++v) p.y(i, v) = v == of ? sure : (1 - sure) / static_cast<double>(cols - 1);
    if (seed % 5 == 0) p.weights.push_back(uniform(0.1, 3));
  }
  return p;
}

SelectionOptions options_of(const Classes& p) {
  SelectionOptions options;
  options.criterion = Criterion::log_loss;
  options.key_weights = p.weights;
  return options;
}
Selection selected(const Classes& p) { return select_bandwidth<double>(p.x, p.y, options_of(p)); }

/// What the tests on every ISA look at: sets of classes and the bandwidths found for them, on each ISA once.
struct Case {
  Classes classes;
  Selection found;
};
const std::vector<Case>& cases() {
  static std::map<Isa, std::vector<Case>> of_isa;
  std::vector<Case>& all = of_isa[active_isa()];
  for (std::size_t seed = all.size(); seed < 40; ++seed) {
    const Classes p = random_classes(seed);
    all.push_back({p, selected(p)});
  }
  return all;
}

TEST_P(LogLosses, TheValueAndTheCurveAreTheirDefinition) {
  for (std::size_t seed = 0; seed < 40; ++seed) {
    const auto& [p, found] = cases()[seed];
    const double want = log_loss_by_definition(p, found.w);
    EXPECT_NEAR(found.value, want, 1e-10 * want) << seed;
    for (const Selection::Point& point : found.curve) {
      std::vector<double> w;
      for (const double scale : found.scale) w.push_back(1 / (point.factor * scale));
      const double at = log_loss_by_definition(p, w);
      if (std::isfinite(point.value)) {
        EXPECT_NEAR(point.value, at, 1e-9 * at + 1e-15) << seed << " factor " << point.factor;
      } else {
        EXPECT_GT(at, 5.0) << seed << " factor " << point.factor;  // a row's own class has less than 1e-240
      }
      EXPECT_LE(found.value, point.value + 1e-9) << seed;
    }
  }
}

TEST_P(LogLosses, TheSlopeOfTheDefinitionVanishesAtTheMinimum) {
  std::size_t inner = 0;
  for (std::size_t seed = 0; seed < 40; ++seed) {
    const auto& [p, found] = cases()[seed];
    if (found.bound != Selection::Bound::none) continue;
    EXPECT_TRUE(found.converged) << seed;
    for (std::size_t d = 0; d < found.w.size(); ++d) {
      if (found.w[d] * found.scale[d] < 0.05) continue;  // flat
      ++inner;
      std::vector<double> above = found.w, below = found.w;
      above[d] *= std::exp(1e-4), below[d] *= std::exp(-1e-4);
      const double slope = (log_loss_by_definition(p, above) - log_loss_by_definition(p, below)) / 2e-4;
      EXPECT_NEAR(slope, 0, 2e-6) << seed << " dimension " << d;
    }
  }
  EXPECT_GT(inner, 20u);
}

TEST_P(LogLosses, NoPlaceOfAGridIsLower) {
  for (std::size_t seed = 0; seed < 40; ++seed) {
    const auto& [p, found] = cases()[seed];
    const std::size_t side = p.x.cols() == 1 ? 80 : 12;
    for (std::size_t i = 0; i < std::pow(side, p.x.cols()); ++i) {
      std::vector<double> w;
      for (std::size_t d = 0, rest = i; d < p.x.cols(); ++d, rest /= side)
        w.push_back(1 / (found.scale[d] * 1e-2 *
                         std::pow(1e4, static_cast<double>(rest % side) / static_cast<double>(side - 1))));
      const double other = log_loss_by_definition(p, w);
      ASSERT_FALSE(other + 1e-9 < found.value) << "seed " << seed << ": " << found.value << " but " << other;
    }
  }
}

/// From the predictions that pool() makes of all rows but the own one; dense, so that their relative error is small.
double log_loss_of_pool(const Classes& p, const std::vector<double>& w) {
  Options options;
  options.range = KeyRange::all_but_self();
  options.algorithm = Algorithm::dense;
  options.key_weights = p.weights;
  Matrix<double> mean(p.y.rows(), p.y.cols());
  pool<double>(p.x, p.x, p.y, Gaussian(w), mean, options);
  double loss = 0, total = 0;
  for (std::size_t i = 0; i < p.y.rows(); ++i) {
    const double weight = p.weights.empty() ? 1 : p.weights[i];
    for (std::size_t v = 0; v < p.y.cols(); ++v)
      if (p.y(i, v) > 0) loss -= weight * p.y(i, v) * std::log(mean(i, v));
    total += weight;
  }
  return loss / total;
}

// 9,000 rows are estimated from some of them first, and a grid or the pruned plan takes the passes.
TEST(LogLoss, OfLongDataIsItsDefinitionAndAMinimum) {
  for (const std::size_t seed : {1u, 4u, 6u, 5u}) {
    const Classes p = random_classes(seed, 9000);
    const Selection found = selected(p);
    EXPECT_TRUE(found.converged) << seed;
    const double at = log_loss_of_pool(p, found.w);
    EXPECT_NEAR(found.value, at, 1e-8 * at) << seed;
    for (const double factor : {0.97, 1.03}) {
      std::vector<double> w = found.w;
      w[0] *= factor;
      EXPECT_GT(log_loss_of_pool(p, w), at) << seed << " factor " << factor;
    }
  }
}

TEST(LogLoss, ClassesThatAreApartHaveNone) {
  Classes p{Matrix<double>(20, 1), Matrix<double>(20, 2), {}};
  for (std::size_t i = 0; i < 20; ++i)
    p.x(i, 0) = static_cast<double>(i % 10 + i / 10 * 100), p.y(i, i / 10) = 1, p.y(i, 1 - i / 10) = 0;
  const Selection found = selected(p);
  EXPECT_TRUE(found.converged);
  EXPECT_NEAR(found.value, 0, 1e-12);
  EXPECT_TRUE(std::isfinite(found.w[0]) && found.w[0] > 0);
}

TEST(LogLoss, OfOneHotColumnsLeaveOneOutIsTheBrierScore) {
  const Classes p = random_classes(1);
  const Selection found = select_bandwidth<double>(p.x, p.y);
  double brier = 0;
  for (std::size_t i = 0; i < p.x.rows(); ++i)
    for (std::size_t v = 0; v < p.y.cols(); ++v) {
      double sum = 0, values = 0;
      for (std::size_t k = 0; k < p.x.rows(); ++k) {
        const double u = found.w[0] * (p.x(i, 0) - p.x(k, 0)), part = k == i ? 0 : std::exp(-u * u / 2);
        sum += part, values += part * p.y(k, v);
      }
      brier += std::pow(values / sum - p.y(i, v), 2) / static_cast<double>(p.x.rows());
    }
  EXPECT_NEAR(found.leave_one_out, brier / static_cast<double>(p.y.cols()), 1e-12);
}

template <class T>
std::string refusal(const Matrix<T>& y, std::vector<double> weights = {}) {
  Matrix<T> x(y.rows(), 1);
  for (std::size_t i = 0; i < y.rows(); ++i) x(i, 0) = static_cast<T>(i);
  SelectionOptions options;
  options.criterion = Criterion::log_loss;
  options.key_weights = weights;
  try {
    select_bandwidth<T>(x, y, options);
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "";
}

template <class T>
Matrix<T> two_classes() {
  Matrix<T> y(4, 2);
  for (std::size_t i = 0; i < 4; ++i) y(i, i % 2) = 1, y(i, 1 - i % 2) = 0;
  return y;
}

TEST(LogLoss, WhatIsNoProbabilityIsRefused) {
  EXPECT_EQ(refusal(two_classes<double>()), "");
  auto y = two_classes<double>();
  y(2, 0) = 1.25, y(2, 1) = -0.25;
  EXPECT_EQ(refusal(y), "values[2,1]: must be a probability, >= 0, for log-loss, got -0.25");
  EXPECT_EQ(refusal(y, {1, 1, 0, 1}),
            "values: column 0 is positive in row 0 alone, so that the log-loss is infinite "
            "without it at any bandwidth");
  y = two_classes<double>();
  y(3, 0) = 0.5;
  EXPECT_EQ(refusal(y), "values: row 3 must be probabilities with the sum 1 for log-loss, got the sum 1.5");
  y(3, 0) = 2e-9;
  EXPECT_EQ(refusal(y).substr(0, 13), "values: row 3");
  y(3, 0) = 5e-10;
  EXPECT_EQ(refusal(y), "");
  auto narrow = two_classes<float>();  // in float the sum is 1 within its rounding only
  narrow(3, 0) = 0.3f, narrow(3, 1) = 0.7f;
  EXPECT_EQ(refusal(narrow), "");
}

}  // namespace
}  // namespace attnpool::test
