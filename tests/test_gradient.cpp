// pool_gradient() and loss_gradient(): a hand-derived case, finite differences, the oracle, and the ends of the range
// of w.
#include <attnpool/gradient.hpp>
#include <limits>

#include "isa_param.hpp"
#include "problem.hpp"

namespace attnpool::test {
namespace {

class Gradient : public IsaTest {};
ATTNPOOL_ON_EVERY_ISA(Gradient);

template <class T>
struct PoolAndGradient {
  Matrix<T> out, gradient;
  explicit PoolAndGradient(const Problem<T>& problem)
      : out(problem.queries.rows(), problem.values.cols()),
        gradient(problem.queries.rows(), problem.score.w().size() * problem.values.cols()) {
    pool_gradient<T>(problem.queries, problem.keys, problem.values, problem.score, out.view(), gradient.view(),
                     problem.options);
  }
};

/// Both results against the oracle. The gradient is a sum of p_k (v_k - out) t_k, t_k = w delta_k^2 relative to the
/// nearest key. p_k and out are wrong by at most pool_error() relative to 1 and to the value range; t_k, from the same
/// coordinates, by the same share of the largest w delta^2 that carries weight. Hence 4 pool_error * (the size of the
/// terms, in which the nearest key's own t is the unit that rounding sees) with one eps of the result.
template <class T>
void expect_gradient(const Problem<T>& problem) {
  const PoolAndGradient<T> got(problem);
  expect_pooled(problem, got.out);
  Mismatches mismatches("gradient " + problem.shape());
  const std::size_t value_cols = problem.values.cols();
  for (std::size_t q = 0; q < problem.queries.rows(); ++q) {
    const OracleRow<T> row(problem.queries, q, problem.keys, problem.score, problem.options.range);
    const OracleGradient want =
        oracle_gradient<T>(row, problem.queries, q, problem.keys, problem.values, problem.score);
    const double bound = 4 * pool_error<T>(problem.keys.cols(), reach(problem, q));
    for (std::size_t i = 0; i < want.gradient.size(); ++i) {
      const double range = value_range(problem.values, i % value_cols);
      double unit = 0;  // w delta^2 of the nearest key
      for (std::size_t d = 0; d < problem.keys.cols() && !row.visible.empty(); ++d) {
        if (!problem.score.is_scalar() && d != i / value_cols) continue;
        const double delta = double(problem.queries(q, d)) - double(problem.keys(row.nearest, d));
        unit += std::abs(problem.score.w_of(d)) * delta * delta;
      }
      double carried = 0;  // mean of |t| under the weights
      for (std::size_t j = 0; j < row.visible.size(); ++j)
        for (std::size_t d = 0; d < problem.keys.cols(); ++d) {
          if (!problem.score.is_scalar() && d != i / value_cols) continue;
          const double delta = double(problem.queries(q, d)) - double(problem.keys(row.visible[j], d));
          carried += double(row.p[j]) * std::abs(problem.score.w_of(d)) * delta * delta;
        }
      const double allowed = bound * range * (unit + carried) + epsilon<T> * std::abs(double(want.gradient[i])) +
                             std::numeric_limits<T>::min();
      if (row.visible.empty())
        mismatches.check(std::isnan(got.gradient(q, i)), at(q, i), got.gradient(q, i), "NaN");
      else
        mismatches.check(std::abs(double(got.gradient(q, i) - want.gradient[i])), allowed, at(q, i), got.gradient(q, i),
                         want.gradient[i]);
    }
  }
}

TEST_P(Gradient, TwoKeysByHand) {
  // Keys 0 and 1, values 0 and 1, query x: out = s(u) = 1 / (1 + e^-u) with u = score_1 - score_0 = w^2/2 (x^2 -
  // (x-1)^2) = w^2 (x - 1/2), so d out / d w = s (1 - s) 2 w (x - 1/2).
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const double w : {0.5, 1.0, -1.0, 2.0})
      for (const double x : {-1.0, 0.0, 0.25, 0.5, 0.75, 2.0}) {
        Problem<T> problem{Matrix<T>::column({x}), Matrix<T>::column({0, 1}), Matrix<T>::column({0, 1}), Gaussian(w)};
        const PoolAndGradient<T> got(problem);
        const double s = 1 / (1 + std::exp(-w * w * (x - 0.5)));
        const double bound = 16 * epsilon<T> * (1 + w * w * (1 + x * x));
        EXPECT_NEAR(got.out(0, 0), s, bound) << "w=" << w << " x=" << x;
        EXPECT_NEAR(got.gradient(0, 0), s * (1 - s) * 2 * w * (x - 0.5), bound) << "w=" << w << " x=" << x;
      }
  });
}

TEST_P(Gradient, EveryShape) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const std::size_t query_count : tail_counts)
      for (const std::size_t key_count : {1, 2, 3, 7, 16, 17, 129, 257, 3000}) {
        if (query_count * key_count > scaled(100'000)) continue;
        expect_gradient(Problem<T>::random(query_count, key_count, 1, 1));
      }
  });
}

TEST_P(Gradient, EveryDimensionByEveryValueColumn) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const std::size_t dims : {1, 2, 3, 4, 8, 9, 33})
      for (const std::size_t value_cols : {1, 2, 3, 5, 8, 9, 33})
        for (const bool scalar_w : {true, false}) {
          if (test_scale() >= 100 && dims * value_cols > 100) continue;
          auto problem = Problem<T>::random(11, 40, dims, value_cols);
          std::vector<double> w(scalar_w ? 1 : dims);
          for (std::size_t d = 0; d < w.size(); ++d)
            w[d] = (d % 3 == 1 ? -1 : 1) * (0.3 + 0.1 * static_cast<double>(d % 4));
          problem.score = Gaussian(w);
          expect_gradient(problem);
        }
  });
}

TEST_P(Gradient, EveryBandwidth) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const double w : {0.0, 1e-3, -0.1, 1.0, 10.0, 300.0}) {
      auto problem = Problem<T>::random(33, 200, 2, 2);
      problem.score = Gaussian(w);
      expect_gradient(problem);
    }
  });
}

TEST_P(Gradient, EveryRange) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const KeyRange range : {KeyRange::first(7), KeyRange::first(0), KeyRange::causal(), KeyRange::causal(-3),
                                 KeyRange::window(2, 3), KeyRange::all_but_self(), KeyRange::all_but_self(5)})
      for (const std::size_t key_count : {1, 20, 300}) {
        auto problem = Problem<T>::random(21, key_count, 2, 2);
        problem.options.range = range;
        expect_gradient(problem);
      }
  });
}

TEST_P(Gradient,
       CentralDifferences) {  // needs no formula: (out(w + h) - out(w - h)) / 2h is wrong by h^2 and by eps / h
  for (const std::size_t p : {0, 1, 2}) {
    auto problem = Problem<double>::random(20, 60, 3, 2);
    const std::vector<double> w = {0.6, -0.9, 1.3};
    problem.score = Gaussian(w);
    const PoolAndGradient<double> got(problem);
    constexpr double h = 1e-5;
    std::vector<double> up = w, down = w;
    up[p] += h, down[p] -= h;
    problem.score = Gaussian(up);
    const auto out_up = problem.pool();
    problem.score = Gaussian(down);
    const auto out_down = problem.pool();
    for (std::size_t q = 0; q < 20; ++q)
      for (std::size_t v = 0; v < 2; ++v)
        EXPECT_NEAR(got.gradient(q, p * 2 + v), (out_up(q, v) - out_down(q, v)) / (2 * h), 1e-7)
            << at(q, v) << " p=" << p;
  }
}

TEST_P(Gradient, ScalarWIsTheSumOverDimensions) {
  auto problem = Problem<double>::random(20, 60, 3, 2);
  problem.score = Gaussian(0.8);
  const PoolAndGradient<double> scalar(problem);
  problem.score = Gaussian({0.8, 0.8, 0.8});
  const PoolAndGradient<double> each(problem);
  for (std::size_t q = 0; q < 20; ++q)
    for (std::size_t v = 0; v < 2; ++v)
      EXPECT_NEAR(scalar.gradient(q, v), each.gradient(q, v) + each.gradient(q, 2 + v) + each.gradient(q, 4 + v),
                  1e-12);
}

TEST_P(Gradient, ZeroAtZeroW) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    auto problem = Problem<T>::random(20, 60, 2, 2);
    problem.score = Gaussian(0.0);
    const PoolAndGradient<T> all(problem);
    problem.score = Gaussian({0.0, 0.7});
    const PoolAndGradient<T> one(problem);
    for (std::size_t q = 0; q < 20; ++q)
      for (std::size_t v = 0; v < 2; ++v) {
        EXPECT_EQ(all.gradient(q, v), 0) << at(q, v);
        EXPECT_EQ(one.gradient(q, v), 0) << at(q, v);
        EXPECT_NE(one.gradient(q, 2 + v), 0) << at(q, v);
      }
  });
}

TEST_P(Gradient, FarFromEveryKeyItVanishes) {  // one key has all the weight: the covariance of a constant
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const double distance : {1e3, 1e6, 1e10}) {
      auto problem = Problem<T>::random(5, 30, 1, 1);
      for (std::size_t k = 0; k < 30; ++k) problem.keys(k, 0) = static_cast<T>(k);
      problem.queries.fill(static_cast<T>(distance));
      const PoolAndGradient<T> got(problem);
      for (std::size_t q = 0; q < 5; ++q) {
        EXPECT_NEAR(got.out(q, 0), problem.values(29, 0), 2 * epsilon<T>) << "distance " << distance;
        EXPECT_LE(std::abs(got.gradient(q, 0)), 1e-30) << "distance " << distance;
      }
    }
  });
}

TEST_P(Gradient, FarFromEveryKeyTiesStillHaveOne) {
  // Keys 0 and 1e-3 with values 0 and 1, query 1000: u = w^2 (x - 5e-4) 1e-3 = 0.9999995 w^2 decides, though both
  // scores are -500,000. d out / d w = s (1 - s) 2 w * 0.9999995 by the formula above.
  Problem<double> problem{Matrix<double>::column({1000}), Matrix<double>::column({0, 1e-3}),
                          Matrix<double>::column({0, 1})};
  const PoolAndGradient<double> got(problem);
  const double u = (1000 - 5e-4) * 1e-3, s = 1 / (1 + std::exp(-u));
  const double bound = 4 * pool_error<double>(1, 1000);
  EXPECT_NEAR(got.out(0, 0), s, bound);
  EXPECT_NEAR(got.gradient(0, 0), s * (1 - s) * 2 * u, bound * 1e6);  // t = w delta^2 = 1e6 is what rounding sees
}

TEST_P(Gradient, NaNWhereThePredictionIs) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    auto problem = Problem<T>::random(9, 20, 1, 2);
    problem.queries(3, 0) = std::numeric_limits<T>::quiet_NaN();
    problem.values(7, 1) = std::numeric_limits<T>::quiet_NaN();
    const PoolAndGradient<T> got(problem);
    for (std::size_t q = 0; q < 9; ++q)
      for (std::size_t v = 0; v < 2; ++v) {
        EXPECT_EQ(std::isnan(got.out(q, v)), q == 3 || v == 1) << at(q, v);
        EXPECT_EQ(std::isnan(got.gradient(q, v)), q == 3 || v == 1) << at(q, v);
      }
  });
}

TEST_P(Gradient, PredictionsAreThoseOfPool) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const auto problem = Problem<T>::random(40, 500, 2, 3);
    const PoolAndGradient<T> got(problem);
    const auto out = problem.pool();
    for (std::size_t q = 0; q < 40; ++q)
      for (std::size_t v = 0; v < 3; ++v)
        EXPECT_NEAR(got.out(q, v), out(q, v), 2 * 2 * pool_error<T>(2, reach(problem, q))) << at(q, v);
  });
}

TEST_P(Gradient, StridesBetweenGuardPagesGiveTheSameBits) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const Edge edge : {Edge::end, Edge::begin})
      for (const std::size_t query_count : {1, 5, 17})
        for (const std::size_t key_count : {1, 3, 18, 150})
          for (const std::size_t cols : {1, 2, 5}) {
            auto problem = Problem<T>::random(query_count, key_count, cols, cols);
            const PoolAndGradient<T> packed(problem);
            problem.queries = problem.queries.restrided(cols + 1, edge);
            problem.keys = problem.keys.restrided(cols + 2, edge);
            problem.values = problem.values.restrided(cols + 3, edge);
            Matrix<T> out(query_count, cols, cols + 4, edge), gradient(query_count, cols, cols + 5, edge);
            pool_gradient<T>(problem.queries, problem.keys, problem.values, problem.score, out.view(), gradient.view());
            EXPECT_TRUE(same_bits(out, packed.out) && out.gaps_untouched()) << problem.shape();
            EXPECT_TRUE(same_bits(gradient, packed.gradient) && gradient.gaps_untouched()) << problem.shape();
          }
  });
}

TEST_P(Gradient, LossAndItsGradient) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const Loss loss : {Loss::half_sum, Loss::mean})
      for (const bool scalar_w : {true, false})
        for (const std::size_t key_count : {std::size_t{2}, std::size_t{50}, scaled(700, 70)}) {
          auto problem = Problem<T>::random(key_count, key_count, 2, 2);
          problem.queries = problem.keys;
          problem.options.range = KeyRange::all_but_self();
          problem.score = scalar_w ? Gaussian(1.3) : Gaussian({1.3, 0.4});
          const auto got = loss_gradient<T>(problem.queries, problem.keys, problem.values, problem.values,
                                            problem.score, loss, problem.options);
          const auto want = oracle_loss(problem, problem.values, loss);
          // Each prediction is wrong by pool_error * 2, each error at most 2, so each square by 8 pool_error; the loss
          // of these random values is about 1 per entry. Gradients carry t = w delta^2 <= 1.3 * 25 for pairs that have
          // weight.
          const double terms = loss == Loss::mean ? 1 : static_cast<double>(key_count * 2) / 2;
          const double bound = 8 * pool_error<T>(2, 1.3 * 2.5) * terms;
          EXPECT_NEAR(got.loss, double(want.loss), bound) << problem.shape();
          ASSERT_EQ(got.gradient.size(), want.gradient.size());
          for (std::size_t p = 0; p < want.gradient.size(); ++p)
            EXPECT_NEAR(got.gradient[p], double(want.gradient[p]), 2 * bound * 33) << problem.shape() << " p=" << p;
        }
  });
}

TEST_P(Gradient, LossOfAQueryWithoutKeysIsNaN) {
  auto problem = Problem<double>::random(4, 4);
  problem.options.range = KeyRange::causal(-1);
  const auto got = loss_gradient<double>(problem.queries, problem.keys, problem.values, problem.values, problem.score,
                                         Loss::mean, problem.options);
  EXPECT_TRUE(std::isnan(got.loss));
}

TEST_P(Gradient, ThreadsDoNotChangeTheBits) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const std::size_t query_count : {1, 3, 200}) {  // large enough to be worth several threads
      auto problem = Problem<T>::random(query_count, scaled(900'000, 3000) / query_count, 2, 2);
      problem.score = Gaussian({0.7, 1.1});
      problem.options.threads = 1;
      const PoolAndGradient<T> want(problem);
      const auto targets = random_matrix<T>(query_count, 2, -1, 1, 8);
      const auto loss = [&] {
        return loss_gradient<T>(problem.queries, problem.keys, problem.values, targets, problem.score, Loss::mean,
                                problem.options);
      };
      const LossAndGradient want_loss = loss();
      for (const int threads : {2, 3, 16}) {
        problem.options.threads = threads;
        const PoolAndGradient<T> got(problem);
        EXPECT_TRUE(same_bits(got.out, want.out) && same_bits(got.gradient, want.gradient))
            << threads << " " << problem.shape();
        const LossAndGradient got_loss = loss();
        EXPECT_EQ(got_loss.loss, want_loss.loss) << threads << " threads " << problem.shape();
        EXPECT_EQ(got_loss.gradient, want_loss.gradient) << threads << " threads " << problem.shape();
      }
    }
  });
}

}  // namespace
}  // namespace attnpool::test
