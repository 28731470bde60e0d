// pool() on the inputs that break softmax-weighted means: NaN and infinities, far queries, ties, ends of the number
// range. Each result is defined in pool.hpp; the names of the tests repeat it.
#include <limits>

#include "isa_param.hpp"
#include "problem.hpp"

namespace attnpool::test {
namespace {

class PoolSpecial : public IsaTest {};
ATTNPOOL_ON_EVERY_ISA(PoolSpecial);

template <class T>
constexpr T inf = std::numeric_limits<T>::infinity();
template <class T>
constexpr T nan = std::numeric_limits<T>::quiet_NaN();

TEST_P(PoolSpecial, ANonFiniteQueryMakesItsOwnRowNaN) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const std::size_t dims : {1, 3}) {
      const auto clean = Problem<T>::random(37, 50, dims, 2);
      const auto clean_out = clean.pool();
      for (const T special : {nan<T>, inf<T>, -inf<T>})
        for (std::size_t position = 0; position < 37; ++position) {
          Problem<T> problem = clean;
          problem.queries(position, position % dims) = special;
          const auto out = problem.pool();
          Mismatches mismatches("query = " + std::to_string(special) + ", " + problem.shape());
          for (std::size_t q = 0; q < 37; ++q)
            for (std::size_t v = 0; v < 2; ++v)
              mismatches.check(q == position ? std::isnan(out(q, v)) : same_bits(out(q, v), clean_out(q, v)), at(q, v),
                               out(q, v), clean_out(q, v));
        }
    }
  });
}

TEST_P(PoolSpecial, ANonFiniteValueSpoilsItsColumnOnly) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const double w :
         {1.0, 1e3}) {  // at 1e3 the weight of most keys is exactly 0, and 0 * inf must not be lost either
      auto clean = Problem<T>::random(19, 50, 1, 3);
      clean.score = Gaussian(w);
      const auto clean_out = clean.pool();
      for (const T special : {nan<T>, inf<T>, -inf<T>})
        for (std::size_t position = 0; position < 50; position += 7) {
          Problem<T> problem = clean;
          problem.values(position, 1) = special;
          const auto out = problem.pool();
          Mismatches mismatches("value = " + std::to_string(special) + ", " + problem.shape());
          for (std::size_t q = 0; q < 19; ++q) {
            mismatches.check(!std::isfinite(out(q, 1)), at(q, 1), out(q, 1), "NaN or infinite");
            for (const std::size_t v : {0, 2})
              mismatches.check(same_bits(out(q, v), clean_out(q, v)), at(q, v), out(q, v), clean_out(q, v));
          }
        }
    }
  });
}

TEST_P(PoolSpecial,
       FarFromEveryKeyTheNearestDecides) {  // every weight underflows: 0/0 unless the nearest key is the unit
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    Mismatches mismatches("far queries");
    for (const std::size_t dims : {1, 2, 5})
      for (double distance = 1e3; distance < 2e30; distance *= 10) {
        Problem<T> problem{Matrix<T>(18, dims), Matrix<T>(40, dims), Matrix<T>(40, 2)};
        problem.keys.fill(0);
        problem.queries.fill(0);
        for (std::size_t k = 0; k < 40; ++k) {  // keys 1 apart, in an order that is not sorted
          problem.keys(k, 0) = static_cast<T>((k * 17) % 40);
          problem.values(k, 0) = static_cast<T>(k);
          problem.values(k, 1) = static_cast<T>(100 - 2.0 * static_cast<double>(k));
        }
        for (std::size_t q = 0; q < 18; ++q) problem.queries(q, 0) = static_cast<T>(q % 2 == 0 ? distance : -distance);
        const auto out = problem.pool();
        for (std::size_t q = 0; q < 18;
             ++q) {  // the second nearest has e^-distance of the weight of the nearest: nothing
          const std::size_t nearest = q % 2 == 0 ? 7 : 0;  // 7 * 17 = 119 = 39 modulo 40
          for (const std::size_t v : {0, 1})
            mismatches.check(std::abs(double(out(q, v)) - double(problem.values(nearest, v))),
                             78 * pool_error<T>(dims, 1), "distance " + std::to_string(distance) + at(q, v), out(q, v),
                             problem.values(nearest, v));
        }
      }
  });
}

TEST_P(PoolSpecial, FarInBandwidthsTheNearestDecides) {  // the same from a tiny bandwidth instead of a long way
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const double w : {1e4, 1e10, 1e20, 1e30, 1e100, 1e140}) {
      auto problem = Problem<T>::random(40, 64, 1, 1);
      problem.score = Gaussian(w);
      const auto out = problem.pool();
      Mismatches mismatches("w=" + std::to_string(w));
      for (std::size_t q = 0; q < 40; ++q) {
        std::size_t nearest = 0;
        Real best = INFINITY, second = INFINITY;
        for (std::size_t k = 0; k < 64; ++k) {
          const Real distance = std::abs(Real(problem.queries(q, 0)) - Real(problem.keys(k, 0)));
          if (distance < best)
            second = best, best = distance, nearest = k;
          else
            second = std::min(second, distance);
        }
        // Only where the nearest is clear of the second by much more than the rounding of w * coordinate.
        if (w * w * double(second - best) * double(second + best) < 1e4 || double(second - best) < 1e-5) continue;
        mismatches.check(std::abs(double(out(q, 0)) - double(problem.values(nearest, 0))), 2 * pool_error<T>(1, 1), q,
                         out(q, 0), problem.values(nearest, 0));
      }
      EXPECT_GT(mismatches.checked(), 20u);
    }
  });
}

TEST_P(PoolSpecial, BeyondTheRangeOfSquaresThereIsNoNaN) {  // differences whose squares overflow; coordinates saturate
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const T max = std::numeric_limits<T>::max();
    for (const double w : {1e-3, 1.0, 1e3, 1e150, 1e300}) {
      Problem<T> problem = Problem<T>::random(4, 30, 1, 1);
      problem.queries(0, 0) = max, problem.queries(1, 0) = -max, problem.queries(2, 0) = max / 2;
      problem.score = Gaussian(w);
      const auto out = problem.pool();
      for (std::size_t q = 0; q < 4; ++q)
        EXPECT_TRUE(out(q, 0) >= -1 && out(q, 0) <= 1) << "w=" << w << " q=" << q << " out=" << out(q, 0);
      problem.keys(0, 0) = max, problem.keys(1, 0) = -max;  // a bounding box wider than the largest number
      const auto wide = problem.pool();
      for (std::size_t q = 0; q < 4; ++q)
        EXPECT_TRUE(wide(q, 0) >= -1 && wide(q, 0) <= 1) << "wide, w=" << w << " q=" << q << " out=" << wide(q, 0);
    }
  });
}

TEST_P(PoolSpecial, ZeroWIsTheMean) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const std::size_t key_count : {1, 3, 64, 1000, 20'000}) {
      auto problem = Problem<T>::random(9, scaled(key_count), 2, 2);
      problem.score = Gaussian(0.0);
      const auto out = problem.pool();
      expect_pooled(problem, out);
      Matrix<T> mean(9, 2);
      average_pool<T>(problem.values, mean.view());
      for (std::size_t q = 0; q < 9; ++q)
        for (std::size_t v = 0; v < 2; ++v)
          EXPECT_NEAR(out(q, v), mean(q, v), pool_error<T>(2, 0) * 2 + epsilon<T>) << problem.shape() << at(q, v);
    }
  });
}

TEST_P(PoolSpecial, TiesShareTheWeight) {  // equal distances, near and far: the mean of the tied values
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const double scale : {1.0, 1e3, 1e15}) {
      const Problem<T> problem{Matrix<T>::column({0}), Matrix<T>::column({-scale, scale, -scale, scale}),
                               Matrix<T>::column({1, 2, 3, 6})};
      EXPECT_EQ(problem.pool()(0, 0), 3) << "scale " << scale;
    }
  });
}

TEST_P(PoolSpecial, DuplicateKeysAreOneKeyWithTheMeanOfTheirValues) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    Problem<T> problem = Problem<T>::random(17, 100, 1, 1);
    problem.keys.fill(T(2.5));
    expect_pooled(problem, problem.pool());
    Matrix<T> mean(17, 1);
    average_pool<T>(problem.values, mean.view());
    EXPECT_NEAR(problem.pool()(3, 0), mean(0, 0), 4 * epsilon<T>);
  });
}

TEST_P(PoolSpecial, OneKeyAlwaysAnswers) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const double value : {0.0, 1.0, -1e-40, 1e-310, 3e38, -1e30}) {
      const Problem<T> problem{Matrix<T>::column({0, 1e10, -3}), Matrix<T>::column({2}), Matrix<T>::column({value})};
      const auto out = problem.pool();
      for (std::size_t q = 0; q < 3; ++q) EXPECT_EQ(out(q, 0), problem.values(0, 0)) << "value " << value;
    }
  });
}

TEST_P(PoolSpecial, EqualValuesAreReturnedExactly) {  // the hull of one number
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const double value : {0.1, -3.7, 1e6 + 0.1, 3e38, 1e-30}) {
      auto problem = Problem<T>::random(17, 333, 1, 1);
      problem.values.fill(static_cast<T>(value));
      const auto out = problem.pool();
      for (std::size_t q = 0; q < 17; ++q)
        EXPECT_EQ(out(q, 0), problem.values(0, 0)) << "value " << value << " q=" << q;
    }
  });
}

TEST_P(PoolSpecial, ValuesAtTheEndsOfTheRange) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    using Limits = std::numeric_limits<T>;
    const T top = Limits::max() / 2 * T(1.7);
    auto problem = Problem<T>::random(17, 300, 1, 4);
    for (std::size_t k = 0; k < 300; ++k) {
      problem.values(k, 0) *= Limits::min();                 // subnormal
      problem.values(k, 1) = top * (T(1) - T(k) / T(1000));  // sums of a few of these overflow
      problem.values(k, 2) = k % 2 == 0 ? top : -top / 2;    // and so does the range
      problem.values(k, 3) += T(1e6);                        // far from zero
    }
    const auto out = problem.pool();
    Mismatches mismatches("ends of the range " + problem.shape());
    for (std::size_t q = 0; q < 17; ++q) {
      const OracleRow<T> row(problem.queries, q, problem.keys, problem.score, KeyRange::all());
      const double bound = pool_error<T>(1, reach(problem, q));
      for (std::size_t v = 0; v < 4; ++v) {
        const Real want = row.pooled(problem.values, v);
        Real low = problem.values(0, v), high = low;
        for (std::size_t k = 0; k < 300; ++k)
          low = std::min(low, Real(problem.values(k, v))), high = std::max(high, Real(problem.values(k, v)));
        // In long double, where max - min does not overflow.
        const Real error = std::abs(Real(out(q, v)) - want) / (bound * (high - low) + Real(ulp_at<T>(want)) / 2);
        mismatches.check(double(error), 1, at(q, v), out(q, v), want);
        mismatches.check(Real(out(q, v)) >= low && Real(out(q, v)) <= high, at(q, v), out(q, v), "inside the hull");
      }
    }
  });
}

TEST_P(PoolSpecial, CoordinatesFarFromZero) {  // only differences count: the offset 1e6 costs nothing
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    auto problem = Problem<T>::random(33, 300, 2, 1);
    for (std::size_t q = 0; q < 33; ++q) problem.queries(q, 0) += T(1e6), problem.queries(q, 1) -= T(3e6);
    for (std::size_t k = 0; k < 300; ++k) problem.keys(k, 0) += T(1e6), problem.keys(k, 1) -= T(3e6);
    expect_pooled(problem, problem.pool());
  });
}

// Keys that reach thousands of bandwidths: differences of squared distances that a far reference would round away.
TEST_P(PoolSpecial, KeysThatReachFarKeepTheirDigits) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const double spacing : {1.0, 1e3, 1e5})
      for (const double bandwidth : {0.7, 3.0, 40.0})
        for (const std::size_t dims : {1, 2}) {
          Problem<T> problem{Matrix<T>(5, dims), Matrix<T>(3000, dims), Matrix<T>(3000, 1)};
          for (std::size_t k = 0; k < 3000; ++k)
            for (std::size_t d = 0; d < dims; ++d) problem.keys(k, d) = static_cast<T>(spacing * double(k));
          for (std::size_t q = 0; q < 5; ++q)
            for (std::size_t d = 0; d < dims; ++d)
              problem.queries(q, d) = static_cast<T>(spacing * (double(q) * 700 + 0.3 + 0.1 * double(d)));
          problem.score = Gaussian::from_bandwidth(bandwidth * spacing);
          Matrix<T> got(5, 3000);
          attention_weights<T>(problem.queries, problem.keys, problem.score, got.view());
          Mismatches mismatches("attention weights " + problem.shape());
          for (std::size_t q = 0; q < 5; ++q) {
            const OracleRow<T> row(problem.queries, q, problem.keys, problem.score, KeyRange::all());
            for (std::size_t k = 0; k < 3000; ++k)
              mismatches.check(static_cast<double>(std::abs(Real(got(q, k)) - row.p[k])), 32 * epsilon<T>, at(q, k),
                               got(q, k), row.p[k]);
          }
          problem.score =
              Gaussian::from_bandwidth(0.02 * bandwidth * spacing);  // now most queries are far from all keys
          expect_pooled(problem, problem.pool());
        }
  });
}

TEST_P(PoolSpecial, ShiftOfQueriesAndKeysChangesNothing) {  // multiples of 1/8, so that the shift itself is exact
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    Random random(4);
    Problem<T> problem{Matrix<T>(21, 2), Matrix<T>(90, 2), random_matrix<T>(90, 1, -1, 1, 5)};
    for (Matrix<T>* m : {&problem.queries, &problem.keys})
      for (std::size_t r = 0; r < m->rows(); ++r)
        for (std::size_t d = 0; d < 2; ++d) (*m)(r, d) = static_cast<T>(static_cast<double>(random.below(40)) / 8);
    Problem<T> shifted = problem;
    for (Matrix<T>* m : {&shifted.queries, &shifted.keys})
      for (std::size_t r = 0; r < m->rows(); ++r) (*m)(r, 0) += T(4096), (*m)(r, 1) -= T(1024);
    EXPECT_TRUE(same_bits(problem.pool(), shifted.pool()));
  });
}

TEST_P(PoolSpecial, OrderOfTheKeysMattersToRoundingOnly) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    auto problem = Problem<T>::random(33, 500, 2, 2);
    Random random(9);
    for (std::size_t k = 499; k > 0; --k) {
      const std::size_t other = random.below(k + 1);
      for (std::size_t c = 0; c < 2; ++c) {
        std::swap(problem.keys(k, c), problem.keys(other, c));
        std::swap(problem.values(k, c), problem.values(other, c));
      }
    }
    expect_pooled(problem, problem.pool());
  });
}

TEST_P(PoolSpecial, StaysInTheHullOfTheValues) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (std::uint64_t seed = 1; seed <= scaled(40, 4); ++seed) {
      auto problem = Problem<T>::random(65, 1 + seed * seed % 300, 1, 2, seed);
      for (std::size_t k = 0; k < problem.keys.rows(); ++k) problem.values(k, 0) = T(0.1) + T(k % 2) * epsilon<T>;
      problem.score = Gaussian(0.01 * static_cast<double>(seed * seed));
      const auto out = problem.pool();
      Mismatches mismatches("hull " + problem.shape());
      for (std::size_t v = 0; v < 2; ++v) {
        T low = problem.values(0, v), high = low;
        for (std::size_t k = 0; k < problem.keys.rows(); ++k)
          low = std::min(low, problem.values(k, v)), high = std::max(high, problem.values(k, v));
        for (std::size_t q = 0; q < 65; ++q)
          mismatches.check(out(q, v) >= low && out(q, v) <= high, at(q, v), out(q, v), low);
      }
    }
  });
}

}  // namespace
}  // namespace attnpool::test
