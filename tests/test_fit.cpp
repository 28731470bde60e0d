// fit(): the chapter's run against gradient descent written out in long double; every way to stop; data that break a
// fit.
#include <attnpool/fit.hpp>
#include <limits>
#include <thread>

#include "isa_param.hpp"
#include "problem.hpp"

namespace attnpool::test {
namespace {

class Fit : public IsaTest {};
ATTNPOOL_ON_EVERY_ISA(Fit);

template <class T>
struct Data {
  Matrix<T> x, y;
};

/// The chapter's: x sorted in [0, 5), y = 2 sin x + x^0.8 + noise of deviation 1/2 (a sum of twelve uniforms).
template <class T>
Data<T> chapter(std::size_t count = 50, std::size_t dims = 1) {
  Data<T> data{Matrix<T>(count, dims), Matrix<T>(count, 1)};
  Random random(1);
  std::vector<double> x(count);
  for (double& value : x) value = random.uniform(0, 5);
  std::sort(x.begin(), x.end());
  for (std::size_t i = 0; i < count; ++i) {
    double noise = -6;
    for (int j = 0; j < 12; ++j) noise += random.uniform();
    data.x(i, 0) = static_cast<T>(x[i]);
    for (std::size_t d = 1; d < dims; ++d) data.x(i, d) = static_cast<T>(random.uniform(0, 2));  // say nothing about y
    data.y(i, 0) = static_cast<T>(2 * std::sin(x[i]) + std::pow(x[i], 0.8) + noise / 2);
  }
  return data;
}

FitOptions chapter_options(double w0 = 0.6) {
  FitOptions options;
  options.w0 = {w0};
  options.loss = Loss::half_sum;
  options.learning_rate = 0.5;
  options.epochs = 5;
  return options;
}

template <class T>
FitResult fitted(const Data<T>& data, const FitOptions& options) {
  return fit<T>(data.x, data.y, options);
}

bool all_finite(const std::vector<double>& w) {
  return !w.empty() && std::all_of(w.begin(), w.end(), [](double value) { return std::isfinite(value); });
}

/// What every result promises, however the fit ended.
void expect_consistent(const FitResult& result) {
  EXPECT_TRUE(all_finite(result.w));
  EXPECT_EQ(result.losses.size(), result.ws.size());
  if (result.losses.empty()) return;
  const auto lowest = std::min_element(result.losses.begin(), result.losses.end());
  EXPECT_EQ(result.loss, *lowest);
  EXPECT_EQ(result.w, result.ws[static_cast<std::size_t>(lowest - result.losses.begin())]);
}

/// w, and the loss at every w, of plain gradient descent.
template <class T>
struct Descent {
  std::vector<std::vector<Real>> ws;
  std::vector<Real> losses;
  Descent(const Data<T>& data, const FitOptions& options) {
    std::vector<Real> w(options.w0.begin(), options.w0.end());
    Problem<T> problem{data.x, data.x, data.y};
    if (options.leave_one_out) problem.options.range = KeyRange::all_but_self();
    for (int epoch = 0; epoch <= options.epochs; ++epoch) {
      problem.score =
          Gaussian(std::vector<double>(w.begin(), w.end()));  // rounding w to double is within the tolerance
      const OracleLoss at_w = oracle_loss(problem, data.y, options.loss);
      ws.push_back(w);
      losses.push_back(at_w.loss);
      for (std::size_t p = 0; p < w.size(); ++p) w[p] -= Real(options.learning_rate) * at_w.gradient[p];
    }
  }
};

// Each step multiplies a difference in w by at most 1 + learning_rate * |second derivative of the loss|. That is of the
// order of 10 for these data and rates, so five steps may turn the rounding of one evaluation (a few hundred epsilon, w
// delta^2 being up to that large) into 1e5 times as much.
template <class T>
double descent_tolerance(int epochs) {
  return 300 * epsilon<T> * std::pow(10, epochs) / 10;
}

template <class T>
void expect_descent(const Data<T>& data, const FitOptions& options, double tolerance) {
  const FitResult result = fitted(data, options);
  const Descent<T> want(data, options);
  expect_consistent(result);
  EXPECT_EQ(result.stop, FitStop::epochs);
  ASSERT_EQ(result.losses.size(), want.losses.size());
  for (std::size_t i = 0; i < want.losses.size(); ++i) {
    EXPECT_NEAR(result.losses[i], double(want.losses[i]), tolerance * (1 + double(want.losses[i]))) << "epoch " << i;
    for (std::size_t p = 0; p < want.ws[i].size(); ++p)
      EXPECT_NEAR(result.ws[i][p], double(want.ws[i][p]), tolerance * (1 + std::abs(double(want.ws[i][p]))))
          << "epoch " << i;
  }
}

TEST_P(Fit, TheChaptersRun) {  // half the sum of squares, learning rate 0.5, 5 epochs, each point left out
  expect_descent(chapter<double>(), chapter_options(), descent_tolerance<double>(5));
  FitOptions small_steps = chapter_options();
  small_steps.learning_rate = 0.02;
  expect_descent(chapter<double>(), small_steps, descent_tolerance<double>(3));
  expect_descent(chapter<float>(), small_steps, descent_tolerance<float>(2));
}

TEST_P(Fit, MeanLossAndManySteps) {
  FitOptions options = chapter_options();
  options.loss = Loss::mean;
  options.epochs = 20;
  expect_descent(chapter<double>(), options, descent_tolerance<double>(3));
  expect_descent(chapter<float>(), options, descent_tolerance<float>(2));
}

TEST_P(Fit, OneWPerDimension) {
  FitOptions options = chapter_options();
  options.loss = Loss::mean;
  options.w0 = {0.8, 0.5};
  options.epochs = 15;
  expect_descent(chapter<double>(60, 2), options, descent_tolerance<double>(3));
  options.w0 = {0.7};  // one for both
  expect_descent(chapter<double>(60, 2), options, descent_tolerance<double>(3));
}

TEST_P(Fit, WithoutLeaveOneOut) {
  FitOptions options = chapter_options();
  options.loss = Loss::mean;
  options.leave_one_out = false;
  expect_descent(chapter<double>(), options, descent_tolerance<double>(3));
  const Data<double> one{Matrix<double>::column({1}), Matrix<double>::column({2})};
  EXPECT_EQ(fitted(one, options).loss, 0);
}

TEST_P(Fit, NoEpochsIsTheLossAtTheStart) {
  FitOptions options = chapter_options(0.9);
  options.epochs = 0;
  const FitResult result = fitted(chapter<double>(), options);
  expect_consistent(result);
  EXPECT_EQ(result.w, std::vector<double>{0.9});
  EXPECT_EQ(result.losses.size(), 1u);
  EXPECT_EQ(result.stop, FitStop::epochs);
  EXPECT_NEAR(result.loss, double(Descent<double>(chapter<double>(), options).losses[0]), 1e-10);
}

TEST_P(Fit, SeedDecidesTheStart) {
  FitOptions options;
  options.epochs = 0;
  std::vector<double> starts;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    options.seed = seed;
    const FitResult result = fitted(chapter<double>(), options);
    ASSERT_EQ(result.w.size(), 1u);
    EXPECT_EQ(fitted(chapter<double>(), options).w, result.w);
    EXPECT_GE(result.w[0], 0);
    EXPECT_LT(result.w[0], 1);
    starts.push_back(result.w[0]);
  }
  std::sort(starts.begin(), starts.end());
  EXPECT_EQ(std::unique(starts.begin(), starts.end()), starts.end());
  EXPECT_LT(starts.front(), 0.2);  // 50 uniform numbers miss a fifth of [0, 1) once in 70,000 times
  EXPECT_GT(starts.back(), 0.8);
}

TEST_P(Fit, ConvergesWithinTheTolerance) {
  FitOptions options = chapter_options(1);
  options.loss = Loss::mean;
  options.epochs = 10'000;
  options.tolerance = 1e-6;
  const FitResult result = fitted(chapter<double>(), options);
  expect_consistent(result);
  EXPECT_EQ(result.stop, FitStop::converged);
  ASSERT_GE(result.ws.size(), 2u);
  EXPECT_LT(result.ws.size(), 10'000u);
  const double w = result.ws.back()[0], before = result.ws[result.ws.size() - 2][0];
  EXPECT_LE(std::abs(w - before), 1e-6 * std::abs(w) * (1 + 1e-9));
  for (std::size_t i = 2; i + 1 < result.ws.size(); ++i)
    EXPECT_GT(std::abs(result.ws[i][0] - result.ws[i - 1][0]), 1e-6 * std::abs(result.ws[i][0]) * (1 - 1e-9)) << i;
  EXPECT_LT(result.loss, result.losses[0]);
}

TEST_P(Fit,
       DivergenceIsAResult) {  // y is noise: the first step leads to w of 1e8 and more, where the loss is twice as high
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const auto noise = Problem<T>::random(1, 60, 1, 1);
    for (const double rate : {1e9, 1e100, 1e308}) {
      FitOptions options = chapter_options();
      options.learning_rate = rate;
      options.epochs = 50;
      const FitResult result = fit<T>(noise.keys, noise.values, options);
      expect_consistent(result);
      EXPECT_EQ(result.stop, FitStop::diverged) << "rate " << rate << ": " << to_string(result.stop);
      EXPECT_EQ(result.w, std::vector<double>{0.6}) << "rate " << rate;
      EXPECT_EQ(result.loss, result.losses[0]);
    }
  });
}

// The same step, but y is smooth: there the nearest neighbour is the better answer, and the gradient 0.
TEST_P(Fit, AFlatRegionIsNotConvergence) {
  FitOptions options = chapter_options(0.3);
  options.learning_rate = 1e9;
  options.epochs = 50;
  const FitResult result = fitted(chapter<double>(), options);
  expect_consistent(result);
  EXPECT_EQ(result.stop, FitStop::flat);
  EXPECT_LT(result.loss, result.losses[0]);
}

TEST_P(Fit, CancelledAtAnyMoment) {
  FitOptions options = chapter_options();
  options.loss = Loss::mean;
  options.epochs = 12;
  int calls = 0;
  options.progress = [&](const FitProgress&) { return ++calls, true; };
  const FitResult whole = fitted(chapter<double>(), options);
  EXPECT_GE(calls, 12);
  EXPECT_EQ(whole.stop, FitStop::epochs);
  const int all_calls = calls;
  for (int moment = 1; moment <= all_calls; ++moment) {
    calls = 0;
    options.progress = [&](const FitProgress&) { return ++calls < moment; };
    const FitResult result = fitted(chapter<double>(), options);
    expect_consistent(result);
    EXPECT_EQ(calls, moment) << "called again after it said stop";
    EXPECT_EQ(result.stop, FitStop::cancelled) << "moment " << moment;
    for (std::size_t i = 0; i < result.losses.size(); ++i)
      EXPECT_EQ(result.losses[i], whole.losses[i]) << "moment " << moment;
  }
}

TEST_P(Fit, CancelledInTheFirstEpochKeepsTheStart) {
  FitOptions options = chapter_options();
  options.epochs = 1000;
  bool before_first_loss = false;
  options.progress = [&](const FitProgress& progress) {
    before_first_loss = progress.epoch == 0 && std::isnan(progress.loss);
    return false;
  };
  const FitResult result = fitted(chapter<float>(scaled(20'000, 2000)), options);
  expect_consistent(result);
  EXPECT_EQ(result.stop, FitStop::cancelled);
  if (before_first_loss) {
    EXPECT_EQ(result.w, std::vector<double>{0.6});
  }
}

TEST_P(Fit, ProgressTellsWhereItIs) {
  FitOptions options = chapter_options();
  options.loss = Loss::mean;
  const auto caller = std::this_thread::get_id();
  std::vector<double> losses;
  int last_epoch = 0;
  double last_fraction = 0;
  options.progress = [&](const FitProgress& progress) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    EXPECT_EQ(progress.epochs, 5);
    EXPECT_GE(progress.epoch, last_epoch);
    EXPECT_LE(progress.epoch, 5);
    EXPECT_GE(progress.fraction, last_fraction);
    EXPECT_LE(progress.fraction, 1);
    EXPECT_TRUE(progress.w != nullptr && all_finite(*progress.w));
    EXPECT_EQ(std::isnan(progress.loss), progress.epoch == 0);
    if (progress.epoch > last_epoch) losses.push_back(progress.loss);
    last_epoch = progress.epoch;
    last_fraction = progress.fraction;
    return true;
  };
  const FitResult result = fitted(chapter<double>(), options);
  ASSERT_EQ(losses.size(), 5u);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(losses[i], result.losses[i]) << "epoch " << i;
}

TEST_P(Fit, DataThatSayNothingAboutW) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const auto check = [](const Data<T>& data, double loss, const char* what) {
      FitOptions options;
      options.w0 = {0.5};
      const FitResult result = fitted(data, options);
      expect_consistent(result);
      EXPECT_NE(result.stop, FitStop::diverged) << what;
      EXPECT_NEAR(result.loss, loss, 1e-5 * loss) << what;
      EXPECT_NEAR(result.w[0], 0.5, 1e-3) << what;
    };
    check({Matrix<T>::column({0, 1}), Matrix<T>::column({1, 3})}, 4, "two points: each is predicted by the other");
    check({Matrix<T>::column({2, 2, 2}), Matrix<T>::column({0, 3, 6})}, (4.5 * 4.5 * 2 + 0) / 3, "all x equal");
    check({Matrix<T>::column({1, 2, 5, 9}), Matrix<T>::column({0.1, 0.1, 0.1, 0.1})}, 0, "all y equal");
  });
}

TEST_P(Fit, DataThatBreakFits) {  // the result stays finite and no worse than the start
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const auto check = [](const Data<T>& data, const char* what) {
      for (const double w0 : {0.0, 0.3, 3.0, 1e6}) {
        FitOptions options;
        options.w0 = {w0};
        options.learning_rate = 0.5;
        options.epochs = 30;
        const FitResult result = fitted(data, options);
        expect_consistent(result);
        EXPECT_LE(result.loss, result.losses.at(0)) << what << " w0=" << w0;
        EXPECT_TRUE(std::isfinite(result.loss)) << what << " w0=" << w0;
      }
    };
    Data<T> duplicates = chapter<T>();
    for (std::size_t i = 1; i < 50; i += 2) duplicates.x(i, 0) = duplicates.x(i - 1, 0);
    check(duplicates, "every x twice");
    Data<T> outlier = chapter<T>();
    outlier.x(49, 0) = T(1e8);
    check(outlier, "one x at 1e8");
    outlier = chapter<T>();
    outlier.y(25, 0) = T(1e8);
    check(outlier, "one y at 1e8");
    Data<T> far = chapter<T>();
    for (std::size_t i = 0; i < 50; ++i) far.x(i, 0) += T(1e5);
    check(far, "all x around 1e5");
  });
}

TEST_P(Fit, ThreadsDoNotChangeTheBits) {
  FitOptions options = chapter_options();
  options.loss = Loss::mean;
  options.epochs = 3;
  options.threads = 1;
  const auto data = chapter<float>(scaled(1500, 300));
  const FitResult want = fitted(data, options);
  for (const int threads : {2, 3, 7, 16}) {
    options.threads = threads;
    const FitResult got = fitted(data, options);
    EXPECT_EQ(got.ws, want.ws) << threads << " threads";
    EXPECT_EQ(got.losses, want.losses) << threads << " threads";
  }
}

TEST(FitNames, OfTheReasonsToStop) {
  EXPECT_STREQ(to_string(FitStop::epochs), "epochs");
  EXPECT_STREQ(to_string(FitStop::converged), "converged");
  EXPECT_STREQ(to_string(FitStop::diverged), "diverged");
  EXPECT_STREQ(to_string(FitStop::cancelled), "cancelled");
  EXPECT_STREQ(to_string(FitStop::flat), "flat");
}

}  // namespace
}  // namespace attnpool::test
