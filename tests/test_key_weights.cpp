// Key weights of any ratio: every answer is the weighted mean of the formula in real numbers, by every plan, in states,
// gradients and attention weights; options are honoured or refused, and those that only observe change no bit.
#include <attnpool/pool_plan.hpp>
#include <attnpool/reference.hpp>
#include <attnpool/state.hpp>
#include <cmath>
#include <functional>
#include <limits>

#include "isa_param.hpp"
#include "problem.hpp"

namespace attnpool::test {
namespace {

class KeyWeights : public IsaTest {};
ATTNPOOL_ON_EVERY_ISA(KeyWeights);

struct Pattern {
  const char* name;
  std::function<double(std::size_t k, std::size_t count)> weight;
};
const std::vector<Pattern> patterns = {
    {"decay by 2^-7", [](std::size_t k, std::size_t) { return std::exp2(-7.0 * static_cast<double>(k % 150)); }},
    {"decay by a third", [](std::size_t k, std::size_t) { return std::pow(3.0, -static_cast<double>(k)); }},
    {"one heavy key", [](std::size_t k, std::size_t n) { return k == n / 2 ? 1e300 : 1e-300; }},
    {"subnormal", [](std::size_t k, std::size_t) { return 4.9406564584124654e-324 * static_cast<double>(1 + k % 9); }},
    {"from smallest to largest",
     [](std::size_t k, std::size_t n) { return std::ldexp(1.5, -1074 + static_cast<int>(2090 * k / n)); }},
    {"many zeros", [](std::size_t k, std::size_t) { return k % 7 == 3 ? std::exp2(-static_cast<double>(k)) : 0; }},
    {"equal and tiny", [](std::size_t, std::size_t) { return 1e-310; }},
};

std::vector<double> weights_of(const Pattern& pattern, std::size_t count) {
  std::vector<double> weights(count);
  for (std::size_t k = 0; k < count; ++k) weights[k] = pattern.weight(k, count);
  return weights;
}

// Keys in the order of their weights along the first dimension, so that light keys are alone with their queries.
template <class T>
Problem<T> spread_out(std::size_t queries, std::size_t keys, std::size_t dims, std::size_t cols) {
  auto problem = Problem<T>::random(queries, keys, dims, cols, dims + 7 * cols);
  for (std::size_t k = 0; k < keys; ++k)
    problem.keys(k, 0) = static_cast<T>(40.0 * static_cast<double>(k) / double(keys));
  for (std::size_t q = 0; q < queries; ++q)
    problem.queries(q, 0) = static_cast<T>(-2 + 44.0 * static_cast<double>(q) / double(queries));
  problem.score = Gaussian::from_bandwidth(0.3);
  return problem;
}

// The answer and its own bounds against the oracle.
template <class T>
void expect_within_own_bounds(const Problem<T>& problem, const std::string& what) {
  std::vector<double> bounds(problem.queries.rows(), -1);
  Report report;
  Matrix<T> out(problem.queries.rows(), problem.values.cols());
  Options options = problem.options;
  options.error_bounds = bounds;
  options.report = &report;
  pool<T>(problem.queries, problem.keys, problem.values, problem.score, out.view(), options);
  Mismatches mismatches(what + " " + problem.shape());
  for (std::size_t q = 0; q < problem.queries.rows(); ++q) {
    const OracleRow<T> row(problem.queries, q, problem.keys, problem.score, options.range, options.key_weights);
    for (std::size_t v = 0; v < problem.values.cols(); ++v) {
      const Real want = row.pooled(problem.values, v);
      const double allowed = bounds[q] * value_range(problem.values, v) + epsilon<T>;
      if (row.visible.empty()) {
        mismatches.check(std::isnan(out(q, v)) && std::isnan(bounds[q]), at(q, v), out(q, v), want);
      } else {
        mismatches.check(static_cast<double>(std::abs(Real(out(q, v)) - want)), allowed, at(q, v), out(q, v), want);
        EXPECT_LE(bounds[q], 0.05) << what << " query " << q << ": a bound that says nothing";
      }
    }
  }
}

TEST_P(KeyWeights, EveryPlanGivesTheWeightedMeanWhateverTheRatio) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const Pattern& pattern : patterns)
      for (const std::size_t dims : {1, 2, 4})
        for (const Algorithm algorithm : {Algorithm::dense, Algorithm::pruned, Algorithm::grid})
          for (const bool leave_one_out : {false, true}) {
            if (algorithm == Algorithm::grid && dims > 3) continue;
            auto problem = spread_out<T>(70, 300, dims, dims == 2 ? 3 : 1);
            if (leave_one_out) problem.queries = problem.keys;
            const std::vector<double> weights = weights_of(pattern, 300);
            problem.options.key_weights = weights;
            problem.options.algorithm = algorithm;
            if (leave_one_out) problem.options.range = KeyRange::all_but_self();
            expect_within_own_bounds(problem, std::string(pattern.name) + ", " + to_string(algorithm));
          }
  });
}

TEST_P(KeyWeights, RangesAndManyKeysToo) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const Pattern& pattern : patterns)
      for (const KeyRange& range :
           {KeyRange::first(120), KeyRange::causal(), KeyRange::window(5, 3), KeyRange::all_but_self(2)}) {
        auto problem = spread_out<T>(150, 150, 1, 2);
        const std::vector<double> weights = weights_of(pattern, 150);
        problem.options.key_weights = weights;
        problem.options.range = range;
        expect_within_own_bounds(problem, pattern.name);
      }
    auto many = spread_out<T>(3, 20000, 1, 1);  // threads share the chunks of keys
    std::vector<double> weights(20000);
    for (std::size_t k = 0; k < weights.size(); ++k) weights[k] = std::exp2(-static_cast<double>(k) / 20);
    many.options.key_weights = weights;
    many.options.threads = 2;
    many.options.algorithm = Algorithm::dense;
    expect_within_own_bounds(many, "many keys");
  });
}

TEST_P(KeyWeights, ScalesByPowersOfTwoChangeNoBit) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const Algorithm algorithm : {Algorithm::dense, Algorithm::pruned, Algorithm::grid}) {
      auto problem = spread_out<T>(70, 300, 1, 1);
      std::vector<double> weights(300), scaled(300);
      Random random(5);
      for (double& c : weights) c = random.uniform(0.1, 3);
      problem.options.algorithm = algorithm;
      problem.options.key_weights = weights;
      const Matrix<T> want = problem.pool();
      for (const int exponent : {-1000, -300, 1, 300, 1000}) {
        for (std::size_t k = 0; k < 300; ++k) scaled[k] = std::ldexp(weights[k], exponent);
        problem.options.key_weights = scaled;
        EXPECT_TRUE(same_bits(problem.pool(), want)) << to_string(algorithm) << " 2^" << exponent;
      }
    }
  });
}

TEST_P(KeyWeights, StatesOfAnyWeightsMerge) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const Pattern& pattern : patterns) {
      const auto problem = spread_out<T>(40, 210, 1, 2);
      const std::vector<double> weights = weights_of(pattern, 210);
      PoolState<T> forwards(problem.queries, 2, problem.score), backwards(problem.queries, 2, problem.score);
      for (std::size_t i = 0; i < 3; ++i)
        for (PoolState<T>* state : {&forwards, &backwards}) {
          const std::size_t first = 70 * (state == &forwards ? i : 2 - i);
          Options options;
          options.key_weights = std::span(weights).subspan(first, 70);
          PoolState<T> part(problem.queries, 2, problem.score);
          part.update(problem.keys.rows(first, 70), problem.values.rows(first, 70), options);
          state->merge(part);
        }
      for (const PoolState<T>* state : {&forwards, &backwards}) {
        Matrix<T> out(40, 2);
        state->finish(out.view());
        std::vector<T> lse(40);
        state->log_sum_exp(lse.data());
        Mismatches mismatches(std::string("state, ") + pattern.name);
        for (std::size_t q = 0; q < 40; ++q) {
          const OracleRow<T> row(problem.queries, q, problem.keys, problem.score, KeyRange::all(), weights);
          const double bound = 4 * pool_error<T>(1, reach(problem, q));
          for (std::size_t v = 0; v < 2; ++v)
            mismatches.check(static_cast<double>(std::abs(Real(out(q, v)) - row.pooled(problem.values, v))),
                             bound * value_range(problem.values, v) + epsilon<T>, at(q, v), out(q, v),
                             row.pooled(problem.values, v));
          mismatches.check(std::abs(static_cast<double>(Real(lse[q]) - row.log_sum_exp)),
                           bound + 4 * epsilon<T> * (1 + std::abs(static_cast<double>(row.log_sum_exp))), q, lse[q],
                           row.log_sum_exp);
        }
      }
    }
  });
}

TEST_P(KeyWeights, GradientsAreThoseOfTheFormula) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const Pattern& pattern : patterns)
      for (const std::size_t dims : {1, 2}) {
        auto problem = spread_out<T>(60, 60, dims, 1);
        problem.queries = problem.keys;
        if (dims == 2) problem.score = Gaussian({3.0, 0.5});
        const std::vector<double> weights = weights_of(pattern, 60);
        problem.options.key_weights = weights;
        problem.options.range = KeyRange::all_but_self();
        Matrix<T> out(60, 1), gradient(60, dims);
        pool_gradient<T>(problem.queries, problem.keys, problem.values, problem.score, out.view(), gradient.view(),
                         problem.options);
        Mismatches mismatches(std::string("gradient, ") + pattern.name);
        for (std::size_t q = 0; q < 60; ++q) {
          const OracleRow<T> row(problem.queries, q, problem.keys, problem.score, problem.options.range, weights);
          const OracleGradient want =
              oracle_gradient<T>(row, problem.queries, q, problem.keys, problem.values, problem.score);
          const double bound = 4 * pool_error<T>(dims, reach(problem, q));
          for (std::size_t d = 0; d < dims; ++d)
            mismatches.check(static_cast<double>(std::abs(Real(gradient(q, d)) - want.gradient[d])),
                             bound * (static_cast<double>(want.size[d]) + 64 / problem.score.w_of(d)) + epsilon<T>,
                             at(q, d), gradient(q, d), want.gradient[d]);
        }
      }
  });
}

TEST_P(KeyWeights, AttentionWeightsKnowThem) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const Pattern& pattern : patterns) {
      const auto problem = spread_out<T>(30, 90, 1, 1);
      const std::vector<double> weights = weights_of(pattern, 90);
      Options options;
      options.key_weights = weights;
      Matrix<T> got(30, 90), reference(30, 90);
      attention_weights<T>(problem.queries, problem.keys, problem.score, got.view(), options);
      reference::attention_weights<T>(problem.queries, problem.keys, problem.score, reference.view(), options);
      Mismatches mismatches(std::string("weights, ") + pattern.name);
      for (std::size_t q = 0; q < 30; ++q) {
        const OracleRow<T> row(problem.queries, q, problem.keys, problem.score, KeyRange::all(), weights);
        std::vector<Real> want(90, 0);
        for (std::size_t i = 0; i < row.visible.size(); ++i) want[row.visible[i]] = row.p[i];
        for (std::size_t k = 0; k < 90; ++k) {
          // A weight is 2^-e, e a difference of squared distances that may nearly cancel: its relative error is a few
          // roundings of those.
          const auto square = [&](std::size_t key) {
            const double delta = problem.score.w_of(0) * (double(problem.queries(q, 0)) - double(problem.keys(key, 0)));
            return delta * delta / 2;
          };
          const double tiny = 2 * std::numeric_limits<T>::min(), roundings = 8 + 4 * (square(k) + square(row.nearest));
          mismatches.check(static_cast<double>(std::abs(Real(got(q, k)) - want[k])),
                           roundings * epsilon<T> * static_cast<double>(want[k]) + tiny, at(q, k), got(q, k), want[k]);
          mismatches.check(static_cast<double>(std::abs(Real(reference(q, k)) - want[k])),
                           2 * epsilon<T> + 1e-12 * static_cast<double>(want[k]), at(q, k), reference(q, k), want[k]);
        }
      }
    }
  });
}

TEST_P(KeyWeights, ObserversChangeNoBit) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const std::size_t keys : {100, 32767, 32768, 33000})
      for (std::size_t queries = 1; queries <= 5; ++queries)
        for (const Algorithm algorithm : {Algorithm::automatic, Algorithm::dense}) {
          auto problem = Problem<T>::random(queries, keys, 1, 2, keys + queries);
          problem.options.algorithm = algorithm;
          const Matrix<T> want = problem.pool();
          Report report;
          std::vector<double> bounds(queries, -1);
          problem.options.report = &report;
          EXPECT_TRUE(same_bits(problem.pool(), want)) << problem.shape() << " with a report";
          problem.options.error_bounds = bounds;
          EXPECT_TRUE(same_bits(problem.pool(), want)) << problem.shape() << " with bounds";
          for (const double bound : bounds) EXPECT_TRUE(bound > 0 && bound <= report.error_bound) << problem.shape();
          problem.options.report = nullptr;
          EXPECT_TRUE(same_bits(problem.pool(), want)) << problem.shape() << " with bounds only";
          expect_within_own_bounds(problem, "few queries");
        }
  });
}

template <class Call>
void expect_refused(Call call, const std::string& message) {
  try {
    call();
    ADD_FAILURE() << "accepted; expected: " << message;
  } catch (const std::invalid_argument& error) {
    EXPECT_EQ(error.what(), message);
  }
}

TEST(KeyWeights, WhatAFunctionDoesNotUseIsRefusedByName) {
  const auto p = Problem<double>::random(6, 6);
  Matrix<double> out(6, 1), square(6, 6);
  std::vector<double> some(6, 1.0);
  Report report;
  const auto each = [&](const std::string& function, const std::vector<std::string>& unused, const auto& call) {
    const std::vector<std::pair<std::string, std::function<void(Options&)>>> options = {
        {"range", [](Options& o) { o.range = KeyRange::causal(); }},
        {"key_weights", [&](Options& o) { o.key_weights = some; }},
        {"algorithm", [](Options& o) { o.algorithm = Algorithm::pruned; }},
        {"tolerance", [](Options& o) { o.tolerance = 1e-3; }},
        {"error_bounds", [&](Options& o) { o.error_bounds = some; }},
        {"report", [&](Options& o) { o.report = &report; }}};
    for (const auto& [option, set] : options) {
      if (std::find(unused.begin(), unused.end(), option) == unused.end()) continue;
      Options with;
      set(with);
      expect_refused([&] { call(with); }, option + ": is not an option of " + function + "()");
    }
  };
  const std::vector<std::string> all = {"range", "key_weights", "algorithm", "tolerance", "error_bounds", "report"},
                                 but_keys = {"algorithm", "tolerance", "error_bounds", "report"};
  each("softmax", all, [&](const Options& o) { softmax<double>(p.keys, out.view(), o); });
  each("log_sum_exp", all, [&](const Options& o) { log_sum_exp<double>(p.keys, out.data(), o); });
  each("attention_weights", but_keys,
       [&](const Options& o) { attention_weights<double>(p.queries, p.keys, p.score, square.view(), o); });
  each("pool_gradient", {"error_bounds"}, [&](const Options& o) {
    Matrix<double> gradient(6, 1);
    pool_gradient<double>(p.queries, p.keys, p.values, p.score, out.view(), gradient.view(), o);
  });
  each("loss_gradient", {"error_bounds"},
       [&](const Options& o) { loss_gradient<double>(p.queries, p.keys, p.values, p.values, p.score, Loss::mean, o); });
  each("PoolState::update", but_keys,
       [&](const Options& o) { PoolState<double>(p.queries, 1, p.score).update(p.keys, p.values, o); });
  each("leave_one_out", {"range", "error_bounds"},
       [&](const Options& o) { PoolPlan<double>(p.keys, p.values).leave_one_out(p.score, Loss::mean, false, o); });
  each("reference::pool", but_keys,
       [&](const Options& o) { reference::pool<double>(p.queries, p.keys, p.values, p.score, out.view(), o); });
}

TEST(KeyWeights, ReportOfABatchCoversAllProblems) {
  const auto p = Problem<double>::random(40, 40);
  Matrix<double> out(40, 1);
  Report report;
  std::vector<double> bounds(40, -1);
  Options options;
  options.report = &report;
  options.error_bounds = bounds;
  pool_batch<double>(4, p.queries, p.keys, p.values, p.score, out.view(), options);
  EXPECT_EQ(report.algorithm, Algorithm::dense);
  EXPECT_EQ(report.error_bound, *std::max_element(bounds.begin(), bounds.end()));
}

}  // namespace
}  // namespace attnpool::test
