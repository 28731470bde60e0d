// Standard errors, bands, slopes and what predictions rest on, against their definitions in long double.
#include <attnpool/attnpool.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "isa_param.hpp"
#include "noisy_data.hpp"

namespace attnpool::test {
namespace {

using Data = NoisyData;

// Everything by its definition.
struct Exact {
  std::vector<Real> mean, error, slope, slope_error;
  Real effective = 0, leverage = 0, nearest = std::numeric_limits<Real>::infinity();
};

class Oracle {
 public:
  Oracle(const Data& data, const std::vector<double>& w, Variance variance) : data_(data), w_(w), variance_(variance) {
    std::vector<Real> residual(data.rows * data.cols), rest(data.rows, 1);
    Real trace = 0, count = 0;
    for (std::size_t i = 0; i < data.rows; ++i) {
      if (data.weight(i) == 0) continue;
      count += 1;
      const std::vector<Real> p = weights(&data.keys[i * data.dims]);
      rest[i] = 0;  // 1 - H, as the others' part
      for (std::size_t k = 0; k < data.rows; ++k) rest[i] += k == i ? 0 : p[k];
      trace += p[i];
      for (std::size_t v = 0; v < data.cols; ++v) residual[i * data.cols + v] = value(i, v) - mean(p, v);
    }
    for (std::size_t i = 0; i < residual.size(); ++i) {
      const Real e = residual[i] * residual[i], r = rest[i / data.cols];
      terms_.push_back(variance == Variance::hc1   ? e * count / (count - trace)
                       : variance == Variance::hc2 ? e / r
                       : variance == Variance::hc3 ? e / (r * r)
                                                   : e);
    }
    trace_ = trace;
  }

  Real trace() const { return trace_; }

  Exact at(const double* query) const {
    Exact exact;
    const std::vector<Real> p = weights(query);
    Real squares = 0;
    for (const Real x : p) squares += x * x;
    exact.effective = 1 / squares;
    Real total = 0;
    for (std::size_t k = 0; k < data_.rows; ++k) {
      if (data_.weight(k) == 0) continue;
      total += data_.weight(k) * std::exp(-squared_distance(query, k) / 2);
      exact.nearest = std::min(exact.nearest, std::sqrt(squared_distance(query, k)));
    }
    exact.leverage = 1 / total;
    for (std::size_t v = 0; v < data_.cols; ++v) exact.mean.push_back(mean(p, v));
    for (std::size_t v = 0; v < data_.cols; ++v) {
      Real local = 0;
      for (std::size_t k = 0; k < data_.rows; ++k)
        local += p[k] * (value(k, v) - exact.mean[v]) * (value(k, v) - exact.mean[v]);
      const auto term = [&](std::size_t k) {
        return variance_ == Variance::local ? local : terms_[k * data_.cols + v];
      };
      Real sum = 0;
      for (std::size_t k = 0; k < data_.rows; ++k) sum += p[k] * p[k] * term(k);
      exact.error.push_back(std::sqrt(sum));
    }
    for (std::size_t d = 0; d < data_.dims; ++d) {
      const Real w2 = static_cast<Real>(w_of(d)) * w_of(d);
      Real center = 0;  // of the differences from the query
      for (std::size_t k = 0; k < data_.rows; ++k) center += p[k] * (data_.keys[k * data_.dims + d] - Real(query[d]));
      for (std::size_t v = 0; v < data_.cols; ++v) {
        Real slope = 0, sum = 0, local = 0;
        for (std::size_t k = 0; k < data_.rows; ++k)
          local += p[k] * (value(k, v) - exact.mean[v]) * (value(k, v) - exact.mean[v]);
        for (std::size_t k = 0; k < data_.rows; ++k) {
          const Real g = w2 * p[k] * (data_.keys[k * data_.dims + d] - Real(query[d]) - center);
          slope += g * (value(k, v) - exact.mean[v]);
          sum += g * g * (variance_ == Variance::local ? local : terms_[k * data_.cols + v]);
        }
        exact.slope.push_back(slope);
        exact.slope_error.push_back(std::sqrt(sum));
      }
    }
    return exact;
  }

 private:
  double w_of(std::size_t d) const { return w_.size() == 1 ? w_[0] : w_[d]; }
  Real value(std::size_t k, std::size_t v) const { return data_.values[k * data_.cols + v]; }
  Real mean(const std::vector<Real>& p, std::size_t v) const {
    Real sum = 0;
    for (std::size_t k = 0; k < data_.rows; ++k) sum += p[k] * value(k, v);
    return sum;
  }
  Real squared_distance(const double* query, std::size_t k) const {
    Real sum = 0;
    for (std::size_t d = 0; d < data_.dims; ++d) {
      const Real delta = w_of(d) * (Real(query[d]) - data_.keys[k * data_.dims + d]);
      sum += delta * delta;
    }
    return sum;
  }
  std::vector<Real> weights(const double* query) const {
    std::vector<Real> p(data_.rows);
    Real least = std::numeric_limits<Real>::infinity(), total = 0;
    for (std::size_t k = 0; k < data_.rows; ++k)
      if (data_.weight(k) > 0) least = std::min(least, squared_distance(query, k));
    for (std::size_t k = 0; k < data_.rows; ++k)
      if (data_.weight(k) > 0) total += p[k] = data_.weight(k) * std::exp(-(squared_distance(query, k) - least) / 2);
    for (Real& x : p) x /= total;
    return p;
  }

  const Data& data_;
  const std::vector<double> w_;
  const Variance variance_;
  std::vector<Real> terms_;
  Real trace_ = 0;
};

void expect_near(double got, Real want, double allowed, const std::string& what) {
  EXPECT_NEAR(got, static_cast<double>(want), allowed) << what;
}

// Queries among the keys, between them, and ever farther away.
std::vector<double> queries_for(const Data& data) {
  std::vector<double> queries(data.keys.begin(), data.keys.begin() + static_cast<std::ptrdiff_t>(10 * data.dims));
  for (std::size_t q = 0; q < 40; ++q)
    for (std::size_t d = 0; d < data.dims; ++d) queries.push_back(-1 + 0.173 * static_cast<double>((q * (d + 3)) % 41));
  for (const double far : {9.0, 30.0, 700.0, 3e5})
    for (std::size_t d = 0; d < data.dims; ++d) queries.push_back(d == 0 ? far : 2.5);
  return queries;
}

class InferenceTest : public IsaTest {};
ATTNPOOL_ON_EVERY_ISA(InferenceTest);

TEST_P(InferenceTest, EveryVarianceAndAlgorithmAgreesWithTheDefinitions) {
  const Variance variances[] = {Variance::hc0, Variance::hc1, Variance::hc2, Variance::hc3, Variance::local};
  unsigned seed = 0;
  for (std::size_t dims = 1; dims <= 3; ++dims)
    for (const Algorithm algorithm : {Algorithm::dense, Algorithm::pruned, Algorithm::grid})
      for (const bool weighted : {false, true}) {
        const Variance variance = variances[seed % 5];
        const Data data = random_data(150, dims, 1 + seed % 2, weighted, seed);
        ++seed;
        std::vector<double> w(dims, dims == 3 ? 0.5 : 1.7);
        w[0] = dims == 3 ? 0.7 : 2.3;
        const Oracle oracle(data, w, variance);
        const Inference inference(data.key_view(), data.value_view(), Gaussian(w),
                                  {.variance = variance, .key_weights = data.weights, .algorithm = algorithm});
        const std::vector<double> queries = queries_for(data);
        const std::size_t count = queries.size() / dims;
        const Prediction got = inference.predict(MatrixView<const double>(queries.data(), count, dims),
                                                 {.slopes = true, .nearest = true, .error_bounds = true});
        EXPECT_NEAR(inference.summary().trace, static_cast<double>(oracle.trace()), 1e-8);
        for (std::size_t q = 0; q < count; ++q) {
          const Exact want = oracle.at(&queries[q * dims]);
          const std::string what = std::string(to_string(algorithm)) + " " + to_string(variance) +
                                   " D=" + std::to_string(dims) + " query " + std::to_string(q);
          expect_near(got.effective_keys[q], want.effective, 1e-7 * static_cast<double>(want.effective), what);
          if (want.leverage < 1e300L)
            expect_near(got.leverage[q], want.leverage, 1e-7 * static_cast<double>(want.leverage), what);
          expect_near(got.nearest[q], want.nearest, 1e-12 * static_cast<double>(want.nearest), what);
          EXPECT_EQ(got.status[q], want.nearest > 4 ? QueryStatus::far : QueryStatus::answered) << what;
          for (std::size_t v = 0; v < data.cols; ++v) {
            const std::size_t at = q * data.cols + v;
            expect_near(got.mean[at], want.mean[v], 1e-9, what);
            expect_near(got.standard_error[at], want.error[v], 1e-7 + 1e-7 * static_cast<double>(want.error[v]), what);
            expect_near(got.standard_error[at], want.error[v], got.standard_error_bounds[at] + 1e-13, what + " bound");
            expect_near(got.upper[at] - got.mean[at], 1.959963984540054L * got.standard_error[at], 1e-13, what);
            for (std::size_t d = 0; d < dims; ++d) {
              const std::size_t to = (q * dims + d) * data.cols + v, of = d * data.cols + v;
              expect_near(got.slope[to], want.slope[of], 1e-7, what + " slope");
              expect_near(got.slope[to], want.slope[of], got.slope_bounds[to] + 1e-13, what + " slope bound");
              expect_near(got.slope_error[to], want.slope_error[of], 1e-6, what + " slope error");
            }
          }
        }
      }
}

TEST_P(InferenceTest, OffsetsUnitsAndFloatChangeNothing) {
  const Data data = random_data(200, 2, 1, false, 5);
  Data moved = data;
  for (double& x : moved.keys) x = 4096 + x / 1024;
  for (double& y : moved.values) y = 1e6 + 1024 * y;
  const std::vector<double> queries(data.keys.begin(), data.keys.begin() + 60);
  std::vector<double> moved_queries = queries;
  for (double& x : moved_queries) x = 4096 + x / 1024;
  const auto predict = [](const Data& d, const std::vector<double>& at, double w) {
    return Inference(d.key_view(), d.value_view(), Gaussian(w))
        .predict(MatrixView<const double>(at.data(), at.size() / 2, 2), {.slopes = true});
  };
  const Prediction a = predict(data, queries, 2), b = predict(moved, moved_queries, 2048);
  for (std::size_t i = 0; i < a.mean.size(); ++i) {
    EXPECT_NEAR(a.standard_error[i], b.standard_error[i] / 1024, 1e-8);
    EXPECT_NEAR(a.effective_keys[i], b.effective_keys[i], 1e-7 * a.effective_keys[i]);
  }
  for (std::size_t i = 0; i < a.slope.size(); ++i) {
    EXPECT_NEAR(a.slope[i], b.slope[i] / 1024 / 1024, 1e-7);
    EXPECT_NEAR(a.slope_error[i], b.slope_error[i] / 1024 / 1024, 1e-7);
  }
  const std::vector<float> keys(data.keys.begin(), data.keys.end()), values(data.values.begin(), data.values.end()),
      at(queries.begin(), queries.end());
  const Prediction c = Inference(MatrixView<const float>(keys.data(), 200, 2),
                                 MatrixView<const float>(values.data(), 200, 1), Gaussian(2.0))
                           .predict(MatrixView<const float>(at.data(), 30, 2), {.slopes = true});
  for (std::size_t i = 0; i < a.mean.size(); ++i) EXPECT_NEAR(a.standard_error[i], c.standard_error[i], 1e-5);
}

TEST_P(InferenceTest, SlopesAreTheDerivativesOfPool) {
  const Data data = random_data(400, 2, 1, true, 8);
  const Gaussian score(std::vector<double>{1.5, 3.0});
  const Inference inference(data.key_view(), data.value_view(), score, {.key_weights = data.weights});
  const double x[2] = {2.1, 3.3}, step = 1e-4;
  const Prediction got = inference.predict(MatrixView<const double>(x, 1, 2), {.slopes = true});
  for (std::size_t d = 0; d < 2; ++d) {
    double out[2];
    for (int side = 0; side < 2; ++side) {
      double at[2] = {x[0], x[1]};
      at[d] += side == 0 ? -step : step;
      pool<double>(MatrixView<const double>(at, 1, 2), data.key_view(), data.value_view(), score,
                   MatrixView<double>(&out[side], 1, 1), {.key_weights = data.weights});
    }
    EXPECT_NEAR(got.slope[d], (out[1] - out[0]) / (2 * step), 1e-6);
  }
}

TEST_P(InferenceTest, ResultsDoNotDependOnThreads) {
  const Data data = random_data(3000, 1, 1, false, 9);
  const auto predict = [&](int threads, Algorithm algorithm) {
    return Inference(data.key_view(), data.value_view(), Gaussian(9.0), {.algorithm = algorithm, .threads = threads})
        .predict(data.key_view(), {.slopes = true});
  };
  for (const Algorithm algorithm : {Algorithm::dense, Algorithm::grid}) {
    const Prediction one = predict(1, algorithm), four = predict(4, algorithm);
    EXPECT_EQ(one.standard_error, four.standard_error);
    EXPECT_EQ(one.slope, four.slope);
    EXPECT_EQ(one.slope_error, four.slope_error);
  }
}

TEST(Inference, HasTheSummaryThatSelectionReports) {
  const Data data = random_data(120, 2, 2, true, 3);
  const Selection selection =
      select_bandwidth<double>(data.key_view(), data.value_view(), {.key_weights = data.weights});
  const FitSummary fit =
      Inference(data.key_view(), data.value_view(), Gaussian(selection.w), {.key_weights = data.weights}).summary();
  EXPECT_EQ(fit.rows, 103u);
  EXPECT_NEAR(fit.trace, selection.trace, 1e-9 * fit.trace);
  EXPECT_NEAR(fit.leave_one_out, selection.leave_one_out, 1e-9 * fit.leave_one_out);
  EXPECT_NEAR(fit.gcv, selection.gcv, 1e-9 * fit.gcv);
  EXPECT_NEAR(fit.aicc, selection.aicc, 1e-9);
  EXPECT_NEAR(fit.r_squared, selection.r_squared, 1e-9);
  EXPECT_NEAR(fit.residual_error, selection.residual_error, 1e-9 * fit.residual_error);
}

TEST(Inference, HasResidualsAndLeveragesInTheOrderOfTheRows) {
  const Data data = random_data(60, 1, 1, true, 4);
  const Inference inference(data.key_view(), data.value_view(), Gaussian(2.0), {.key_weights = data.weights});
  std::vector<double> fit(60);
  pool<double>(data.key_view(), data.key_view(), data.value_view(), Gaussian(2.0),
               MatrixView<double>(fit.data(), 60, 1), {.key_weights = data.weights});
  double trace = 0;
  for (std::size_t k = 0; k < 60; ++k) {
    trace += inference.leverages()[k];
    if (data.weights[k] == 0) {
      EXPECT_TRUE(std::isnan(inference.residuals()[k]));
      EXPECT_EQ(inference.leverages()[k], 0);
    } else {
      EXPECT_NEAR(inference.residuals()[k], data.values[k] - fit[k], 1e-12);
    }
  }
  EXPECT_NEAR(trace, inference.summary().trace, 1e-12);
}

TEST(Inference, SaysWhatHasNoAnswer) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double keys[] = {0, 1, 2}, values[] = {1, 3, 2}, queries[] = {nan, 0.5, 50, 1e300};
  const Inference inference(MatrixView<const double>(keys, 3, 1), MatrixView<const double>(values, 3, 1),
                            Gaussian(1.0));
  const Prediction got = inference.predict(MatrixView<const double>(queries, 4, 1), {.slopes = true, .nearest = true});
  EXPECT_EQ(got.status[0], QueryStatus::unseen);
  for (const double x : {got.mean[0], got.standard_error[0], got.lower[0], got.slope[0], got.slope_error[0],
                         got.effective_keys[0], got.leverage[0], got.nearest[0]})
    EXPECT_TRUE(std::isnan(x));
  EXPECT_EQ(got.status[1], QueryStatus::answered);
  EXPECT_EQ(got.status[2], QueryStatus::far);
  EXPECT_EQ(got.mean[2], 2);
  EXPECT_EQ(got.nearest[2], 48);
  EXPECT_EQ(got.effective_keys[3], 1);
  EXPECT_EQ(got.slope[3], 0);
  EXPECT_TRUE(std::isfinite(got.standard_error[3]));
}

TEST(Inference, BadInputIsNamed) {
  const double keys[] = {0, 1, 2}, nan[] = {1, std::numeric_limits<double>::quiet_NaN(), 2};
  const MatrixView<const double> x(keys, 3, 1);
  const auto message = [](const auto& run) -> std::string {
    try {
      run();
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message([&] { Inference(x, MatrixView<const double>(nan, 3, 1), Gaussian(1.0)); }),
            "values[1,0]: must be finite, got nan");
  EXPECT_EQ(message([&] {
              Inference(MatrixView<const double>(keys, 1, 1), MatrixView<const double>(keys, 1, 1), Gaussian(1.0));
            }),
            "keys: inference needs at least two rows of positive weight, got 1");
  EXPECT_EQ(message([&] { Inference(x, x, Gaussian(1.0), {.variance = static_cast<Variance>(9)}); }),
            "variance: is not one of Variance's values, got 9");
  EXPECT_EQ(message([&] { Inference(x, x, Gaussian(1.0)).predict(x, {.level = 1}); }),
            "level: must be between 0 and 1, got 1");
  EXPECT_EQ(message([&] { Inference(x, x, Gaussian(1.0)).predict(MatrixView<const double>(keys, 1, 2)); }),
            "queries: must have 1 column to match keys, got 2");
  EXPECT_EQ(message([&] { Inference(x, x, Gaussian(std::vector<double>{1, 2})); }).substr(0, 2), "w:");
  EXPECT_THROW(Inference(x, x, Gaussian(1.0), {.progress = [](double) { return false; }}), Cancelled);
}

TEST(Inference, ServesManyThreadsAtATime) {
  const Data data = random_data(500, 1, 1, false, 6);
  const Inference inference(data.key_view(), data.value_view(), Gaussian(3.0));
  const Prediction want = inference.predict(data.key_view());
  std::vector<std::thread> threads;
  std::vector<int> wrong(8);
  for (std::size_t i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      for (int j = 0; j < 5; ++j) wrong[i] += inference.predict(data.key_view()).standard_error != want.standard_error;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(8));
}

}  // namespace
}  // namespace attnpool::test
