// attnpool::reference against the long double oracle: the yardstick of the benchmarks is itself measured.
#include <attnpool/reference.hpp>
#include <limits>

#include "inputs.hpp"
#include "problem.hpp"

namespace attnpool::test {
namespace {

// Inside, the references are double: scores of a reach r are wrong by a few 2^-53 r^2, one reading of
// pool_error<double>.
template <class T>
double reference_bound(const Problem<T>& problem, std::size_t q, double want) {
  return pool_error<double>(problem.keys.cols(), reach(problem, q)) * 2 + ulp_at<T>(want) / 2;
}

template <class T, class Check>
void for_each_problem(Check check) {
  for (const KeyRange range : {KeyRange::all(), KeyRange::first(5), KeyRange::first(0), KeyRange::causal(2),
                               KeyRange::window(2, 3), KeyRange::all_but_self()})
    for (const std::size_t key_count : {1, 2, 17, 200})
      for (const std::size_t dims : {1, 3})
        for (const bool scalar_w : {true, false}) {
          auto problem = Problem<T>::random(23, key_count, dims, 2);
          problem.options.range = range;
          problem.score = scalar_w ? Gaussian(1.2) : Gaussian(std::vector<double>(dims, 0.9));
          check(problem);
        }
}

TEST(Reference, Exp) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    Random random(1);
    Mismatches mismatches("reference::exp");
    for (int i = 0; i < 10'000; ++i) {
      const T x = static_cast<T>(random.uniform(-800, 720));
      T got;
      reference::exp<T>(&x, &got, 1);
      mismatches.check(ulp_error<T>(got, std::exp(Real(x))), 1, x, got, std::exp(Real(x)));
    }
  });
}

TEST(Reference, SoftmaxAndLogSumExp) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const std::size_t cols : {1, 2, 7, 100, 5000}) {
      const auto scores = random_matrix<T>(3, cols, -20, 20, cols).restrided(cols + 1);
      Matrix<T> out(3, cols);
      T lse[3];
      reference::softmax<T>(scores, out.view());
      reference::log_sum_exp<T>(scores, lse);
      Mismatches mismatches("reference::softmax cols=" + std::to_string(cols));
      for (std::size_t r = 0; r < 3; ++r) {
        const auto want = oracle_softmax(&scores(r, 0), cols);
        for (std::size_t c = 0; c < cols; ++c)
          // x - max, of up to 40, is wrong by half of 2^-47; the sum by a unit in the last place for each eighth
          // addition.
          mismatches.check(std::abs(double(out(r, c) - want[c])),
                           (4 + 16 + double(cols) / 8) * 0x1p-52 * double(want[c]) + ulp_at<T>(want[c]), at(r, c),
                           out(r, c), want[c]);
        const Real sum = oracle_log_sum_exp(&scores(r, 0), cols);
        mismatches.check(std::abs(double(lse[r] - sum)), double(cols) * 0x1p-53 + 2 * ulp_at<T>(sum), r, lse[r], sum);
      }
    }
    const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
    const auto special = Matrix<T>::of(4, 2, {-inf, -inf, inf, 0, nan, 0, -inf, 3});
    Matrix<T> out(4, 2);
    T lse[4];
    reference::softmax<T>(special, out.view());
    reference::log_sum_exp<T>(special, lse);
    for (const std::size_t r : {0, 1, 2}) EXPECT_TRUE(std::isnan(out(r, 0)) && std::isnan(out(r, 1))) << "row " << r;
    EXPECT_EQ(out(3, 0), 0);
    EXPECT_EQ(out(3, 1), 1);
    EXPECT_EQ(lse[0], -inf);
    EXPECT_EQ(lse[1], inf);
    EXPECT_TRUE(std::isnan(lse[2]));
    EXPECT_EQ(lse[3], 3);
  });
}

TEST(Reference, Pool) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for_each_problem<T>([](const Problem<T>& problem) {
      Matrix<T> out(23, 2);
      reference::pool<T>(problem.queries, problem.keys, problem.values, problem.score, out.view(), problem.options);
      Mismatches mismatches("reference::pool " + problem.shape());
      for (std::size_t q = 0; q < 23; ++q) {
        const OracleRow<T> row(problem.queries, q, problem.keys, problem.score, problem.options.range);
        for (std::size_t v = 0; v < 2; ++v) {
          const Real want = row.pooled(problem.values, v);
          const bool both_nan = std::isnan(want) && std::isnan(out(q, v));
          mismatches.check(both_nan ? 0 : std::abs(double(out(q, v) - want)),
                           both_nan ? 0 : reference_bound(problem, q, double(want)), at(q, v), out(q, v), want);
        }
      }
    });
  });
}

TEST(Reference, PoolFarFromEveryKey) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (double distance = 1e3; distance < 1e15; distance *= 100) {  // beyond, double no longer tells the keys apart
      const Problem<T> problem{Matrix<T>::column({distance, -distance}), Matrix<T>::column({3, 0, 5, 1}),
                               Matrix<T>::column({1, 2, 3, 4})};
      Matrix<T> out(2, 1);
      reference::pool<T>(problem.queries, problem.keys, problem.values, problem.score, out.view());
      EXPECT_EQ(out(0, 0), 3) << distance;
      EXPECT_EQ(out(1, 0), 2) << distance;
    }
  });
}

TEST(Reference, AttentionWeights) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for_each_problem<T>([](const Problem<T>& problem) {
      Matrix<T> weights(23, problem.keys.rows());
      reference::attention_weights<T>(problem.queries, problem.keys, problem.score, weights.view(), problem.options);
      Mismatches mismatches("reference::attention_weights " + problem.shape());
      for (std::size_t q = 0; q < 23; ++q) {
        const OracleRow<T> row(problem.queries, q, problem.keys, problem.score, problem.options.range);
        std::size_t next = 0;
        for (std::size_t k = 0; k < problem.keys.rows(); ++k) {
          const Real want = next < row.visible.size() && row.visible[next] == k ? row.p[next++] : 0;
          mismatches.check(std::abs(double(weights(q, k) - want)),
                           want == 0 ? 0 : reference_bound(problem, q, double(want)), at(q, k), weights(q, k), want);
        }
      }
    });
  });
}

TEST(Reference, AveragePool) {
  const auto values = Matrix<float>::of(3, 2, {1, 10, 2, 20, 6, 30});
  Matrix<float> out(2, 2);
  reference::average_pool<float>(values, out.view());
  for (std::size_t r = 0; r < 2; ++r) {
    EXPECT_EQ(out(r, 0), 3);
    EXPECT_EQ(out(r, 1), 20);
  }
}

TEST(Reference, GradientAndLoss) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for_each_problem<T>([](const Problem<T>& problem) {
      Matrix<T> out(23, 2), gradient(23, problem.score.w().size() * 2);
      reference::pool_gradient<T>(problem.queries, problem.keys, problem.values, problem.score, out.view(),
                                  gradient.view(), problem.options);
      Mismatches mismatches("reference::pool_gradient " + problem.shape());
      for (std::size_t q = 0; q < 23; ++q) {
        const OracleRow<T> row(problem.queries, q, problem.keys, problem.score, problem.options.range);
        const auto want = oracle_gradient<T>(row, problem.queries, q, problem.keys, problem.values, problem.score);
        for (std::size_t i = 0; i < want.gradient.size(); ++i) {
          const Real g = want.gradient[i];
          const bool both_nan = std::isnan(g) && std::isnan(gradient(q, i));
          // w delta^2 <= 1.2 * 3 * 36 multiplies the error of a weight.
          mismatches.check(both_nan ? 0 : std::abs(double(gradient(q, i) - g)),
                           both_nan ? 0 : 130 * reference_bound(problem, q, 0) + ulp_at<T>(g), at(q, i), gradient(q, i),
                           g);
        }
      }
      const auto targets = random_matrix<T>(23, 2, -1, 1, 4);
      for (const Loss loss : {Loss::half_sum, Loss::mean}) {
        const auto got = reference::loss_gradient<T>(problem.queries, problem.keys, problem.values, targets,
                                                     problem.score, loss, problem.options);
        const auto want = oracle_loss(problem, targets, loss);
        if (std::isnan(want.loss)) {
          EXPECT_TRUE(std::isnan(got.loss));
          continue;
        }
        // Predictions may be rounded to T on the way, 46 of them with errors of at most 2 each.
        EXPECT_NEAR(got.loss, double(want.loss), 46 * 2 * epsilon<T> + 1e-12) << problem.shape();
        ASSERT_EQ(got.gradient.size(), want.gradient.size());
        for (std::size_t p = 0; p < want.gradient.size(); ++p)
          EXPECT_NEAR(got.gradient[p], double(want.gradient[p]), 46 * 2 * 130 * epsilon<T> + 1e-10) << problem.shape();
      }
    });
  });
}

}  // namespace
}  // namespace attnpool::test
