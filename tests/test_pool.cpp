// pool(), attention_weights() and average_pool() against the oracle: the product of shapes, strides, bandwidths.
// test_pool_special.cpp has the inputs that bite, test_range.cpp the ranges.
#include "isa_param.hpp"
#include "problem.hpp"

namespace attnpool::test {
namespace {

class Pool : public IsaTest {};
ATTNPOOL_ON_EVERY_ISA(Pool);

const std::vector<std::size_t> key_counts = {1,  2,  3,   4,   7,   8,   15,  16,  17,  31,
                                             33, 64, 127, 128, 129, 255, 256, 257, 1000};

TEST_P(Pool, EveryQueryCountByEveryKeyCount) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const std::size_t query_count : tail_counts)
      for (const std::size_t key_count : key_counts) {
        if (query_count * key_count > scaled(200'000)) continue;
        const auto problem = Problem<T>::random(query_count, key_count);
        expect_pooled(problem, problem.pool());
      }
  });
}

TEST_P(Pool, ManyKeys) {  // sums over blocks and over chunks of keys, few queries and many
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const std::size_t key_count : {2047, 2048, 2049, 4096, 4097, 8193, 50'001})
      for (const std::size_t query_count : {1, 2, 5, 17}) {
        const auto problem = Problem<T>::random(query_count, scaled(key_count, 300), 1, 2);
        expect_pooled(problem, problem.pool());
      }
  });
}

TEST_P(Pool, EveryDimensionByEveryValueColumn) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const std::size_t dims : {1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 65})
      for (const std::size_t value_cols : {1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 63, 130})
        for (const bool scalar_w : {true, false}) {
          auto problem = Problem<T>::random(19, scaled(75, 9), dims, value_cols);
          std::vector<double> w(scalar_w ? 1 : dims);
          for (std::size_t d = 0; d < w.size(); ++d) w[d] = 0.3 + 0.1 * static_cast<double>(d % 4);
          problem.score = Gaussian(w);
          expect_pooled(problem, problem.pool());
        }
  });
}

TEST_P(Pool, EveryBandwidth) {  // from the plain mean to the nearest neighbour; the sign of w does not matter
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const double w : {0.0, 1e-30, 1e-3, 0.1, 1.0, 10.0, 100.0, 1e4, 1e30}) {
      auto problem = Problem<T>::random(33, 200, 2, 2);
      problem.score = Gaussian(w);
      const auto out = problem.pool();
      expect_pooled(problem, out);
      problem.score = Gaussian(-w);
      EXPECT_TRUE(same_bits(problem.pool(), out)) << "w=" << -w;
    }
  });
}

TEST_P(Pool, PerDimensionWOfEqualEntriesIsTheScalarOne) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    auto problem = Problem<T>::random(21, 100, 3, 2);
    problem.score = Gaussian(0.7);
    const auto out = problem.pool();
    problem.score = Gaussian({0.7, 0.7, 0.7});
    EXPECT_TRUE(same_bits(problem.pool(), out));
    problem.score = Gaussian({0.7, -0.7, 0.7});
    EXPECT_TRUE(same_bits(problem.pool(), out)) << "the sign of w matters";
  });
}

TEST_P(Pool, AZeroEntryOfWIgnoresItsDimension) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    auto problem = Problem<T>::random(21, 100, 2, 1);
    problem.score = Gaussian({0.7, 0.0});
    Problem<T> one = problem;
    one.queries = Matrix<T>(21, 1), one.keys = Matrix<T>(100, 1);
    for (std::size_t q = 0; q < 21; ++q) one.queries(q, 0) = problem.queries(q, 0);
    for (std::size_t k = 0; k < 100; ++k) one.keys(k, 0) = problem.keys(k, 0);
    one.score = Gaussian(0.7);
    expect_pooled(one, problem.pool());
  });
}

TEST_P(Pool, TheBoundIsWorthHaving) {
  EXPECT_LT(pool_error<float>(1, 20), 1e-4);
  EXPECT_LT(pool_error<double>(1, 20), 1e-12);
  EXPECT_LE(pool_error<float>(1, 1), pool_error<float>(1, 100));
  EXPECT_LE(pool_error<float>(1, 10), pool_error<float>(64, 10));
}

TEST_P(Pool, OrdinaryDataAreFarBelowTheBound) {  // shape and bandwidth of the motorcycle data, milliseconds and g
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    Problem<T> problem{random_matrix<T>(500, 1, 0, 60, 1), random_matrix<T>(133, 1, 2, 58, 2),
                       random_matrix<T>(133, 1, -134, 75, 3), Gaussian::from_bandwidth(1.5)};
    const auto out = problem.pool();
    const auto want = oracle_pool<T>(problem.queries, problem.keys, problem.values, problem.score);
    const double allowed = (std::is_same_v<T, float> ? 1e-6 : 1e-12) * value_range(problem.values, 0);
    Mismatches mismatches("motorcycle-like " + problem.shape());
    for (std::size_t q = 0; q < 500; ++q)
      mismatches.check(std::abs(double(out(q, 0) - want[q])), allowed, q, out(q, 0), want[q]);
  });
}

TEST_P(Pool, StridesBetweenGuardPagesGiveTheSameBits) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const std::size_t query_count : {1, 3, 16, 35})
      for (const std::size_t key_count : {1, 2, 5, 17, 130})
        for (const std::size_t cols : {1, 2, 3, 5, 8, 17})
          for (const Edge edge : {Edge::end, Edge::begin}) {
            auto problem = Problem<T>::random(query_count, key_count, cols, cols);
            const auto packed = problem.pool();
            problem.queries = problem.queries.restrided(cols + 1, edge);
            problem.keys = problem.keys.restrided(cols + 2, edge);
            problem.values = problem.values.restrided(cols + 3, edge);
            Matrix<T> out(query_count, cols, cols + 4, edge);
            attnpool::pool<T>(problem.queries, problem.keys, problem.values, problem.score, out.view());
            EXPECT_TRUE(same_bits(out, packed)) << problem.shape();
            EXPECT_TRUE(out.gaps_untouched()) << problem.shape();
          }
  });
}

TEST_P(Pool, EveryAlignmentGivesTheSameBits) {  // 0 .. 15 elements from a 64-byte boundary, sentinels around the result
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const auto problem = Problem<T>::random(9, 21, 3, 5);
    const auto want = problem.pool();
    alignas(64) T queries[60], keys[100], values[140], out[80];
    for (std::size_t offset = 0; offset < 16; ++offset) {
      std::memcpy(queries + offset, problem.queries.data(), 27 * sizeof(T));
      std::memcpy(keys + (offset * 3) % 16, problem.keys.data(), 63 * sizeof(T));
      std::memcpy(values + (offset * 5) % 16, problem.values.data(), 105 * sizeof(T));
      std::fill(std::begin(out), std::end(out), T(-7));
      attnpool::pool<T>({queries + offset, 9, 3}, {keys + (offset * 3) % 16, 21, 3},
                        {values + (offset * 5) % 16, 21, 5}, problem.score, {out + 1 + offset, 9, 5});
      EXPECT_TRUE(same_bits<T>({out + 1 + offset, 9, 5}, want.in())) << "offset " << offset;
      for (std::size_t i = 0; i < 80; ++i) {
        if (i < 1 + offset || i >= 1 + offset + 45) {
          EXPECT_EQ(out[i], T(-7)) << "offset " << offset << " i=" << i;
        }
      }
    }
  });
}

TEST_P(Pool, NoQueriesIsNoWork) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const auto problem = Problem<T>::random(0, 5, 2, 3);
    EXPECT_NO_THROW(problem.pool());
    Matrix<T> weights(0, 5);
    EXPECT_NO_THROW(attention_weights<T>(problem.queries, problem.keys, problem.score, weights.view()));
  });
}

TEST_P(Pool, WeightsAreTheSoftmaxOfTheScores) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const std::size_t query_count : {1, 2, 9, 17, 40})
      for (const std::size_t key_count : {1, 2, 3, 7, 16, 33, 129, 1000, 5000})
        for (const std::size_t dims : {1, 3}) {
          const auto problem = Problem<T>::random(query_count, scaled(key_count, 5), dims, 1);
          const std::size_t keys = problem.keys.rows();
          Matrix<T> weights(query_count, keys, keys + 3);
          attention_weights<T>(problem.queries, problem.keys, problem.score, weights.view());
          EXPECT_TRUE(weights.gaps_untouched()) << problem.shape();
          const auto pooled = problem.pool();
          Mismatches mismatches("attention_weights " + problem.shape());
          for (std::size_t q = 0; q < query_count; ++q) {
            const OracleRow<T> row(problem.queries, q, problem.keys, problem.score, KeyRange::all());
            const double bound = pool_error<T>(dims, reach(problem, q));
            Real sum = 0, dot = 0;
            for (std::size_t k = 0; k < keys; ++k) {
              sum += weights(q, k);
              dot += Real(weights(q, k)) * Real(problem.values(k, 0));
              // A weight is what pool() gives for values of 1 at this key and 0 elsewhere: the same bound, range 1.
              mismatches.check(std::abs(double(weights(q, k) - row.p[k])), bound, at(q, k), weights(q, k), row.p[k]);
            }
            const double sum_bound = (softmax_error + static_cast<double>(keys) / 4096) * epsilon<T>;
            mismatches.check(std::abs(double(sum - 1)), sum_bound, q, sum, "a row sum of 1");
            // weights * values may differ from pool() by the error of each, and by what the row sum misses times
            // |value| <= 1.
            mismatches.check(std::abs(double(dot - Real(pooled(q, 0)))),
                             2 * bound * value_range(problem.values, 0) + sum_bound + epsilon<T>, q, dot, pooled(q, 0));
          }
        }
  });
}

TEST_P(Pool, AverageIsTheMeanOfTheValues) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const std::size_t key_count : {1, 2, 3, 100, 100'000})
      for (const std::size_t cols : {1, 3, 17}) {
        auto values = random_matrix<T>(scaled(key_count), cols, 0, 1, key_count).restrided(cols + 2);
        for (const std::size_t rows : {0, 1, 5}) {
          Matrix<T> out(rows, cols, cols + 1);
          average_pool<T>(values, out.view());
          EXPECT_TRUE(out.gaps_untouched());
          Mismatches mismatches("average_pool");
          for (std::size_t c = 0; c < cols; ++c) {
            Real sum = 0;
            for (std::size_t k = 0; k < values.rows(); ++k) sum += values(k, c);
            const Real want = sum / values.rows();
            // Summed one by one in double, K - 1 additions of at most half a unit in the last place of a sum <= K.
            const double allowed = static_cast<double>(values.rows()) * 0x1p-53 + ulp_at<T>(want) / 2;
            for (std::size_t r = 0; r < rows; ++r)
              mismatches.check(std::abs(double(out(r, c) - want)), allowed, at(r, c), out(r, c), want);
          }
        }
      }
  });
}

}  // namespace
}  // namespace attnpool::test
