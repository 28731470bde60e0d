// Replicates, their standard errors and bands, against their definitions in long double.
#include <algorithm>
#include <attnpool/attnpool.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "bootstrap_oracle.hpp"
#include "isa_param.hpp"

namespace attnpool::test {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
using Data = NoisyData;

TEST(Bootstrap, PhiloxHasItsPublishedAnswers) {
  using Words = detail::PhiloxBlock;
  EXPECT_EQ(detail::philox({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr std::uint32_t ones = 0xffffffff;
  EXPECT_EQ(detail::philox({ones, ones, ones, ones}, {ones, ones}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(detail::philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

class BootstrapTest : public IsaTest {};
ATTNPOOL_ON_EVERY_ISA(BootstrapTest);

/// Of a grid in two dimensions: at w = 3 it has nine times as many boxes, each of 140 planes.
constexpr double w_of_plane_grid = 1;

void expect_formula(const Data& data, double w, const BootstrapOptions& options, Algorithm algorithm) {
  const std::vector<double> at = points(9, data.dims);
  const BootstrapOracle oracle(data, w, options);
  const BootstrapResult got = data.inference(w, algorithm).bootstrap(matrix(at, data.dims), options);
  const std::string what = std::string(to_string(options.kind)) + " " + to_string(algorithm);
  ASSERT_EQ(got.replicates.size(), 70 * 9 * 2u) << what;
  constexpr double tolerance = 2e-9;
  for (std::size_t q = 0; q < 9; ++q)
    for (std::size_t v = 0; v < 2; ++v) {
      const double* const query = &at[q * data.dims];
      const std::vector<Real> want = oracle.replicates(query, v);
      const std::size_t i = q * 2 + v;
      for (std::size_t b = 0; b < 70; ++b)
        ASSERT_NEAR(got.replicates[b * 18 + i], static_cast<double>(want[b]), tolerance)
            << what << " " << q << " " << b;
      EXPECT_NEAR(got.mean[i], static_cast<double>(oracle.mean_at(query, v)), tolerance) << what;
      EXPECT_NEAR(got.standard_error[i], static_cast<double>(deviation(want)), tolerance) << what;
      EXPECT_NEAR(got.lower[i], static_cast<double>(quantile(want, 0.05L)), tolerance) << what;
      EXPECT_NEAR(got.upper[i], static_cast<double>(quantile(want, 0.95L)), tolerance) << what;
      EXPECT_EQ(got.used[q], 70u) << what;
    }
}

TEST_P(BootstrapTest, ReplicatesAreThoseOfTheFormula) {
  for (const bool weighted : {false, true})
    for (const std::size_t dims : {1u, 2u})
      for (BootstrapOptions options : kinds()) {
        const Data data = random_data(201, dims, 2, weighted, 7);
        options.keep_replicates = true;
        expect_formula(data, 3, options, Algorithm::dense);
        expect_formula(data, 3, options, Algorithm::pruned);
        expect_formula(data, dims == 1 ? 3 : w_of_plane_grid, options, Algorithm::grid);
      }
}

TEST_P(BootstrapTest, BitsDependNeitherOnThreadsNorOnTheIsaOfAClass) {
  static std::map<bool, std::vector<std::vector<double>>> of_class;
  const bool fused = active_isa() != Isa::scalar && active_isa() != Isa::sse2;
  const Data data = random_data(700, 2, 2, true, 4);
  const std::vector<double> at = points(70, 2);
  std::vector<std::vector<double>> all;
  for (BootstrapOptions options : kinds()) {
    options.keep_replicates = true, options.band = BootstrapBand::simultaneous;
    const BootstrapResult one = data.inference(3, Algorithm::dense, 1).bootstrap(matrix(at, 2), options);
    const BootstrapResult four = data.inference(3, Algorithm::dense, 4).bootstrap(matrix(at, 2), options);
    EXPECT_EQ(one.replicates, four.replicates);
    EXPECT_EQ(one.standard_error, four.standard_error);
    EXPECT_EQ(one.lower, four.lower);
    EXPECT_EQ(one.critical, four.critical);
    const auto grid = [&](int threads) {
      return data.inference(w_of_plane_grid, Algorithm::grid, threads).bootstrap(matrix(at, 2), options).replicates;
    };
    EXPECT_EQ(grid(1), grid(3));
    all.insert(all.end(), {one.replicates, one.standard_error, one.lower, one.upper, one.critical});
  }
  const auto [first, is_new] = of_class.try_emplace(fused, all);
  EXPECT_EQ(first->second, all);
}

TEST_P(BootstrapTest, BandsAreMadeOfTheReplicates) {
  const Data data = random_data(80, 1, 1, false, 12);
  const std::vector<double> at = points(6, 1);
  const Inference inference = data.inference(2);
  const auto band = [&](BootstrapBand kind) {
    return inference.bootstrap(matrix(at, 1), {.replicates = 199, .band = kind, .level = 0.8, .keep_replicates = true});
  };
  const BootstrapResult basic = band(BootstrapBand::basic), normal = band(BootstrapBand::normal),
                        percentile = band(BootstrapBand::percentile), whole = band(BootstrapBand::simultaneous);
  std::vector<Real> farthest(199, 0);
  for (std::size_t q = 0; q < 6; ++q) {
    EXPECT_NEAR(basic.lower[q], 2 * basic.mean[q] - percentile.upper[q], 1e-14);
    EXPECT_NEAR(basic.upper[q], 2 * basic.mean[q] - percentile.lower[q], 1e-14);
    EXPECT_NEAR(normal.lower[q], normal.mean[q] - 1.2815515655446004 * normal.standard_error[q], 1e-14);
    EXPECT_NEAR(normal.upper[q], normal.mean[q] + 1.2815515655446004 * normal.standard_error[q], 1e-14);
    for (std::size_t b = 0; b < 199; ++b)
      farthest[b] =
          std::max(farthest[b], std::abs(Real(whole.replicates[b * 6 + q]) - whole.mean[q]) / whole.standard_error[q]);
  }
  ASSERT_EQ(whole.critical.size(), 1u);
  EXPECT_TRUE(basic.critical.empty());
  EXPECT_NEAR(whole.critical[0], static_cast<double>(quantile(farthest, 0.8L)), 1e-12);
  EXPECT_GT(whole.critical[0], 1.2815515655446004);
  for (std::size_t q = 0; q < 6; ++q) {
    EXPECT_NEAR(whole.mean[q] - whole.lower[q], whole.critical[0] * whole.standard_error[q], 1e-14);
    EXPECT_NEAR(whole.upper[q] - whole.mean[q], whole.critical[0] * whole.standard_error[q], 1e-14);
  }
}

// The standard deviation of B replicates that are about normal is off by 1 / sqrt(2 B) of itself: five times that here.
TEST(Bootstrap, WildStandardErrorsTendToThoseOfInference) {
  const Data data = random_data(250, 1, 1, true, 3);
  const std::vector<double> at = points(20, 1);
  const std::size_t replicates = 10000;
  for (const Variance variance : {Variance::hc0, Variance::hc1, Variance::hc2, Variance::hc3})
    for (const Multiplier multiplier : {Multiplier::rademacher, Multiplier::mammen}) {
      const Inference inference(data.key_view(), data.value_view(), Gaussian(2.0),
                                {.variance = variance, .key_weights = data.weights});
      const Prediction want = inference.predict(matrix(at, 1));
      const BootstrapResult got = inference.bootstrap(
          matrix(at, 1), {.replicates = replicates, .seed = 5, .multiplier = multiplier, .residuals = variance});
      EXPECT_EQ(got.mean, want.mean);
      for (std::size_t q = 0; q < 20; ++q)
        EXPECT_NEAR(got.standard_error[q] / want.standard_error[q], 1, 5 / std::sqrt(2.0 * replicates));
    }
}

// A ratio of sums over rows drawn at random: to first order its variance is sum_k p_k^2 (value_k - mean)^2, larger than that
// of wild where the curve is steep, since the keys are drawn too.
TEST(Bootstrap, PairsStandardErrorsAreThoseOfARatio) {
  const Data data = random_data(800, 1, 1, true, 8);
  const std::vector<double> at = points(20, 1);
  const BootstrapResult got =
      data.inference(2.5).bootstrap(matrix(at, 1), {.kind = Resampling::pairs, .replicates = 4000});
  for (std::size_t q = 0; q < 20; ++q) {
    double sum = 0, squares = 0;
    for (std::size_t k = 0; k < 800; ++k) {
      const double delta = 2.5 * (at[q] - data.keys[k]), weight = data.weight(k) * std::exp(-delta * delta / 2);
      sum += weight;
      squares += weight * weight * (data.values[k] - got.mean[q]) * (data.values[k] - got.mean[q]);
    }
    EXPECT_NEAR(got.standard_error[q] / (std::sqrt(squares) / sum), 1, 0.1);
  }
}

// Of the expectation of the estimate, as the bands promise: the pooled curve.
TEST(Bootstrap, BandsCoverAsOftenAsTheySay) {
  const std::vector<double> at = points(10, 1);
  const std::size_t experiments = 150;
  for (const Resampling kind : {Resampling::wild, Resampling::pairs}) {
    double covered = 0, whole = 0;
    for (unsigned i = 0; i < experiments; ++i) {
      Data data = random_data(120, 1, 1, false, 100 + i);
      std::vector<double> curve(120), want(10);
      for (std::size_t k = 0; k < 120; ++k) curve[k] = std::sin(data.keys[k]);
      pool<double>(matrix(at, 1), data.key_view(), matrix(curve, 1), Gaussian(3.0), {want.data(), 10, 1});
      const Inference inference = data.inference(3);
      const BootstrapResult each = inference.bootstrap(matrix(at, 1), {.kind = kind, .replicates = 399, .seed = i});
      const BootstrapResult all = inference.bootstrap(
          matrix(at, 1), {.kind = kind, .replicates = 399, .seed = i, .band = BootstrapBand::simultaneous});
      bool inside = true;
      for (std::size_t q = 0; q < 10; ++q) {
        covered += (each.lower[q] <= want[q] && want[q] <= each.upper[q]) / 10.0;
        inside = inside && all.lower[q] <= want[q] && want[q] <= all.upper[q];
      }
      whole += inside;
    }
    RecordProperty(std::string("covered_") + to_string(kind), std::to_string(covered / experiments));
    RecordProperty(std::string("whole_") + to_string(kind), std::to_string(whole / experiments));
    EXPECT_NEAR(covered / experiments, 0.95, 0.04) << to_string(kind);
    EXPECT_NEAR(whole / experiments, 0.95, 0.1) << to_string(kind);
  }
}

TEST(Bootstrap, QueriesAndReplicatesInPartsAreAsAtOnce) {
  Data data = random_data(5, 1, 1, false, 2);
  const std::vector<double> at = points(200, 1);
  const Inference inference = data.inference(0.5, Algorithm::dense);
  for (const Resampling kind : {Resampling::wild, Resampling::pairs}) {
    BootstrapOptions options{.kind = kind, .replicates = 100000};  // 83 queries at a time
    options.band = BootstrapBand::simultaneous;
    const BootstrapResult all = inference.bootstrap(matrix(at, 1), options);
    double critical = 0;
    for (std::size_t q = 0; q < 200; q += 50) {
      const std::vector<double> own(at.begin() + static_cast<std::ptrdiff_t>(q),
                                    at.begin() + static_cast<std::ptrdiff_t>(q) + 50);
      const BootstrapResult part = inference.bootstrap(matrix(own, 1), options);
      for (std::size_t i = 0; i < 50; ++i) EXPECT_EQ(all.standard_error[q + i], part.standard_error[i]);
      critical = std::max(critical, part.critical[0]);
    }
    EXPECT_GE(all.critical[0], critical);
  }
}

TEST(Bootstrap, RowsOfWeightZeroTakeNoPart) {
  const Data data = random_data(60, 1, 2, true, 6);
  Data kept = data;
  kept.keys.clear(), kept.values.clear(), kept.weights.clear(), kept.rows = 0;
  for (std::size_t k = 0; k < 60; ++k) {
    if (data.weights[k] == 0) continue;
    kept.keys.push_back(data.keys[k]), kept.weights.push_back(data.weights[k]), ++kept.rows;
    kept.values.insert(kept.values.end(), {data.values[2 * k], data.values[2 * k + 1]});
  }
  for (const BootstrapOptions& options : kinds()) {
    const BootstrapResult a = data.inference(2).bootstrap(matrix(points(7, 1), 1), options),
                          b = kept.inference(2).bootstrap(matrix(points(7, 1), 1), options);
    EXPECT_EQ(a.lower, b.lower);
    EXPECT_EQ(a.standard_error, b.standard_error);
  }
}

TEST(Bootstrap, ConstantValuesHaveNoError) {
  Data data = random_data(40, 1, 1, false, 1);
  std::fill(data.values.begin(), data.values.end(), 0.3);
  for (BootstrapOptions options : kinds())
    for (const BootstrapBand band : {BootstrapBand::percentile, BootstrapBand::simultaneous}) {
      options.band = band;
      const BootstrapResult got = data.inference(2).bootstrap(matrix(points(5, 1), 1), options);
      for (std::size_t q = 0; q < 5; ++q) {
        EXPECT_EQ(got.standard_error[q], 0);
        EXPECT_EQ(got.lower[q], 0.3);
        EXPECT_EQ(got.upper[q], 0.3);
      }
    }
}

// Replicates of pairs in which the one key near a query is not drawn are passed over and counted.
TEST(Bootstrap, ReplicatesThatSeeNothingAreCounted) {
  const Data data{5, 1, 1, {0, 1, 2, 3, 9}, {1, 3, 2, 4, 7}, {}};
  const std::vector<double> at = {9, 1.5, nan, 1e300};
  const BootstrapOptions options{.kind = Resampling::pairs, .replicates = 300, .seed = 9, .keep_replicates = true};
  const BootstrapResult got = data.inference(1).bootstrap(matrix(at, 1), options);
  std::size_t drawn = 0;
  for (std::size_t b = 0; b < 300; ++b) {
    const bool seen = factors(options, b, 5)[4] > 0;
    drawn += seen;
    EXPECT_EQ(std::isnan(got.replicates[b * 4]), !seen);
    EXPECT_TRUE(!seen || std::abs(got.replicates[b * 4] - 7) < 1e-5);  // key 3 weighs 1.5e-8
  }
  EXPECT_EQ(got.used, (std::vector<std::size_t>{drawn, 300, 0, drawn}));
  EXPECT_GT(drawn, 150u);
  EXPECT_LT(got.standard_error[0], 1e-5);
  for (const auto* x : {&got.mean, &got.standard_error, &got.lower, &got.upper}) EXPECT_TRUE(std::isnan((*x)[2]));
  const BootstrapResult wild = data.inference(1).bootstrap(matrix(at, 1), {.band = BootstrapBand::simultaneous});
  EXPECT_EQ(wild.used, (std::vector<std::size_t>{999, 999, 0, 999}));
  EXPECT_TRUE(std::isnan(wild.lower[2]) && std::isfinite(wild.lower[1]) && std::isfinite(wild.critical[0]));
  EXPECT_EQ(data.inference(1).bootstrap(matrix({}, 1)).mean.size(), 0u);
}

TEST(Bootstrap, UnitsOfAnySizeAndFloatChangeNothing) {
  const Data data = random_data(100, 1, 1, false, 5);
  Data huge = data;
  for (double& y : huge.values) y = std::ldexp(y, 1000);
  const std::vector<float> keys(data.keys.begin(), data.keys.end()), values(data.values.begin(), data.values.end());
  const std::vector<double> at = points(5, 1);
  const std::vector<float> narrow(at.begin(), at.end());
  for (const BootstrapOptions& options : kinds()) {
    const BootstrapResult a = data.inference(2).bootstrap(matrix(at, 1), options),
                          b = huge.inference(2).bootstrap(matrix(at, 1), options),
                          c = Inference(MatrixView<const float>(keys.data(), 100, 1),
                                        MatrixView<const float>(values.data(), 100, 1), Gaussian(2.0))
                                  .bootstrap(MatrixView<const float>(narrow.data(), 5, 1), options);
    for (std::size_t q = 0; q < 5; ++q) {
      EXPECT_NEAR(a.standard_error[q], std::ldexp(b.standard_error[q], -1000), 1e-14);
      EXPECT_NEAR(a.upper[q], std::ldexp(b.upper[q], -1000), 1e-14);
      EXPECT_NEAR(a.upper[q], c.upper[q], 1e-5);
    }
  }
}

TEST(Bootstrap, BadInputIsNamed) {
  const Data data{3, 1, 1, {0, 1, 2}, {1, 3, 2}, {}};
  const Inference inference = data.inference(1);
  const auto message = [&](const BootstrapOptions& options, std::size_t cols = 1) -> std::string {
    try {
      inference.bootstrap(MatrixView<const double>(data.keys.data(), 1, cols), options);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message({}, 2), "queries: must have 1 column to match keys, got 2");
  EXPECT_EQ(message({.kind = static_cast<Resampling>(7)}), "kind: is not one of Resampling's values, got 7");
  EXPECT_EQ(message({.multiplier = static_cast<Multiplier>(7)}),
            "multiplier: is not one of Multiplier's values, got 7");
  EXPECT_EQ(message({.residuals = static_cast<Variance>(7)}), "residuals: is not one of Variance's values, got 7");
  EXPECT_EQ(message({.residuals = Variance::local}), "residuals: must be one of hc0, hc1, hc2, hc3, got local");
  EXPECT_EQ(message({.band = static_cast<BootstrapBand>(7)}), "band: is not one of BootstrapBand's values, got 7");
  EXPECT_EQ(message({.level = nan}), "level: must be between 0 and 1, got nan");
  EXPECT_EQ(message({.replicates = 1}), "replicates: must be from 2 to 1000000, got 1");
  EXPECT_EQ(message({.replicates = 1000001}), "replicates: must be from 2 to 1000000, got 1000001");
  EXPECT_EQ(message({.kind = Resampling::pairs, .multiplier = Multiplier::mammen}),
            "multiplier: is an option of the wild bootstrap, not of pairs");
  EXPECT_EQ(message({.kind = Resampling::pairs, .residuals = Variance::hc2}),
            "residuals: is an option of the wild bootstrap, not of pairs");
}

TEST(Bootstrap, TellsProgressAndStops) {
  const Data data = random_data(50, 1, 1, false, 5);
  const Inference inference = data.inference(2);
  std::vector<double> told;
  inference.bootstrap(data.key_view(), {.progress = [&](double fraction) {
                        told.push_back(fraction);
                        return true;
                      }});
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  EXPECT_EQ(told.back(), 1);
  EXPECT_GT(told.size(), 3u);
  EXPECT_THROW(inference.bootstrap(data.key_view(), {.progress = [](double) { return false; }}), Cancelled);
}

}  // namespace
}  // namespace attnpool::test
