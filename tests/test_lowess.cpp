// lowess(): the textbook formula in long double, the numbers of R and of statsmodels, data of every kind, and what is refused.
#include <algorithm>
#include <attnpool/lowess.hpp>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>

#include "inputs.hpp"
#include "isa_param.hpp"

namespace attnpool::test {
namespace {

using Real = long double;
using Numbers = std::vector<double>;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// ---- the oracle --------------------------------------------------------------------------------

// The line at q through the k points of sorted x nearest to it; NaN if fewer than two have weight.
double line_at(double q, const Numbers& x, const Numbers& y, const Numbers& robust, std::size_t k) {
  std::size_t left = 0;
  while (left + k < x.size() && q > (x[left] + x[left + k]) / 2) ++left;
  const Real reach = std::max(Real(q) - x[left], Real(x[left + k - 1]) - q);
  std::vector<Real> weights;
  Real total = 0, mean = 0, variance = 0, covariance = 0, value = 0;
  std::size_t with_weight = 0;
  for (std::size_t i = left; i < left + k; ++i) {
    const Real t = std::abs(Real(x[i]) - q) / reach, u = 1 - t * t * t;
    weights.push_back(u * u * u * robust[i]);
    with_weight += weights.back() > 1e-12L, total += weights.back();
    mean += weights.back() * (Real(x[i]) - q), value += weights.back() * (Real(y[i]) - y[left]);
  }
  if (with_weight < 2) return nan;
  mean /= total, value /= total;
  for (std::size_t i = left; i < left + k; ++i) {
    const Real deviation = Real(x[i]) - q - mean, weight = weights[i - left] / total;
    variance += weight * deviation * deviation, covariance += weight * deviation * (Real(y[i]) - y[left]);
  }
  return static_cast<double>(y[left] + (value - mean * covariance / std::max<Real>(variance, 1e-12L)));
}

struct Answer {
  Numbers fitted, robust, at;
};

// Sorted x; a line at each point.
Answer oracle(const Numbers& x, const Numbers& y, double fraction, int iterations, const Numbers& at = {}) {
  const auto n = x.size();
  const auto share = static_cast<std::size_t>(fraction * static_cast<double>(n) + 1e-10);
  const std::size_t k = std::min(std::max<std::size_t>(share, 2), n);
  Answer answer{Numbers(n), Numbers(n, 1), {}};
  for (int pass = 0;; ++pass) {
    Numbers sizes(n);
    for (std::size_t i = 0; i < n; ++i) {
      answer.fitted[i] = i > 0 && x[i] == x[i - 1] ? answer.fitted[i - 1] : line_at(x[i], x, y, answer.robust, k);
      if (std::isnan(answer.fitted[i])) answer.fitted[i] = y[i];
      sizes[i] = std::abs(y[i] - answer.fitted[i]);
    }
    Numbers sorted = sizes;
    std::sort(sorted.begin(), sorted.end());
    const double scale = 3 * (sorted[(n - 1) / 2] + sorted[n / 2]);
    const auto [low, high] = std::minmax_element(y.begin(), y.end());
    if (pass == iterations || scale <= 3e-12 * (*high - *low)) break;
    for (std::size_t i = 0; i < n; ++i)
      answer.robust[i] = std::pow(1 - std::pow(std::min(sizes[i] / scale, 1.0), 2), 2);
  }
  for (const double q : at) answer.at.push_back(line_at(q, x, y, answer.robust, k));
  return answer;
}

double range_of(const Numbers& y) {
  const auto [low, high] = std::minmax_element(y.begin(), y.end());
  return *high > *low ? *high - *low : 1;
}

void expect_close(const Numbers& got, const Numbers& want, double tolerance) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(std::isnan(got[i]), std::isnan(want[i])) << i;
    if (!std::isnan(want[i])) {
      ASSERT_NEAR(got[i], want[i], tolerance) << i;
    }
  }
}

struct Rows {
  Numbers x, y;
};

// A wave with outliers at x of the given shape, sorted.
template <class Shape>
Rows rows_at(std::size_t n, const Shape& shape, std::uint64_t seed = 1) {
  Random random(seed);
  Rows rows;
  for (std::size_t i = 0; i < n; ++i) rows.x.push_back(shape(random.uniform()));
  std::sort(rows.x.begin(), rows.x.end());
  for (std::size_t i = 0; i < n; ++i)
    rows.y.push_back(std::sin(static_cast<double>(i) * 9 / static_cast<double>(n)) + random.uniform(-0.3, 0.3) +
                     (i % 17 == 3 ? 4 : 0));
  return rows;
}

Rows cars() {
  return {{4,  4,  7,  7,  8,  9,  10, 10, 10, 11, 11, 12, 12, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14, 15, 15,
           15, 16, 16, 17, 17, 17, 18, 18, 18, 18, 19, 19, 19, 20, 20, 20, 20, 20, 22, 23, 24, 24, 24, 24, 25},
          {2,  10, 4,  22, 16, 10, 18, 26, 34, 17, 28, 14, 20, 24, 28, 26, 34, 34, 46, 26, 36, 60, 80, 20,  26,
           54, 32, 40, 32, 40, 50, 42, 56, 76, 84, 36, 46, 68, 32, 48, 52, 56, 64, 66, 54, 70, 92, 93, 120, 85}};
}

// ---- the formula -------------------------------------------------------------------------------

class Lowess : public IsaTest {};
ATTNPOOL_ON_EVERY_ISA(Lowess);

TEST_P(Lowess, IsTheTextbook) {
  const auto same = [](double u) { return u; };
  for (const std::size_t n : {5u, 50u, 333u, 900u})
    for (const double fraction : {0.02, 0.3, 2.0 / 3, 1.0})
      for (const int iterations : {0, 1, 3}) {
        SCOPED_TRACE(std::to_string(n) + " points, fraction " + std::to_string(fraction));
        const Rows rows = rows_at(n, same, n);
        const Numbers at = {-0.5, 0, 0.01, 0.3, 0.3, 0.77, 1, 1.2};
        const LowessResult got = lowess(rows.x, rows.y, at, {.fraction = fraction, .iterations = iterations});
        const Answer want = oracle(rows.x, rows.y, fraction, iterations, at);
        // With few points in a window a robust line may rest on two of them, and rounding is magnified.
        const double tolerance = fraction * static_cast<double>(n) < 30 ? 1e-9 : 1e-12;
        expect_close(got.fitted, want.fitted, tolerance);
        expect_close(got.robustness_weights, want.robust, 10 * tolerance);
        expect_close(got.at, want.at, 10 * tolerance);
        EXPECT_TRUE(got.passes == iterations + 1 || got.fitted == rows.y) << got.passes;
      }
}

// Windows whose points are spread so unevenly that blocks of them must be small, or cannot be used.
TEST_P(Lowess, IsTheTextbookHoweverPointsLie) {
  const auto check = [](const char* name, const auto& shape) {
    for (const double fraction : {0.1, 2.0 / 3, 1.0}) {
      SCOPED_TRACE(std::string(name) + ", fraction " + std::to_string(fraction));
      const Rows rows = rows_at(scaled(700, 300), shape);
      const LowessResult got = lowess(rows.x, rows.y, {.fraction = fraction});
      expect_close(got.fitted, oracle(rows.x, rows.y, fraction, 3).fitted, 1e-10 * range_of(rows.y));
    }
  };
  check("dense at one end", [](double u) { return std::pow(u, 6); });
  check("heavy tails", [](double u) { return std::tan(3.14159 * (u - 0.5)); });
  check("over many magnitudes", [](double u) { return std::exp(30 * u); });
  check("two clusters", [](double u) { return u < 0.5 ? u : 1e6 + u; });
  check("an outpost", [](double u) { return u < 0.999 ? u : 1e9; });
  check("one in a hundred far away", [](double u) { return u < 0.99 ? u * 1e-4 : u; });
  check("ties", [](double u) { return std::floor(40 * u); });
  check("mostly one value", [](double u) { return u < 0.6 ? 0 : u; });
  check("far from 0", [](double u) { return 1e9 + 100 * u; });
  check("hardly apart", [](double u) { return 1e9 + std::floor(1e4 * u) * 0x1p-22; });
}

TEST_P(Lowess, ThreadsAndOrderDoNotMatter) {
  const Rows rows = rows_at(scaled(20000, 2000), [](double u) { return std::exp(5 * u); });
  const LowessResult want = lowess(rows.x, rows.y, rows.x, {.fraction = 0.2, .threads = 1});
  EXPECT_EQ(want.at, want.fitted);
  for (const int threads : {2, 3, 8})
    EXPECT_EQ(lowess(rows.x, rows.y, {.fraction = 0.2, .threads = threads}).fitted, want.fitted) << threads;
  Random random(5);
  std::vector<std::size_t> order(rows.x.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  Rows mixed;
  for (const std::size_t i : order) mixed.x.push_back(rows.x[i]), mixed.y.push_back(rows.y[i]);
  const LowessResult got = lowess(mixed.x, mixed.y, mixed.x, {.fraction = 0.2});
  EXPECT_EQ(got.at, got.fitted);
  for (std::size_t i = 0; i < order.size(); ++i) {
    ASSERT_EQ(got.fitted[i], want.fitted[order[i]]);
    ASSERT_EQ(got.robustness_weights[i], want.robustness_weights[order[i]]);
    ASSERT_EQ(got.residuals[i], mixed.y[i] - got.fitted[i]);
  }
}

// ---- numbers of others -------------------------------------------------------------------------

// R 4.2.2: lowess(cars), printed with "%.15g", one for each speed. R has weights 1 and 0 near the ends of the reach and of the residuals,
// which moves the curve by less than a hundredth.
TEST(LowessNumbers, AreNearThoseOfR) {
  const Rows rows = cars();
  const Numbers speeds = {4, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 23, 24, 25};
  const Numbers want = {4.96545927718688, 13.1244950396664, 15.8586333820983, 18.5796905142177, 21.2803125785285,
                        24.1292771489265, 27.1195485506035, 30.027276331154,  32.9625061361576, 36.7577283416497,
                        40.4350745619887, 43.4634917818176, 46.885478946024,  50.7931517254206, 56.4912240928772,
                        67.5858242314313, 73.07969526937,   78.6431635543999, 84.3286980968342};
  expect_close(lowess(rows.x, rows.y, speeds).at, want, 0.02);
}

// statsmodels 0.13.5: lowess(dist, speed, xvals=[4, 12, 20, 25]), printed with repr(); and with frac=0.3, it=1, delta=2.5, return_sorted=False
// at rows 0, 12, 30 and 49.
TEST(LowessNumbers, AreThoseOfStatsmodels) {
  const Rows rows = cars();
  const Numbers at = {4, 12, 20, 25};
  expect_close(lowess(rows.x, rows.y, at).at,
               {4.965459277502876, 27.11954854933881, 56.491224090969915, 84.32869809448941}, 1e-11);
  const Numbers fitted = lowess(rows.x, rows.y, {.fraction = 0.3, .iterations = 1, .delta = 2.5}).fitted;
  expect_close({fitted[0], fitted[12], fitted[30], fitted[49]},
               {5.691038273465022, 28.406470218940235, 44.46231056604843, 92.88934802469262}, 1e-11);
}

// ---- delta -------------------------------------------------------------------------------------

TEST(LowessDelta, JoinsLinesAboutSoFarApart) {
  Rows rows;
  for (const double x : {0.0, 1.0, 2.0, 2.0, 3.0, 7.0, 7.0, 8.0, 9.0, 10.0, 20.0, 20.5, 21.0})
    rows.x.push_back(x), rows.y.push_back(std::cos(x) + x / 7);
  const Numbers exact = lowess(rows.x, rows.y, {.fraction = 0.6, .iterations = 0}).fitted;
  const Numbers got = lowess(rows.x, rows.y, {.fraction = 0.6, .iterations = 0, .delta = 2.5}).fitted;
  // Lines at 0; 2 (the last within 2.5); 3; 7; 9; 10; 20; and, the end being within reach, at the last but one and the last.
  for (const std::size_t i : {0, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12}) EXPECT_EQ(got[i], exact[i]) << i;
  EXPECT_DOUBLE_EQ(got[1], (exact[0] + exact[2]) / 2);
  EXPECT_DOUBLE_EQ(got[7], (exact[6] + exact[8]) / 2);
  EXPECT_NE(got[7], exact[7]);
  const Numbers all = lowess(rows.x, rows.y, {.fraction = 0.6, .iterations = 0, .delta = INFINITY}).fitted;
  for (const std::size_t i : {0, 11, 12}) EXPECT_EQ(all[i], exact[i]) << i;
  EXPECT_DOUBLE_EQ(all[10], exact[0] + (exact[11] - exact[0]) * 20 / 20.5);
}

TEST(LowessDelta, FurtherPointsAreExact) {
  const Rows rows = rows_at(400, [](double u) { return u; });
  const LowessResult got = lowess(rows.x, rows.y, rows.x, {.fraction = 0.2, .iterations = 0, .delta = 0.05});
  EXPECT_EQ(got.at, lowess(rows.x, rows.y, {.fraction = 0.2, .iterations = 0}).fitted);
  EXPECT_NE(got.at, got.fitted);
}

// ---- special data ------------------------------------------------------------------------------

TEST(LowessSpecial, FewPointsHaveNoLine) {
  for (const Numbers& x : {Numbers{3}, {3, 5}, {3, 3}, {3, 5, 9}, {3, 3, 3}}) {
    Numbers y;
    for (std::size_t i = 0; i < x.size(); ++i) y.push_back(2 + static_cast<double>(i * i));
    const LowessResult got = lowess(x, y, Numbers{3});
    // Of ties the first one's y; two points, or the nearest two of three, are one at the query and one at the end of its reach.
    const Numbers want = x.size() > 1 && x[1] == x[0] ? Numbers(x.size(), y[0]) : y;
    EXPECT_EQ(got.fitted, want);
    EXPECT_EQ(got.without_line, x.size());
    EXPECT_TRUE(std::isnan(got.at[0]));
    EXPECT_EQ(got.neighbours, std::min<std::size_t>(x.size(), 2));
  }
  const LowessResult three = lowess(Numbers{0, 1, 3}, Numbers{0, 2, 1}, {.fraction = 1, .iterations = 0});
  expect_close(three.fitted, oracle({0, 1, 3}, {0, 2, 1}, 1, 0).fitted, 1e-14);
}

TEST(LowessSpecial, AllKeysTie) {
  const LowessResult got = lowess(Numbers(30, 7), Numbers(30, 2), Numbers{7, 8});
  EXPECT_EQ(got.fitted, Numbers(30, 2));
  EXPECT_TRUE(std::isnan(got.at[0]) && std::isnan(got.at[1]));
}

TEST(LowessSpecial, ConstantsAndLinesStay) {
  const Rows rows = rows_at(3000, [](double u) { return u; });
  const LowessResult constant = lowess(rows.x, Numbers(3000, 1e9 + 0.1), {.fraction = 0.3});
  EXPECT_EQ(constant.fitted, Numbers(3000, 1e9 + 0.1));
  EXPECT_EQ(constant.passes, 1);
  Numbers line;
  for (const double x : rows.x) line.push_back(3 * x - 1);
  const LowessResult straight = lowess(rows.x, line);
  expect_close(straight.fitted, line, 1e-12);
  EXPECT_EQ(straight.passes, 1);
}

TEST(LowessSpecial, OutliersHaveNoSay) {
  Rows rows = rows_at(2000, [](double u) { return u; });
  for (std::size_t i = 0; i < 2000; ++i) rows.y[i] = 2 * rows.x[i] + 0.01 * std::sin(1e3 * rows.x[i]);
  for (std::size_t i = 5; i < 2000; i += 10) rows.y[i] = 1e6;
  const LowessResult got = lowess(rows.x, rows.y, {.fraction = 0.2, .iterations = 5});
  for (std::size_t i = 0; i < 2000; ++i) {
    ASSERT_NEAR(got.fitted[i], 2 * rows.x[i], 0.01);
    EXPECT_EQ(got.robustness_weights[i] == 0, i % 10 == 5) << i;
  }
}

TEST(LowessSpecial, OffsetsAndUnitsDoNotMatter) {
  const Rows rows = rows_at(700, [](double u) { return std::floor(u * 0x1p20) * 0x1p-20; });
  const Numbers want = lowess(rows.x, rows.y, {.fraction = 0.3}).fitted;
  const auto moved = [](Numbers values, double unit, double offset) {
    for (double& value : values) value = value * unit + offset;
    return values;
  };
  const Numbers far = lowess(moved(rows.x, 1, 0x1p30), rows.y, {.fraction = 0.3}).fitted;
  expect_close(far, want, 1e-12);
  for (const double unit : {0x1p-900, 0x1p-30, 0x1p1000}) {
    const Numbers got = lowess(rows.x, moved(rows.y, unit, 0), {.fraction = 0.3}).fitted;
    EXPECT_EQ(moved(got, 1 / unit, 0), want);
  }
  EXPECT_EQ(lowess(moved(rows.x, 0x1p1000, 0), rows.y, {.fraction = 0.3}).fitted, want);
  // Variances below 1e-12 count as that: means instead of lines, as in statsmodels.
  const Numbers narrow = lowess(moved(rows.x, 0x1p-30, 0), rows.y, {.fraction = 0.3}).fitted;
  expect_close(narrow, oracle(moved(rows.x, 0x1p-30, 0), rows.y, 0.3, 3).fitted, 1e-11);
  EXPECT_GT(std::abs(narrow[0] - want[0]), 1e-3);
}

// ---- progress and what is refused --------------------------------------------------------------

TEST(LowessProgress, StopsTheCall) {
  const Rows rows = rows_at(50000, [](double u) { return u; });
  LowessOptions options{.iterations = 1000, .threads = 1};
  double last = 0;
  options.progress = [&](double done) {
    EXPECT_TRUE(done >= last && done <= 1) << done;
    last = done;
    return false;
  };
  EXPECT_THROW(lowess(rows.x, rows.y, options), Cancelled);
}

TEST(LowessArguments, BadOnesAreNamed) {
  const auto refused = [](const std::string& message, const Numbers& x, const Numbers& y,
                          const LowessOptions& options = {}, const Numbers& at = {}) {
    try {
      lowess(x, y, at, options);
      ADD_FAILURE() << "was not refused: " << message;
    } catch (const std::invalid_argument& e) {
      EXPECT_EQ(std::string(e.what()), message);
    }
  };
  const Numbers three = {1, 2, 3};
  refused("x: must have at least one entry, got 0", {}, {});
  refused("y: must have 3 entries to match x, got 2", three, {1, 2});
  refused("x[1]: must be finite, got nan", {1, nan, 3}, three);
  refused("y[2]: must be finite, got inf", three, {1, 2, INFINITY});
  refused("at[0]: must be finite, got -inf", three, three, {}, {-INFINITY});
  refused("fraction: must be in [0, 1], got 1.5", three, three, {.fraction = 1.5});
  refused("fraction: must be in [0, 1], got nan", three, three, {.fraction = nan});
  refused("iterations: must be in [0, 1000], got -1", three, three, {.iterations = -1});
  refused("delta: must be 0 or more, got -0.5", three, three, {.delta = -0.5});
  refused("delta: must be 0 or more, got nan", three, three, {.delta = nan});
  refused("threads: must be 0 (automatic) or more, got -2", three, three, {.threads = -2});
}

}  // namespace
}  // namespace attnpool::test
