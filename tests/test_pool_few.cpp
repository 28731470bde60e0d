// Few queries on many keys (pool.hpp: at most 4 on at least 32768) are answered by one pass over keys and values as
// they lie: another order of sums, the same promises. So the promises again, in that shape.
#include <limits>

#include "isa_param.hpp"
#include "problem.hpp"

namespace attnpool::test {
namespace {

class PoolFew : public IsaTest {};
ATTNPOOL_ON_EVERY_ISA(PoolFew);

constexpr std::size_t many = 32'768;  // not scaled: below it another path would be tested

template <class T>
constexpr T inf = std::numeric_limits<T>::infinity();
template <class T>
constexpr T nan = std::numeric_limits<T>::quiet_NaN();

TEST_P(PoolFew, EveryShape) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const std::size_t query_count : thinned<std::size_t>({1, 2, 4, 5}))
      for (const std::size_t key_count : thinned<std::size_t>({many - 1, many, many + 1, many + 131})) {
        const auto problem = Problem<T>::random(query_count, key_count);
        expect_pooled(problem, problem.pool());
      }
    for (const std::size_t dims : thinned<std::size_t>({1, 2, 3, 9, 16, 21}))
      for (const std::size_t cols : thinned<std::size_t>({1, 3, 9, 16, 18})) {
        if (test_scale() >= 100 && dims > 1 && cols > 1 && dims + cols < 39) continue;
        auto problem = Problem<T>::random(1, many + 77, dims, cols);
        std::vector<double> w(dims);
        for (std::size_t d = 0; d < dims; ++d) w[d] = 0.4 + 0.1 * static_cast<double>(d);
        problem.score = Gaussian(w);
        expect_pooled(problem, problem.pool());
      }
  });
}

TEST_P(PoolFew, RowsMayLieApart) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const auto& [dims, cols] : {std::pair<std::size_t, std::size_t>{1, 1}, {3, 2}, {21, 18}, {16, 32}})
      for (const std::size_t gap : {1, 3}) {
        const auto problem = Problem<T>::random(2, many + 50, dims, cols);
        const std::size_t rows = problem.keys.rows();
        std::vector<T> keys(rows * (dims + gap), nan<T>), values(rows * (cols + gap), nan<T>);
        for (std::size_t k = 0; k < rows; ++k) {
          std::copy_n(&problem.keys(k, 0), dims, keys.data() + k * (dims + gap));
          std::copy_n(&problem.values(k, 0), cols, values.data() + k * (cols + gap));
        }
        Matrix<T> out(2, cols);
        pool<T>(problem.queries, {keys.data(), rows, dims, dims + gap}, {values.data(), rows, cols, cols + gap},
                problem.score, out.view(), problem.options);
        EXPECT_TRUE(same_bits(out, problem.pool())) << dims << " " << cols << " " << gap;
      }
  });
}

// Rounding leaves the hull of the values now and then; the result does not.
TEST_P(PoolFew, StaysWithinTheValues) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    auto problem = Problem<T>::random(4, many);
    for (const T sign : {T(1), T(-1)}) {
      for (std::size_t k = 0; k < many; ++k) problem.values(k, 0) = k == 0 ? T(0) : sign * T(0.7);
      problem.keys(0, 0) = T(1000);  // without weight
      for (int i = 1; i < 40; i += test_scale() < 100 ? 1 : 19) {
        problem.score = Gaussian(0.2 * i);
        const auto out = problem.pool();
        for (std::size_t q = 0; q < 4; ++q) EXPECT_LE(std::abs(out(q, 0)), T(0.7)) << i;
      }
    }
  });
}

TEST_P(PoolFew, EveryBandwidth) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const double w : thinned({0.0, 1e-30, 0.1, 1.0, 30.0, 1e4, 1e30, 1e140})) {
      auto problem = Problem<T>::random(3, many + 5, 1, 2);
      problem.score = Gaussian(w);
      expect_pooled(problem, problem.pool());
    }
  });
}

TEST_P(PoolFew, EveryRange) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const KeyRange range :
         {KeyRange::first(0), KeyRange::first(1), KeyRange::first(20'001), KeyRange::causal(), KeyRange::causal(9000),
          KeyRange::causal(-2), KeyRange::window(0, 12'345), KeyRange::all_but_self(), KeyRange::all_but_self(8191),
          KeyRange::all_but_self(32'000)}) {
      auto problem = Problem<T>::random(3, many + 50, 2, 1);
      problem.options.range = range;
      expect_pooled(problem, problem.pool());
    }
  });
}

TEST_P(PoolFew, StridesBetweenGuardPagesGiveTheSameBits) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const Edge edge : {Edge::end, Edge::begin})
      for (const std::size_t extra_keys : {0, 1, 7, 66})
        for (const std::size_t cols : {1, 3}) {
          auto problem = Problem<T>::random(2, many + extra_keys, cols, cols);
          const auto packed = problem.pool();
          problem.queries = problem.queries.restrided(cols + 1, edge);
          problem.keys = problem.keys.restrided(cols + 2, edge);
          problem.values = problem.values.restrided(cols + 1, edge);
          Matrix<T> out(2, cols, cols + 4, edge);
          pool<T>(problem.queries, problem.keys, problem.values, problem.score, out.view());
          EXPECT_TRUE(same_bits(out, packed)) << problem.shape();
          EXPECT_TRUE(out.gaps_untouched()) << problem.shape();
        }
  });
}

TEST_P(PoolFew, QueriesDoNotSeeEachOther) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const auto problem = Problem<T>::random(4, many + 9, 2, 2);
    const auto batch = problem.pool();
    for (std::size_t first = 0; first < 4; ++first)
      for (std::size_t count = 1; first + count <= 4; ++count) {
        Matrix<T> out(count, 2);
        pool<T>(problem.queries.rows(first, count), problem.keys, problem.values, problem.score, out.view());
        for (std::size_t i = 0; i < count; ++i)
          EXPECT_TRUE(same_bits<T>({&out(i, 0), 1, 2}, {&batch(first + i, 0), 1, 2}))
              << "query " << first + i << " in " << first << " + " << count;
      }
  });
}

TEST_P(PoolFew, ThreadsDoNotChangeTheBits) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const std::size_t query_count : {1, 4}) {
      auto problem = Problem<T>::random(query_count, 10 * many + 3, 1, 2);
      problem.options.threads = 1;
      const auto want = problem.pool();
      for (const int threads : thinned({2, 3, 4, 7, 16})) {
        problem.options.threads = threads;
        EXPECT_TRUE(same_bits(problem.pool(), want)) << threads << " threads " << problem.shape();
      }
    }
  });
}

TEST_P(PoolFew, NonFiniteQueriesAndValues) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const auto clean = Problem<T>::random(3, many + 20, 1, 2);
    const auto clean_out = clean.pool();
    for (const T special : {nan<T>, inf<T>, -inf<T>}) {
      Problem<T> problem = clean;
      problem.queries(1, 0) = special;
      auto out = problem.pool();
      for (std::size_t q = 0; q < 3; ++q) {
        EXPECT_EQ(std::isnan(out(q, 0)), q == 1) << "query = " << special << " q=" << q;
        if (q != 1) {
          EXPECT_NEAR(out(q, 0), clean_out(q, 0), 4 * pool_error<T>(1, reach(clean, q))) << q;
        }
      }
      for (const std::size_t k : {std::size_t{0}, std::size_t{1}, std::size_t{8192}, many + 19}) {
        problem = clean;
        problem.values(k, 1) = special;
        out = problem.pool();
        for (std::size_t q = 0; q < 3; ++q) {
          EXPECT_FALSE(std::isfinite(out(q, 1))) << "value " << k << " = " << special << " q=" << q;
          EXPECT_NEAR(out(q, 0), clean_out(q, 0), 4 * pool_error<T>(1, reach(clean, q)))
              << "value " << k << " = " << special << " q=" << q;
        }
        problem.options.range = k == 0 ? KeyRange::all_but_self(0) : KeyRange::first(k);  // query 0 does not see it
        out = problem.pool();
        const Real want = OracleRow<T>(problem.queries, 0, problem.keys, problem.score, problem.options.range)
                              .pooled(clean.values, 1);
        EXPECT_EQ(std::isnan(out(0, 1)), std::isnan(want)) << "unseen value " << k << " = " << special;
        if (!std::isnan(want)) {
          EXPECT_NEAR(out(0, 1), double(want), 2 * pool_error<T>(1, reach(clean, 0)))
              << "unseen value " << k << " = " << special;
        }
      }
    }
  });
}

TEST_P(PoolFew, NonFiniteKeysAreRefusedWhereverTheyAre) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const T special : {nan<T>, inf<T>, -inf<T>})
      for (const std::size_t k : {std::size_t{0}, std::size_t{20'000}, many + 19})
        for (const KeyRange range : {KeyRange::all(), KeyRange::first(10), KeyRange::first(k),
                                     KeyRange::causal(static_cast<std::ptrdiff_t>(k))}) {
          auto problem = Problem<T>::random(2, many + 20, 2, 1);
          problem.keys(k, 1) = special;
          problem.options.range = range;
          Matrix<T> out(2, 1);
          EXPECT_THROW(
              pool<T>(problem.queries, problem.keys, problem.values, problem.score, out.view(), problem.options),
              std::invalid_argument)
              << "key " << k << " = " << special;
          EXPECT_TRUE(std::isnan(out(0, 0)) && std::isnan(out(1, 0))) << "written before it refused";
        }
  });
}

TEST_P(PoolFew, FarFromEveryKeyTheNearestDecides) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (double distance = 1e5; distance < 2e30; distance *= test_scale() < 100 ? 1e3 : 1e12) {
      Problem<T> problem{Matrix<T>::column({distance, -distance, 0.25}), Matrix<T>(many, 1), Matrix<T>(many, 1)};
      for (std::size_t k = 0; k < many; ++k)
        problem.keys(k, 0) = problem.values(k, 0) = static_cast<T>((k * 77) % many);
      const auto out = problem.pool();
      const double allowed = pool_error<T>(1, 1e5) * many;
      EXPECT_NEAR(out(0, 0), many - 1, allowed) << distance;
      EXPECT_NEAR(out(1, 0), 0, allowed) << distance;
      EXPECT_NEAR(out(2, 0), double(oracle_pool<T>(problem.queries, problem.keys, problem.values, problem.score)[2]),
                  allowed)
          << distance;
    }
  });
}

TEST_P(PoolFew, ValuesAtTheEndsOfTheRangeStayInTheHull) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    using Limits = std::numeric_limits<T>;
    auto problem = Problem<T>::random(3, many + 3, 1, 7);
    const T top = Limits::max() / 2 * T(1.7);
    for (std::size_t k = 0; k < problem.keys.rows(); ++k) {
      problem.values(k, 0) *= Limits::min();  // subnormal
      problem.values(k, 1) = top * (T(1) - T(k % 100) / T(1000));
      problem.values(k, 2) = k % 2 == 0 ? top : -top / 2;  // the range overflows
      problem.values(k, 3) += T(1e6);
      problem.values(k, 4) = k == 0 ? T(0.1) : T(0.7);  // the first one alone is different
      problem.values(k, 5) = k == 0 ? T(0.3) : T(-0.9) + T(k % 2) * epsilon<T>;
      problem.values(k, 6) = k == 0 ? T(1e10) : T(0.7);  // and dwarfs the others
    }
    problem.keys(0, 0) = T(-1e3);  // too far to have weight
    const auto out = problem.pool();
    Mismatches mismatches("ends of the range " + problem.shape());
    for (std::size_t q = 0; q < 3; ++q) {
      const OracleRow<T> row(problem.queries, q, problem.keys, problem.score, KeyRange::all());
      const double bound = pool_error<T>(1, reach(problem, q));
      for (std::size_t v = 0; v < 7; ++v) {
        const Real want = row.pooled(problem.values, v);
        Real low = problem.values(0, v), high = low;
        for (std::size_t k = 0; k < problem.keys.rows(); ++k)
          low = std::min(low, Real(problem.values(k, v))), high = std::max(high, Real(problem.values(k, v)));
        const Real error = std::abs(Real(out(q, v)) - want) / (bound * (high - low) + Real(ulp_at<T>(want)) / 2);
        mismatches.check(double(error), 1, at(q, v), out(q, v), want);
        mismatches.check(Real(out(q, v)) >= low && Real(out(q, v)) <= high, at(q, v), out(q, v), high);
      }
    }
  });
}

TEST_P(PoolFew, LongSumsKeepTheirPrecision) {  // a plain float sum of 4 million weights would be wrong by 4e-2
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    auto problem = Problem<T>::random(1, scaled(4'000'000, many), 1, 1);
    problem.score = Gaussian(0.0);
    for (std::size_t k = 0; k < problem.keys.rows(); ++k)
      problem.values(k, 0) = problem.values(k, 0) > 0 ? T(1) : T(0.1);
    expect_pooled(problem, problem.pool());
  });
}

}  // namespace
}  // namespace attnpool::test
