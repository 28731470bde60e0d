// Accuracy over random shapes: never outside the bound of the header, and never worse than twice the plain float formula
// (the rule by which FlashAttention is tested). ATTNPOOL_TEST_SHAPES sets how many shapes, for long runs.
#include <attnpool/attnpool.hpp>
#include <iostream>

#include "isa_param.hpp"
#include "problem.hpp"

namespace attnpool::test {
namespace {

class Accuracy : public IsaTest {};
ATTNPOOL_ON_EVERY_ISA(Accuracy);

std::size_t shape_count() {
  const char* text = std::getenv("ATTNPOOL_TEST_SHAPES");
  return text == nullptr ? scaled(2000, 20) : static_cast<std::size_t>(std::atol(text));
}

/// The formula as one would write it down, all of it in T.
template <class T>
T plain(const Problem<T>& p, std::size_t q, std::size_t v) {
  T top = -std::numeric_limits<T>::infinity(), mass = 0, sum = 0;
  const auto score = [&](std::size_t k) {
    T s = 0;
    for (std::size_t d = 0; d < p.keys.cols(); ++d) {
      const T delta = T(p.score.w_of(d)) * (p.queries(q, d) - p.keys(k, d));
      s -= delta * delta / 2;
    }
    return s;
  };
  for (std::size_t k = 0; k < p.keys.rows(); ++k) top = std::max(top, score(k));
  for (std::size_t k = 0; k < p.keys.rows(); ++k) {
    const T weight = std::exp(score(k) - top);
    mass += weight;
    sum += weight * p.values(k, v);
  }
  return sum / mass;
}

template <class T>
Problem<T> random_problem(Random& random) {
  const auto up_to = [&](double most) { return static_cast<std::size_t>(std::pow(most, random.uniform())); };
  const std::size_t dims = random.below(3) == 0 ? up_to(40) : 1 + random.below(3), cols = 1 + random.below(5);
  auto problem = Problem<T>::random(1 + random.below(20), up_to(400), dims, cols, random.bits());
  std::vector<double> w(random.below(2) == 0 ? 1 : dims);
  const double size = std::pow(10, random.uniform(-2, 1.5)) / std::sqrt(static_cast<double>(dims));
  for (double& each : w) each = size * random.uniform(0.5, 1.5);
  problem.score = Gaussian(w);
  return problem;
}

TEST_P(Accuracy, RandomShapesStayWithinTheBound) {
  double worst = 0;
  for_float_and_double([&](auto zero) {
    using T = decltype(zero);
    Random random(5);
    for (std::size_t i = 0; i < shape_count(); ++i) {
      const auto problem = random_problem<T>(random);
      worst = std::max(worst, expect_pooled(problem, problem.pool()));
    }
  });
  std::cout << "[ accuracy ] " << to_string(active_isa()) << ": " << 2 * shape_count() << " shapes, at most " << worst
            << " of the bound\n";
}

TEST_P(Accuracy, AtMostTwiceTheErrorOfThePlainFormula) {
  double worst = 0;
  for (std::size_t key_count : {1, 3, 17, 100, 1000, 10'000, 100'000, 1'000'000}) {
    key_count = scaled(key_count, std::min<std::size_t>(key_count, 1000));
    for (const double w : {0.1, 1.0, 8.0}) {
      auto problem = Problem<float>::random(key_count > 20'000 ? 2 : 12, key_count, 1, 2);
      problem.score = Gaussian(w);
      const auto got = problem.pool();
      double ours = 0, theirs = 0;
      for (std::size_t q = 0; q < got.rows(); ++q) {
        const OracleRow<float> row(problem.queries, q, problem.keys, problem.score, problem.options.range);
        for (std::size_t v = 0; v < got.cols(); ++v) {
          const Real want = row.pooled(problem.values, v);
          ours = std::max(ours, static_cast<double>(std::abs(Real(got(q, v)) - want)));
          theirs = std::max(theirs, static_cast<double>(std::abs(Real(plain(problem, q, v)) - want)));
        }
      }
      // The result is rounded to a float near 1 in the end, whatever the formula: half a unit is nobody's error.
      EXPECT_LE(ours, 2 * theirs + epsilon<float> / 2) << problem.shape();
      if (theirs > epsilon<float>) worst = std::max(worst, ours / theirs);
    }
  }
  std::cout << "[ accuracy ] " << to_string(active_isa()) << ": at most " << worst
            << " times the error of the plain formula\n";
}

TEST_P(Accuracy, OneSumOverTwoToThe26Keys) {  // a plain float sum stops at 2^24 ones and is wrong by a factor of 4
  const std::size_t chunk = scaled(std::size_t{1} << 20, 1000), chunks = scaled(64);
  Problem<float> problem{Matrix<float>::column({0.5, 3}), random_matrix<float>(chunk, 1, 0, 5, 1),
                         random_matrix<float>(chunk, 1, 0.5, 1.5, 2)};
  problem.score = Gaussian(0.25);
  PoolState<float> once(problem.queries, 1, problem.score), all = once;
  for (std::size_t i = 0; i < chunks; ++i) all.update(problem.keys, problem.values);
  Matrix<float> out(2, 1);
  float mass[2];
  all.finish(out.view());
  all.log_sum_exp(mass);
  for (std::size_t q = 0; q < 2; ++q) {
    const OracleRow<float> row(problem.queries, q, problem.keys, problem.score, KeyRange::all());
    const auto want = static_cast<double>(row.pooled(problem.values, 0));
    EXPECT_NEAR(out(q, 0) / want, 1, 1e-6) << "the mean of equal chunks is that of one";
    const double sum =
        std::exp(static_cast<double>(mass[q]) - static_cast<double>(row.log_sum_exp)) / static_cast<double>(chunks);
    EXPECT_NEAR(sum, 1, 1e-5);
  }
}

}  // namespace
}  // namespace attnpool::test
