// select_bandwidth(): published optima, the definition of every criterion written out in long double, curves and grids that
// must not find anything lower, and data that leave little to select.
#include <attnpool/selection.hpp>
#include <cmath>
#include <limits>
#include <numeric>

#include "isa_param.hpp"
#include "problem.hpp"

namespace attnpool::test {
namespace {

class Selections : public IsaTest {};
ATTNPOOL_ON_EVERY_ISA(Selections);

using Real = long double;

struct Criteria {
  Real leave_one_out = 0, gcv = 0, aicc = 0, trace = 0;

  Real of(Criterion c) const {
    return c == Criterion::leave_one_out ? leave_one_out : c == Criterion::gcv ? gcv : aicc;
  }
};

struct Points {
  Matrix<double> x, y;
  std::vector<double> weights = {};
};

/// From the formulas, row by row.
Criteria by_definition(const Points& p, const std::vector<double>& w) {
  const std::size_t n = p.x.rows();
  const auto weight = [&](std::size_t i) { return p.weights.empty() ? Real(1) : Real(p.weights[i]); };
  Real total = 0, squares = 0, left = 0;
  Criteria result;
  for (std::size_t i = 0; i < n; ++i) total += weight(i);
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<Real> exponent(n, 0);
    for (std::size_t k = 0; k < n; ++k)
      for (std::size_t d = 0; d < p.x.cols(); ++d) {
        const Real u = Real(w[w.size() == 1 ? 0 : d]) * (Real(p.x(i, d)) - Real(p.x(k, d)));
        exponent[k] -= u * u / 2;
      }
    Real nearest = -std::numeric_limits<Real>::infinity();
    for (std::size_t k = 0; k < n; ++k)
      if (k != i && weight(k) > 0) nearest = std::max(nearest, exponent[k] + std::log(weight(k)));
    for (std::size_t v = 0; v < p.y.cols(); ++v) {
      Real sum = 0, values = 0;  // without row i, relative to the nearest
      for (std::size_t k = 0; k < n; ++k) {
        if (k == i) continue;
        const Real part = weight(k) * std::exp(exponent[k] - nearest);
        sum += part, values += part * Real(p.y(k, v));
      }
      const Real own = weight(i) * std::exp(-nearest), share = weight(i) / total / Real(p.y.cols());
      const Real without = Real(p.y(i, v)) - values / sum;
      const Real leverage = std::isinf(own) ? 1 : own / (own + sum), other = std::isinf(own) ? 0 : sum / (own + sum);
      result.leave_one_out += share * without * without;
      squares += share * without * other * without * other;
      if (v == 0) result.trace += leverage, left += std::isinf(own) ? 0 : sum / (own + sum);
    }
  }
  const Real t = result.trace / Real(n), rest = 1 - (result.trace + 2) / Real(n), part = left / Real(n);
  result.gcv = part > 1e-3L ? squares / (part * part) : std::numeric_limits<Real>::infinity();
  result.aicc = rest > 0 ? std::log(squares) + (1 + t) / rest : std::numeric_limits<Real>::infinity();
  return result;
}

/// One of several families, with local minima, ties or columns that do not help.
Points random_points(std::size_t seed) {
  Random random(seed);
  const auto uniform = [&](double a, double b) { return random.uniform(a, b); };
  const std::size_t n = 4 + static_cast<std::size_t>(uniform(0, 60)), dims = 1 + seed % 2, family = seed % 5;
  Points p{Matrix<double>(n, dims), Matrix<double>(n, 1 + seed % 3 / 2)};
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t d = 0; d < dims; ++d)
      p.x(i, d) = family == 1 ? std::floor(uniform(0, 9)) : family == 2 ? std::exp(uniform(0, 5)) : uniform(0, 1);
    for (std::size_t v = 0; v < p.y.cols(); ++v)
      p.y(i, v) = std::sin(6 * p.x(i, 0)) + (family == 3 ? std::sin(60 * p.x(i, dims - 1)) : 0) + uniform(-0.5, 0.5);
    if (seed % 7 == 0) p.weights.push_back(uniform(0.1, 3));
  }
  return p;
}

Selection selected(const Points& p, Criterion criterion, bool per_dimension = true) {
  SelectionOptions options;
  options.criterion = criterion;
  options.per_dimension = per_dimension;
  options.key_weights = p.weights;
  return select_bandwidth<double>(p.x, p.y, options);
}

TEST_P(Selections, TheReportedCriteriaAreTheirDefinitions) {
  for (std::size_t seed = 0; seed < 60; ++seed) {
    const Points p = random_points(seed);
    for (const Criterion criterion : {Criterion::leave_one_out, Criterion::gcv, Criterion::aicc}) {
      const Selection found = selected(p, criterion, seed % 4 != 0);
      const Criteria want = by_definition(p, found.w);
      ASSERT_EQ(found.w.size(), seed % 4 != 0 ? p.x.cols() : 1u);
      const double unit = static_cast<double>(want.leave_one_out);
      EXPECT_NEAR(found.leave_one_out, unit, 1e-9 * unit) << seed;
      EXPECT_NEAR(found.trace, static_cast<double>(want.trace), 1e-9 * static_cast<double>(want.trace)) << seed;
      if (std::isfinite(static_cast<double>(want.gcv))) {
        EXPECT_NEAR(found.gcv, static_cast<double>(want.gcv), 1e-8 * static_cast<double>(want.gcv)) << seed;
      } else {
        EXPECT_TRUE(std::isinf(found.gcv)) << seed;
      }
      if (std::isfinite(found.aicc)) {
        EXPECT_NEAR(found.aicc, static_cast<double>(want.aicc), 1e-7) << seed;
      }
      EXPECT_EQ(found.value, criterion == Criterion::leave_one_out ? found.leave_one_out
                             : criterion == Criterion::gcv         ? found.gcv
                                                                   : found.aicc);
      for (const double w : found.w) EXPECT_TRUE(std::isfinite(w) && w >= 0) << seed;
    }
  }
}

TEST_P(Selections, NoCurveOrGridFindsALowerCriterion) {
  // 2,000 sets over the four instruction sets of an x86 processor.
  const std::size_t step = test_scale() > 1 ? 10 : 1, first = static_cast<std::size_t>(active_isa()) % 4 * 500;
  for (std::size_t seed = first; seed < first + 500; seed += step) {
    const Points p = random_points(seed);
    const Criterion criterion = static_cast<Criterion>(seed % 3);
    const Selection found = selected(p, criterion);
    const std::size_t side = p.x.cols() == 1 ? 60 : 9;
    for (std::size_t i = 0; i < std::pow(side, p.x.cols()); ++i) {
      std::vector<double> w;
      for (std::size_t d = 0, rest = i; d < p.x.cols(); ++d, rest /= side)
        w.push_back(1 / (found.scale[d] * 1e-3 *
                         std::pow(1e5, static_cast<double>(rest % side) / static_cast<double>(side - 1))));
      const double other = static_cast<double>(by_definition(p, w).of(criterion));
      const double slack = criterion == Criterion::aicc ? 1e-8 : 1e-9 * found.value;
      ASSERT_FALSE(other + slack < found.value) << "seed " << seed << ": " << found.value << " but " << other;
    }
  }
}

TEST_P(Selections, TheMinimumIsLowerThanItsNeighboursByTheirDefinition) {
  std::size_t inner = 0;
  for (std::size_t seed = 0; seed < 300; seed += 2) {  // one dimension
    const Points p = random_points(seed);
    const Criterion criterion = static_cast<Criterion>(seed % 3);
    const Selection found = selected(p, criterion);
    if (found.bound != Selection::Bound::none) continue;
    ++inner;
    const double at = static_cast<double>(by_definition(p, found.w).of(criterion));
    for (const double factor : {0.999, 1.001}) {
      const double beside = static_cast<double>(by_definition(p, {found.w[0] * factor}).of(criterion));
      EXPECT_GE(beside, at - 1e-12 * std::abs(at)) << seed << " factor " << factor;
    }
  }
  EXPECT_GT(inner, 50u);
}

TEST_P(Selections, TheCurveOfDataWithAnOutlierIsItsDefinition) {
  for (const double far : {1e3, 1e6, 1e9}) {
    Random random(3);
    Points p{Matrix<double>(40, 1), Matrix<double>(40, 1), {}};
    for (std::size_t i = 0; i < 40; ++i) {
      p.x(i, 0) = i == 7 ? far : random.uniform(0, 1);
      p.y(i, 0) = std::sin(6 * std::min(p.x(i, 0), 1.0)) + random.uniform(-0.2, 0.2);
    }
    const Selection found = selected(p, Criterion::leave_one_out);
    for (const Selection::Point& point : found.curve) {
      const double want = static_cast<double>(by_definition(p, {1 / (point.factor * found.scale[0])}).leave_one_out);
      EXPECT_NEAR(point.value, want, 1e-8 * want) << far << " factor " << point.factor;
    }
  }
}

// So many rows that fewer keys take their place: evenly spread, in two heaps with a few far rows between, and without noise.
TEST_P(Selections, TheCurveOfManyRowsIsItsDefinition) {
  for (std::size_t family = 0; family < 4; ++family) {
    Random random(family);
    Points p{Matrix<double>(500, 1), Matrix<double>(500, 2), {}};
    for (std::size_t i = 0; i < 500; ++i) {
      const double x = random.uniform(0, 1);
      p.x(i, 0) = family != 1 ? x : i % 100 == 0 ? 5 * x : i % 2 == 0 ? 0.1 * x : 5 + x * x;
      p.y(i, 0) = std::sin(6 * p.x(i, 0)) + (family == 2 ? 0 : random.uniform(-0.2, 0.2));
      p.y(i, 1) = p.x(i, 0) < 0.5 ? 1000 : 1001;
      if (family == 3) p.weights.push_back(random.uniform(0.1, 3));
    }
    const Selection found = selected(p, Criterion::leave_one_out);
    EXPECT_TRUE(found.converged);
    for (std::size_t i = family; i < found.curve.size(); i += 17) {
      const Selection::Point& point = found.curve[i];
      const double want = static_cast<double>(by_definition(p, {1 / (point.factor * found.scale[0])}).leave_one_out);
      EXPECT_NEAR(point.value, want, 1e-11 * want) << family << " factor " << point.factor;
    }
  }
}

TEST_P(Selections, ValuesThatArePredictedExactlyEndTheSearch) {
  for (std::size_t dims = 1; dims <= 5; ++dims) {
    Random random(dims);
    Points p{Matrix<double>(24, dims), Matrix<double>(24, 1), {}};
    for (std::size_t i = 0; i < 24; ++i) {
      for (std::size_t d = 0; d < dims; ++d) p.x(i, d) = std::floor(random.uniform(0, d == 0 ? 4 : 50));
      p.y(i, 0) = p.x(i, 0);
    }
    const Selection found = selected(p, Criterion::leave_one_out);
    EXPECT_TRUE(found.converged) << dims;
    EXPECT_LT(found.value, 1e-12) << dims;
    for (const double w : found.w) EXPECT_TRUE(std::isfinite(w) && w >= 0) << dims;
  }
}

TEST_P(Selections, OffsetsAndUnitsDoNotMatter) {
  Points p = random_points(12);
  for (double& x : std::span(p.x.data(), p.x.rows() * p.x.cols())) x = std::round(x * 0x1p20) / 0x1p20;
  const Selection found = selected(p, Criterion::leave_one_out);
  for (const int exponent : {-900, -300, 40, 600}) {
    Points moved = p;
    for (double& x : std::span(moved.x.data(), moved.x.rows() * moved.x.cols())) x = std::ldexp(x, exponent);
    const Selection again = selected(moved, Criterion::leave_one_out);
    for (std::size_t d = 0; d < p.x.cols(); ++d) EXPECT_EQ(again.w[d], std::ldexp(found.w[d], -exponent));
    EXPECT_EQ(again.value, found.value);
  }
}

TEST_P(Selections, LittleToSelect) {
  Points two{Matrix<double>::column({0, 1}), Matrix<double>::column({1, 3})};
  EXPECT_EQ(selected(two, Criterion::leave_one_out).w, std::vector<double>{0});
  EXPECT_EQ(selected(two, Criterion::leave_one_out).bound, Selection::Bound::largest);
  Points tied{Matrix<double>::column({2, 2, 2}), Matrix<double>::column({0, 3, 6})};
  EXPECT_EQ(selected(tied, Criterion::leave_one_out).w, std::vector<double>{0});
  EXPECT_DOUBLE_EQ(selected(tied, Criterion::leave_one_out).value, 4.5 * 4.5 * 2 / 3);
  Points constant{Matrix<double>::column({1, 2, 5, 9}), Matrix<double>::column({0.1, 0.1, 0.1, 0.1})};
  EXPECT_EQ(selected(constant, Criterion::leave_one_out).w, std::vector<double>{0});
  EXPECT_TRUE(std::isnan(selected(constant, Criterion::leave_one_out).r_squared));
  Points one{Matrix<double>::column({1}), Matrix<double>::column({1})};
  EXPECT_THROW(selected(one, Criterion::leave_one_out), std::invalid_argument);
}

TEST(Selection, IsTheSameForAnyNumberOfThreadsAndKeepsTheBestWhenCancelled) {
  Points p{Matrix<double>(9000, 2), Matrix<double>(9000, 1)};  // long enough for estimates from some rows
  Random random(3);
  for (std::size_t i = 0; i < p.x.rows(); ++i) {
    p.x(i, 0) = random.uniform(0, 1), p.x(i, 1) = random.uniform(0, 1);
    p.y(i, 0) = std::sin(9 * p.x(i, 0)) + random.uniform(-0.3, 0.3);
  }
  SelectionOptions options;
  options.threads = 1;
  const Selection found = select_bandwidth<double>(p.x, p.y, options);
  options.threads = 3;
  const Selection again = select_bandwidth<double>(p.x, p.y, options);
  EXPECT_EQ(found.w, again.w);
  EXPECT_EQ(found.value, again.value);
  EXPECT_TRUE(found.converged);
  EXPECT_LT(5 * found.w[1], found.w[0]) << "the second column is noise";
  int told = 0;
  options.progress = [&](double fraction) {
    EXPECT_TRUE(fraction >= 0 && fraction <= 1);
    return ++told < 2;
  };
  const Selection stopped = select_bandwidth<double>(p.x, p.y, options);
  EXPECT_TRUE(stopped.cancelled && !stopped.converged);
  for (const double w : stopped.w) EXPECT_TRUE(std::isfinite(w) && w >= 0);
}

}  // namespace
}  // namespace attnpool::test
