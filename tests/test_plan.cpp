// Every plan gives the dense answer within the bound that it states for each query, on every layout, for every option.
#include <attnpool/fit.hpp>
#include <attnpool/pool_plan.hpp>

#include "certificates.hpp"
#include "isa_param.hpp"
#include "layouts.hpp"

namespace attnpool::test {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

class PlanTest : public IsaTest {};
ATTNPOOL_ON_EVERY_ISA(PlanTest);

TEST_P(PlanTest, GridHoldsItsBoundsOnEveryLayout) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const Layout layout : layouts)
      for (const std::size_t dims : {1, 2, 3})
        for (const double h : {0.02, 0.4, 6.0}) {
          if ((h < 0.1 && (dims == 3 || (dims == 2 && test_scale() > 1))) ||
              (h < 1 && dims == 3 && test_scale() >= 100) || (h < 1 && dims > 1 && layout == Layout::two_far_groups))
            continue;  // too many boxes
          auto problem = problem_of<T>(layout, scaled(150, 10), scaled(700, 200), dims, dims == 2 ? 2 : 1);
          problem.score = Gaussian(1 / h);
          if (dims == 2) problem.score = Gaussian({1 / h, -0.5 / h});
          problem.options.algorithm = Algorithm::grid;
          problem.options.tolerance = dims == 3 ? 1e-4 : dims == 2 || sizeof(T) == 4 ? 1e-6 : 1e-9;
          const Answer<T> a = answer(problem);
          const std::string what = std::string("grid ") + to_string(layout) + " h=" + std::to_string(h);
          EXPECT_EQ(a.report.algorithm, Algorithm::grid);
          expect_within_bounds(problem, a, what);
          std::size_t within = 0;
          for (const double bound : a.bounds) within += bound <= problem.options.tolerance;
          EXPECT_GE(within + a.report.fallback_queries, problem.queries.rows()) << what;
          if (layout == Layout::uniform && h == 0.4 && dims == 1) {
            EXPECT_LT(a.report.fallback_queries, problem.queries.rows() / 4) << what;
          }
        }
  });
}

TEST_P(PlanTest, GridServesEveryTolerance) {
  auto problem = problem_of<double>(Layout::uniform, scaled(200, 50), scaled(3000, 500));
  problem.score = Gaussian(8.0);
  problem.options.algorithm = Algorithm::grid;
  double looser = 1;
  for (const double tolerance : {0.1, 1e-3, 1e-5, 1e-7, 1e-9, 1e-11, 1e-12}) {
    problem.options.tolerance = tolerance;
    const Answer<double> a = answer(problem);
    expect_within_bounds(problem, a, "tolerance " + std::to_string(tolerance));
    EXPECT_LT(a.report.fallback_queries, problem.queries.rows() / 5) << tolerance;
    double error = 0;
    for (std::size_t q = 0; q < problem.queries.rows(); ++q)
      error = std::max(error, static_cast<double>(std::abs(Real(a.out(q, 0)) - weighted_oracle(problem, q, 0))));
    EXPECT_LE(error, looser) << tolerance;  // the work follows the tolerance
    looser = std::max(error * 10, 1e-14);
  }
  // Two dimensions, with odd and even numbers of terms.
  problem = problem_of<double>(Layout::uniform, 30, scaled(800, 200), 2);
  problem.score = Gaussian(1.0);
  problem.options.algorithm = Algorithm::grid;
  for (double tolerance = 0.03; tolerance > 1e-10; tolerance /= test_scale() < 100 ? 5 : 125) {
    problem.options.tolerance = tolerance;
    expect_within_bounds(problem, answer(problem), "tolerance " + std::to_string(tolerance));
  }
}

TEST_P(PlanTest, PrunedHoldsItsBoundsOnEveryLayout) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const Layout layout : layouts)
      for (const std::size_t dims : {1, 2, 5, 9})
        for (const double h : {0.003, 0.1, 3.0}) {
          auto problem = problem_of<T>(layout, scaled(60, 10), scaled(500, 150), dims, dims == 2 ? 3 : 1);
          problem.score = Gaussian(1 / h);
          problem.options.algorithm = Algorithm::pruned;
          const Answer<T> a = answer(problem);
          EXPECT_EQ(a.report.algorithm, Algorithm::pruned);
          expect_within_bounds(problem, a, std::string("pruned ") + to_string(layout) + " h=" + std::to_string(h));
        }
  });
}

TEST_P(PlanTest, LeaveOneOutAndKeyWeightsOnEveryPlan) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const std::size_t count = scaled(200, 50);
    std::vector<double> weights(count);
    Random random(7);
    for (double& c : weights) c = random.below(4) == 0 ? 0 : random.uniform(0, 3);
    weights[5] = 1e-9;
    for (const Algorithm algorithm : {Algorithm::dense, Algorithm::pruned, Algorithm::grid})
      for (const Layout layout : layouts)
        for (const double h : {0.03, 0.5})
          for (const int kind : {1, 2, 3}) {  // leave-one-out, weights, both
            auto problem = problem_of<T>(layout, count, count);
            if (kind != 2) problem.queries = problem.keys;
            if (kind != 2) problem.options.range = KeyRange::all_but_self();
            if (kind != 1) problem.options.key_weights = weights;
            problem.score = Gaussian(1 / h);
            problem.options.algorithm = algorithm;
            problem.options.tolerance = sizeof(T) == 4 ? 1e-6 : 1e-10;
            expect_within_bounds(problem, answer(problem),
                                 std::string(attnpool::to_string(algorithm)) + " " + to_string(layout) + " kind " +
                                     std::to_string(kind));
          }
    // The key left out need not be where the query is.
    auto problem = problem_of<T>(Layout::uniform, scaled(300, 30), scaled(400, 100));
    problem.options.range = KeyRange::all_but_self(50);
    problem.score = Gaussian(1.5);
    for (const Algorithm algorithm : {Algorithm::dense, Algorithm::pruned, Algorithm::grid}) {
      problem.options.algorithm = algorithm;
      expect_within_bounds(problem, answer(problem), std::string(attnpool::to_string(algorithm)) + " offset");
    }
  });
}

TEST_P(PlanTest, KeyWeightsAreRepetitions) {
  auto problem = Problem<double>::random(40, 60);
  std::vector<double> weights(60);
  std::vector<std::size_t> repeated;
  for (std::size_t k = 0; k < 60; ++k) {
    weights[k] = static_cast<double>(k % 4);
    for (std::size_t i = 0; i < k % 4; ++i) repeated.push_back(k);
    if (k % 4 == 0) problem.values(k, 0) = nan;  // not seen
  }
  auto many = problem;
  many.keys = Matrix<double>(repeated.size(), 1);
  many.values = Matrix<double>(repeated.size(), 1);
  for (std::size_t i = 0; i < repeated.size(); ++i) {
    many.keys(i, 0) = problem.keys(repeated[i], 0);
    many.values(i, 0) = problem.values(repeated[i], 0);
  }
  problem.options.key_weights = weights;
  for (const Algorithm algorithm : {Algorithm::dense, Algorithm::pruned, Algorithm::grid}) {
    problem.options.algorithm = algorithm;
    const auto a = problem.pool(), b = many.pool();
    for (std::size_t q = 0; q < 40; ++q)
      EXPECT_NEAR(a(q, 0), b(q, 0), 1e-10) << attnpool::to_string(algorithm) << " " << q;
  }
  weights.assign(60, 0.0);
  for (const Algorithm algorithm : {Algorithm::dense, Algorithm::pruned, Algorithm::grid}) {
    problem.options.algorithm = algorithm;
    const auto nothing = problem.pool();
    for (std::size_t q = 0; q < 40; ++q) EXPECT_TRUE(std::isnan(nothing(q, 0))) << attnpool::to_string(algorithm);
  }
}

TEST_P(PlanTest, DerivativesAgreeOnEveryPlan) {
  for (const std::size_t dims : {1, 2, 3})
    for (const bool per_dimension : {false, true}) {
      auto problem = problem_of<double>(Layout::uniform, 200, scaled(500, 80), dims, 2);
      problem.queries = problem.keys;
      problem.options.range = KeyRange::all_but_self();
      const double w = dims == 3 && test_scale() >= 100 ? 0.4 : 1.7;  // fewer boxes
      problem.score = per_dimension ? Gaussian(std::vector<double>(dims, w)) : Gaussian(w);
      const OracleLoss want = oracle_loss(problem, problem.values, Loss::mean);
      for (const Algorithm algorithm : {Algorithm::dense, Algorithm::pruned, Algorithm::grid}) {
        problem.options.algorithm = algorithm;
        problem.options.tolerance = dims == 3 ? 1e-5 : 1e-9;
        const double allowed = algorithm == Algorithm::grid ? 10 * problem.options.tolerance : 1e-11;
        const LossAndGradient got =
            loss_gradient<double>(problem.queries.in(), problem.keys.in(), problem.values.in(), problem.values.in(),
                                  problem.score, Loss::mean, problem.options);
        EXPECT_NEAR(got.loss, static_cast<double>(want.loss), allowed)
            << attnpool::to_string(algorithm) << " D=" << dims;
        ASSERT_EQ(got.gradient.size(), want.gradient.size());
        for (std::size_t p = 0; p < got.gradient.size(); ++p)
          EXPECT_NEAR(got.gradient[p], static_cast<double>(want.gradient[p]), allowed)
              << attnpool::to_string(algorithm) << " D=" << dims << " p=" << p;
      }
    }
}

TEST_P(PlanTest, FitLearnsTheSameOnEveryPlan) {
  const auto problem = problem_of<double>(Layout::uniform, 1, scaled(600, 200));
  FitOptions options;
  options.w0 = {1.0};
  options.learning_rate = 20;
  options.epochs = 10;
  options.algorithm = Algorithm::dense;
  const FitResult dense = fit<double>(problem.keys.in(), problem.values.in(), options);
  EXPECT_NE(dense.w, options.w0);
  for (const Algorithm algorithm : {Algorithm::pruned, Algorithm::grid}) {
    options.algorithm = algorithm;
    const FitResult got = fit<double>(problem.keys.in(), problem.values.in(), options);
    EXPECT_NEAR(got.w[0], dense.w[0], 1e-7) << attnpool::to_string(algorithm);
    EXPECT_NEAR(got.loss, dense.loss, 1e-9) << attnpool::to_string(algorithm);
  }
}

TEST_P(PlanTest, SameBitsForAnyThreadCount) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const Algorithm algorithm : {Algorithm::automatic, Algorithm::pruned, Algorithm::grid})
      for (const std::size_t dims : {1, 2}) {
        auto problem = problem_of<T>(Layout::uniform, scaled(3'000, 500), scaled(20'000, 2000), dims);
        problem.score = Gaussian(5.0);
        problem.options.algorithm = algorithm;
        problem.options.threads = 1;
        const auto one = problem.pool();
        for (const int threads : test_scale() < 100 ? std::vector{2, 3, 7} : std::vector{3}) {
          problem.options.threads = threads;
          EXPECT_TRUE(same_bits(problem.pool(), one))
              << attnpool::to_string(algorithm) << " D=" << dims << " " << threads;
        }
      }
  });
}

TEST_P(PlanTest, AValidLengthIsAShorterProblem) {
  auto problem = problem_of<double>(Layout::uniform, 100, 900);
  problem.score = Gaussian(3.0);
  auto shorter = problem;
  shorter.keys = Matrix<double>(500, 1);
  shorter.values = Matrix<double>(500, 1);
  for (std::size_t k = 0; k < 500; ++k) {
    shorter.keys(k, 0) = problem.keys(k, 0);
    shorter.values(k, 0) = problem.values(k, 0);
  }
  problem.options.range = KeyRange::first(500);
  for (const Algorithm algorithm : {Algorithm::dense, Algorithm::pruned, Algorithm::grid}) {
    problem.options.algorithm = shorter.options.algorithm = algorithm;
    const auto a = problem.pool(), b = shorter.pool();
    for (std::size_t q = 0; q < 100; ++q) EXPECT_NEAR(a(q, 0), b(q, 0), 1e-10) << attnpool::to_string(algorithm);
  }
}

TEST_P(PlanTest, WhatIsNotFiniteIsDefinedOnEveryPlan) {
  auto problem = problem_of<double>(Layout::uniform, 100, 400, 2);
  problem.queries(7, 0) = nan;
  problem.queries(8, 1) = infinity;
  problem.queries(9, 0) = 1e300;
  problem.queries(10, 0) = -1e6;
  for (const Algorithm algorithm : {Algorithm::dense, Algorithm::pruned, Algorithm::grid}) {
    problem.options.algorithm = algorithm;
    const Answer<double> a = answer(problem);
    for (const std::size_t q : {7, 8}) {
      EXPECT_TRUE(std::isnan(a.out(q, 0))) << attnpool::to_string(algorithm) << " " << q;
      EXPECT_TRUE(std::isnan(a.bounds[q])) << attnpool::to_string(algorithm) << " " << q;
    }
    for (const std::size_t q : {6, 9, 10, 11})
      EXPECT_NEAR(a.out(q, 0), static_cast<double>(weighted_oracle(problem, q, 0)), 1e-9)
          << attnpool::to_string(algorithm) << " " << q;
    auto with_nan = problem;
    with_nan.values(3, 0) = nan;
    EXPECT_TRUE(std::isnan(with_nan.pool()(0, 0))) << attnpool::to_string(algorithm);
    with_nan.values(3, 0) = infinity;
    EXPECT_EQ(with_nan.pool()(0, 0), infinity) << attnpool::to_string(algorithm);
  }
}

TEST_P(PlanTest, PreparedKeysServeManyCalls) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const auto problem = problem_of<T>(Layout::uniform, 300, scaled(20'000, 3000));
    std::vector<double> weights(problem.keys.rows(), 2.0);
    weights[0] = 0;
    for (const bool weighted : {false, true}) {
      PoolPlan<T> prepared(problem.keys, problem.values,
                           weighted ? std::span<const double>(weights) : std::span<const double>());
      for (const Algorithm algorithm : {Algorithm::automatic, Algorithm::grid, Algorithm::pruned, Algorithm::dense})
        for (const double w : {1.0, 12.0, 1.0})
          for (const std::size_t count : {std::size_t{300}, std::size_t{17}, std::size_t{0}}) {
            Options options;
            options.algorithm = algorithm;
            if (count == 17) options.range = KeyRange::first(1000);
            Matrix<T> a(count, 1), b(count, 1);
            prepared.pool(problem.queries.rows(0, count), Gaussian(w), a.view(), options);
            if (weighted) options.key_weights = weights;
            pool<T>(problem.queries.rows(0, count), problem.keys, problem.values, Gaussian(w), b.view(), options);
            EXPECT_TRUE(same_bits(a, b)) << attnpool::to_string(algorithm) << " w=" << w << " " << count;
          }
      Options options;
      options.range = KeyRange::all_but_self();
      if (weighted) options.key_weights = weights;
      const LossAndGradient want = loss_gradient<T>(problem.keys.in(), problem.keys.in(), problem.values.in(),
                                                    problem.values.in(), Gaussian(3.0), Loss::mean, options);
      EXPECT_EQ(prepared.leave_one_out(Gaussian(3.0), Loss::mean, true).gradient, want.gradient);
      const LossAndGradient loss = prepared.leave_one_out(Gaussian(3.0), Loss::mean, false);
      EXPECT_NEAR(loss.loss, want.loss, 1e-6);
      EXPECT_TRUE(loss.gradient.empty());
    }
    PoolPlan<T> prepared(problem.keys, problem.values);
    Options options;
    options.key_weights = weights;
    Matrix<T> out(300, 1);
    EXPECT_THROW(prepared.pool(problem.queries, Gaussian(1.0), out.view(), options), std::invalid_argument);
  });
}

// Bounds come with every range of keys, also those that only the dense plan serves.
TEST_P(PlanTest, BoundsComeWithEveryRange) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const KeyRange range :
         {KeyRange::causal(), KeyRange::window(5, 9), KeyRange::first(70), KeyRange::all_but_self()})
      for (const Algorithm algorithm : {Algorithm::automatic, Algorithm::dense}) {
        auto problem = problem_of<T>(Layout::uniform, 150, 150, 2);
        problem.options.range = range;
        problem.options.algorithm = algorithm;
        const Answer<T> a = answer(problem);
        expect_within_bounds(problem, a, std::string(attnpool::to_string(algorithm)));
        for (const double bound : a.bounds) EXPECT_GT(bound, 0) << attnpool::to_string(algorithm);
      }
  });
}

// What an object was asked before leaves no trace in later answers.
TEST(Plan, PreparedKeysHaveNoMemory) {
  const std::size_t most = scaled(40'000, 1'000);
  const auto problem = problem_of<double>(Layout::uniform, most, scaled(4'000, 500));
  Options options;
  options.algorithm = Algorithm::grid;
  PoolPlan<double> used(problem.keys, problem.values);
  for (const std::size_t count : {most, std::size_t{30}, most / 20, most})
    for (const double tolerance : {1e-4, 1e-10}) {
      options.tolerance = tolerance;
      PoolPlan<double> fresh(problem.keys, problem.values);
      Matrix<double> a(count, 1), b(count, 1);
      used.pool(problem.queries.rows(0, count), Gaussian(30.0), a.view(), options);
      fresh.pool(problem.queries.rows(0, count), Gaussian(30.0), b.view(), options);
      EXPECT_TRUE(same_bits(a, b)) << count << " " << tolerance;
    }
}

// A million queries, each certificate held against long double; sets how tight it is.
TEST(Plan, AMillionCertificatesHold) {
  const std::size_t key_count = 48, query_count = scaled(1'000'000 / 48, 100);
  double tightest = 0;
  std::size_t checked = 0, fallback_queries = 0;
  for (const Layout layout : layouts)
    for (const double h : {0.01, 0.05, 0.2, 1.0})
      for (const double tolerance : {1e-4, 1e-10}) {
        auto problem =
            problem_of<double>(layout, query_count, key_count, 1, 1, static_cast<std::uint64_t>(100 * h) + 3);
        problem.score = Gaussian(1 / h);
        problem.options.algorithm = Algorithm::grid;
        problem.options.tolerance = tolerance;
        const Answer<double> a = answer(problem);
        tightest = std::max(tightest, expect_within_bounds(problem, a, to_string(layout)));
        checked += query_count;
        fallback_queries += a.report.fallback_queries;
      }
  std::cout << "[ bounds   ] " << checked << " queries, " << fallback_queries << " handed over; the largest error is "
            << tightest << " of its bound\n";
  EXPECT_GT(tightest, 1e-3);  // a bound that says little would be of little use
}

}  // namespace
}  // namespace attnpool::test
