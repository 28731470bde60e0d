// scott(), silverman() and ruppert_sheather_wand(): the numbers of R, units and offsets that must not matter, and data that
// leave nothing to determine.
//
// Provenance of the numbers: R 4.2.2 with KernSmooth 2.23-20, printed with "%.15g"; the calls stand beside them.
#include <attnpool/bandwidth_rules.hpp>
#include <cmath>
#include <fstream>
#include <limits>
#include <stdexcept>

#include "inputs.hpp"

namespace attnpool::test {
namespace {

struct Rows {
  std::vector<double> x, y;
};

// Times and accelerations of MASS::mcycle.
Rows mcycle() {
  std::ifstream file(ATTNPOOL_MCYCLE);
  std::string line;
  std::getline(file, line);
  Rows rows;
  double time = 0, acceleration = 0;
  for (char comma = 0; file >> time >> comma >> acceleration;) rows.x.push_back(time), rows.y.push_back(acceleration);
  EXPECT_EQ(rows.x.size(), 133u) << ATTNPOOL_MCYCLE;
  return rows;
}

// R's data set cars: many ties.
Rows cars() {
  return {{4,  4,  7,  7,  8,  9,  10, 10, 10, 11, 11, 12, 12, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14, 15, 15,
           15, 16, 16, 17, 17, 17, 18, 18, 18, 18, 19, 19, 19, 20, 20, 20, 20, 20, 22, 23, 24, 24, 24, 24, 25},
          {2,  10, 4,  22, 16, 10, 18, 26, 34, 17, 28, 14, 20, 24, 28, 26, 34, 34, 46, 26, 36, 60, 80, 20,  26,
           54, 32, 40, 32, 40, 50, 42, 56, 76, 84, 36, 46, 68, 32, 48, 52, 56, 64, 66, 54, 70, 92, 93, 120, 85}};
}

// x <- (i * 0.754877666246693) %% 1, y <- sin(a * x) + b * ((i * 0.569840290998053) %% 1 - 0.5) for i <- 1:n.
Rows scattered(std::size_t n, double a, double b) {
  Rows rows;
  for (std::size_t i = 1; i <= n; ++i) {
    const auto k = static_cast<double>(i);
    rows.x.push_back(std::fmod(k * 0.754877666246693, 1));
    rows.y.push_back(std::sin(a * rows.x.back()) + b * (std::fmod(k * 0.569840290998053, 1) - 0.5));
  }
  return rows;
}

template <class T = double>
double plug_in(const Rows& rows, const PlugInOptions& options = {}) {
  return ruppert_sheather_wand<T>(Matrix<T>::column({rows.x.begin(), rows.x.end()}),
                                  Matrix<T>::column({rows.y.begin(), rows.y.end()}), options);
}

void expect_near(double got, double want, double relative) { EXPECT_NEAR(got, want, relative * want); }

template <class Call>
void expect_refused(const std::string& message, const Call& call) {
  try {
    call();
    ADD_FAILURE() << "was not refused: " << message;
  } catch (const std::invalid_argument& e) {
    EXPECT_EQ(std::string(e.what()).substr(0, message.size()), message) << e.what();
  }
}

// ---- the numbers of R --------------------------------------------------------------------------

TEST(BandwidthRules, PlugInIsThatOfRForTheMotorcycle) {
  const Rows rows = mcycle();
  expect_near(plug_in(rows), 1.44525836557079, 1e-9);                           // dpill(x, y)
  expect_near(plug_in(rows, {.blockmax = 2}), 1.61349005735554, 1e-9);          // blockmax = 2
  expect_near(plug_in(rows, {.divisor = 50}), 1.61349005735554, 1e-9);          // divisor = 50
  expect_near(plug_in(rows, {.trim = 0}), 1.62728732566623, 1e-9);              // trim = 0
  expect_near(plug_in(rows, {.trim = 0.1}), 1.45072204998885, 1e-9);            // trim = 0.1
  expect_near(plug_in(rows, {.proptrun = 0.2}), 1.45309714404875, 1e-9);        // proptrun = 0.2
  expect_near(plug_in(rows, {.gridsize = 101}), 1.46216427672376, 1e-9);        // gridsize = 101
  expect_near(plug_in(rows, {.gridsize = 2001}), 1.44419340971279, 1e-9);       // gridsize = 2001
  expect_near(plug_in(rows, {.interval = {{2, 56}}}), 1.44745090806604, 1e-9);  // range.x = c(2, 56)
  // i <- x >= 10 & x <= 40; dpill(x[i], y[i], range.x = c(10, 40))
  expect_near(plug_in(rows, {.interval = {{10, 40}}}), 1.3839729487434, 1e-9);
}

TEST(BandwidthRules, PlugInIsThatOfRForOtherData) {
  expect_near(plug_in(cars()), 2.02767369084273, 1e-9);  // dpill(cars$speed, cars$dist)
  struct Case {
    std::size_t n;
    double smooth, wiggly, noisy, wiggly_and_noisy;
  };
  for (const Case& c : {Case{30, 0.0684138290935567, 0.0326945561611842, 0.0928305519092375, 0.0506450389215072},
                        Case{100, 0.0527046510079861, 0.0192061353050038, 0.0848713297248161, 0.0276358023235401},
                        Case{400, 0.0430531697391897, 0.0149984189836186, 0.0735722042815232, 0.0277469166752495},
                        Case{3000, 0.0286785777140279, 0.00982849556273228, 0.0503857311030044, 0.0176183590841947}}) {
    SCOPED_TRACE(c.n);
    expect_near(plug_in(scattered(c.n, 4, 0.5)), c.smooth, 1e-9);
    expect_near(plug_in(scattered(c.n, 15, 0.5)), c.wiggly, 1e-9);
    expect_near(plug_in(scattered(c.n, 4, 2)), c.noisy, 1e-9);
    expect_near(plug_in(scattered(c.n, 15, 2)), c.wiggly_and_noisy, 1e-9);
  }
  Rows tied = scattered(600, 4, 0.5);  // x <- floor(25 * x), y <- sin(x / 4) + the noise at b = 1
  for (std::size_t i = 0; i < tied.x.size(); ++i) {
    tied.y[i] = std::fmod(static_cast<double>(i + 1) * 0.569840290998053, 1) - 0.5;
    tied.x[i] = std::floor(25 * tied.x[i]), tied.y[i] += std::sin(tied.x[i] / 4);
  }
  expect_near(plug_in(tied), 0.901391399474239, 1e-9);
}

// n <- length(x); n^(-1/5) * sd(x); (n * 3/4)^(-1/5) * sd(x)
TEST(BandwidthRules, RulesOfThumbAreTheirFormulas) {
  const Matrix<double> speed = Matrix<double>::column(cars().x), times = Matrix<double>::column(mcycle().x);
  expect_near(scott<double>(speed)[0], 2.41806651302828, 1e-13);
  expect_near(silverman<double>(speed)[0], 2.56127369984132, 1e-13);
  expect_near(scott<double>(times)[0], 4.93813111229421, 1e-13);
  expect_near(silverman<double>(times)[0], 5.23058620436692, 1e-13);
  expect_near(scott<double>(times, {.scaled = false})[0], std::pow(133, -0.2), 1e-13);
}

// ---- properties --------------------------------------------------------------------------------

TEST(BandwidthRules, OffsetsAndUnitsDoNotMatter) {
  const Rows rows = mcycle();
  const double want = plug_in(rows);
  const auto moved = [&](double x_unit, double x_offset, double y_unit, double y_offset) {
    Rows result = rows;
    for (double& x : result.x) x = x * x_unit + x_offset;
    for (double& y : result.y) y = y * y_unit + y_offset;
    return result;
  };
  expect_near(plug_in(moved(1, 0x1p30, 1, 0x1p20)), want, 1e-7);
  for (const double unit : {0x1p-996, 0x1p-40, 0x1p40, 0x1p996}) {
    expect_near(plug_in(moved(unit, 0, 1, 0)) / unit, want, 1e-12);
    expect_near(plug_in(moved(1, 0, unit, 0)), want, 1e-12);
    const Matrix<double> keys = Matrix<double>::column(moved(unit, 0, 1, 0).x);
    expect_near(scott<double>(keys)[0] / unit, scott<double>(Matrix<double>::column(rows.x))[0], 1e-12);
  }
}

TEST(BandwidthRules, EveryColumnHasItsOwn) {
  const Matrix<double> keys = random_matrix<double>(50, 3, -1, 1, 5);
  const std::vector<double> all = scott<double>(keys), unscaled = scott<double>(keys, {.scaled = false});
  ASSERT_EQ(all.size(), 3u);
  for (std::size_t d = 0; d < 3; ++d) {
    std::vector<double> one;
    for (std::size_t i = 0; i < 50; ++i) one.push_back(keys(i, d));
    const double sigma = scott<double>(Matrix<double>::column(one))[0] * std::pow(50, 0.2);
    expect_near(all[d], sigma * std::pow(50, -1.0 / 7), 1e-13);
    expect_near(unscaled[d], std::pow(50, -1.0 / 7), 1e-13);
  }
}

// Equal weights are none; keys of weight 0 are not there; n is (sum c)^2 / sum c^2 and the variance unbiased for it.
TEST(BandwidthRules, WeightsCountAsKishSays) {
  const Matrix<double> keys = Matrix<double>::column({0, 1, 5, std::numeric_limits<double>::quiet_NaN()});
  const std::vector<double> weights = {1, 2, 1, 0};
  const double n = 16.0 / 6, mean = 7.0 / 4, variance = (mean * mean + 2 * 0.5625 + 3.25 * 3.25) / 4 / (1 - 1 / n);
  expect_near(scott<double>(keys, {.key_weights = weights})[0], std::pow(n, -0.2) * std::sqrt(variance), 1e-14);
  expect_near(silverman<double>(keys, {.key_weights = weights})[0], std::pow(n * 0.75, -0.2) * std::sqrt(variance),
              1e-14);
  const Matrix<double> times = Matrix<double>::column(mcycle().x);
  const std::vector<double> equal(133, 1e307);
  expect_near(scott<double>(times, {.key_weights = equal})[0], scott<double>(times)[0], 1e-13);
}

TEST(BandwidthRules, AConstantColumnGetsOne) {
  EXPECT_EQ(scott<double>(Matrix<double>::column({3, 3, 3})), std::vector<double>{1});
  EXPECT_EQ(silverman<float>(Matrix<float>::column({3})), std::vector<double>{1});
}

TEST(BandwidthRules, FloatIsDoubleOfTheSameNumbers) {
  Rows rows = mcycle();
  for (std::vector<double>* column : {&rows.x, &rows.y})
    for (double& value : *column) value = static_cast<float>(value);
  EXPECT_EQ(plug_in<float>(rows), plug_in<double>(rows));
}

TEST(BandwidthRules, RowsMayBeStrided) {
  const Rows rows = mcycle();
  Matrix<double> both(133, 2);
  for (std::size_t i = 0; i < 133; ++i) both(i, 0) = rows.x[i], both(i, 1) = rows.y[i];
  const double* data = &both(0, 0);
  const std::size_t stride = both.in().row_stride;
  EXPECT_EQ(ruppert_sheather_wand<double>({data, 133, 1, stride}, {data + 1, 133, 1, stride}), plug_in(rows));
}

// ---- what is refused ---------------------------------------------------------------------------

TEST(BandwidthRules, BadArgumentsAreNamed) {
  const Rows rows = mcycle();
  const auto refused = [&](const std::string& message, const PlugInOptions& options) {
    expect_refused(message, [&] { plug_in(rows, options); });
  };
  refused("blockmax: must be in [1, 1000000], got 0", {.blockmax = 0});
  refused("divisor: must be in [1, 1000000000], got -3", {.divisor = -3});
  refused("gridsize: must be in [10, 100001], got 9", {.gridsize = 9});
  refused("trim: must be in [0, 0.5), got 0.5", {.trim = 0.5});
  refused("proptrun: must be in [0, 0.5), got nan", {.proptrun = std::nan("")});
  refused("interval: must be finite and ascending, got 3 to 3", {.interval = {{3, 3}}});
  const Matrix<double> two(10, 2), one(10, 1);
  expect_refused("keys: the plug-in rule is for one column, got 2", [&] { ruppert_sheather_wand<double>(two, one); });
  expect_refused("values: the plug-in rule is for one column, got 2", [&] { ruppert_sheather_wand<double>(one, two); });
  expect_refused("values: must have 10 rows to match keys, got 3",
                 [&] { ruppert_sheather_wand<double>(one, Matrix<double>(3, 1)); });
  expect_refused("keys: must have at least one row, got 0", [&] { scott<double>(Matrix<double>(0, 1)); });
  expect_refused("keys[1,0]: must be finite, got inf", [&] { scott<double>(Matrix<double>::column({1, INFINITY})); });
  const std::vector<double> weights = {0, 0}, negative = {1, -1}, three = {1, 1, 1};
  const Matrix<double> keys = Matrix<double>::column({1, 2});
  expect_refused("keys: a rule of thumb needs at least one row of positive weight, got 0",
                 [&] { scott<double>(keys, {.key_weights = weights}); });
  expect_refused("key_weights[1]: must be finite and >= 0, got -1",
                 [&] { silverman<double>(keys, {.key_weights = negative}); });
  expect_refused("key_weights: must have one entry per key = 2, got 3",
                 [&] { silverman<double>(keys, {.key_weights = three}); });
}

TEST(BandwidthRules, WhatTheDataLeaveOpenIsSaid) {
  const auto refused = [&](const std::string& message, const Rows& rows, const PlugInOptions& options = {}) {
    expect_refused(message, [&] { plug_in(rows, options); });
  };
  const auto of = [](std::size_t n, auto x, auto y) {
    Rows rows;
    for (std::size_t i = 0; i < n; ++i) {
      const double u = static_cast<double>(i) / static_cast<double>(n);
      rows.x.push_back(x(u)), rows.y.push_back(y(u));
    }
    return rows;
  };
  const auto same = [](double u) { return u; };
  const auto rough = [](double u) { return std::fmod(u * 997.1, 1); };
  refused("keys: the plug-in rule needs at least two rows", of(1, same, rough));
  refused("keys: the plug-in rule needs at least 6 rows after trimming, got 5", of(5, same, rough));
  refused("keys: the plug-in rule needs at least 6 rows after trimming, got 0", mcycle(), {.interval = {{100, 200}}});
  refused("keys: are all 2 after trimming", of(
                                                100, [](double) { return 2; }, rough));
  refused("keys: the plug-in rule needs at least 5 different keys after trimming, got 4",
          of(
              100, [](double u) { return std::floor(4 * u); }, rough));
  for (const double slope : {0.0, 1.0, 1e6})
    refused("values: quartics in the keys fit them without residual",
            of(100, same, [&](double u) { return slope * u; }));
  refused("values: quartics in the keys fit them without residual", of(100, same, [](double u) { return u * u * u; }));
  refused("gridsize: 10 bins are too coarse for the pilot bandwidth", scattered(3000, 40, 0.01), {.gridsize = 10});
  // Two clusters, and a lone pair of keys between them.
  Rows gap = scattered(200, 15, 0.1);
  for (std::size_t i = 0; i < 200; ++i) gap.x[i] += i < 100 ? 0 : i < 102 ? 5 - gap.x[i] * 1e-3 : 9;
  refused("keys: too few lie within four pilot bandwidths of ", gap);
}

}  // namespace
}  // namespace attnpool::test
