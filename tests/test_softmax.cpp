// softmax() and log_sum_exp(): within the stated bounds of the long double formulas, for every tail, stride and special
// value.
#include <attnpool/vmath.hpp>
#include <limits>

#include "inputs.hpp"
#include "isa_param.hpp"
#include "oracle.hpp"
#include "tolerance.hpp"

namespace attnpool::test {
namespace {

class Softmax : public IsaTest {};
ATTNPOOL_ON_EVERY_ISA(Softmax);

template <class T>
constexpr T inf = std::numeric_limits<T>::infinity();
template <class T>
constexpr T nan = std::numeric_limits<T>::quiet_NaN();

template <class T>
std::vector<T> log_sum_exps(MatrixView<const T> scores) {
  const GuardedBuffer<T> out(scores.rows);
  log_sum_exp<T>(scores, out.data());
  return std::vector<T>(out.data(), out.data() + out.size());
}

/// Both functions on finite scores, or on rows with some entries of -inf, against the oracle.
template <class T>
void check(const Matrix<T>& scores, const std::string& what) {
  Matrix<T> out = scores;
  out.fill(nan<T>);
  softmax<T>(scores, out.view());
  const std::vector<T> lse = log_sum_exps<T>(scores);
  Mismatches weights("softmax " + what), sums("log_sum_exp " + what);
  for (std::size_t r = 0; r < scores.rows(); ++r) {
    double max = -inf<double>;
    for (std::size_t c = 0; c < scores.cols(); ++c) max = std::max(max, double(scores(r, c)));
    const std::vector<Real> want = oracle_softmax(&scores(r, 0), scores.cols());
    for (std::size_t c = 0; c < scores.cols(); ++c) {
      // Below the normal numbers a weight may be subnormal (or zero, since e^(x - max) is never subnormal), but never
      // more than a normal number.
      const double smallest = std::numeric_limits<T>::min();
      const double relative = (softmax_error + scores.cols() / 4096.0 + (max - double(scores(r, c))) / 2) * epsilon<T>;
      const double allowed = want[c] < smallest ? smallest : double(want[c]) * relative;
      const double error =
          scores(r, c) == -inf<T> && out(r, c) != 0 ? inf<double> : std::abs(double(out(r, c) - want[c]));
      weights.check(error, allowed, at(r, c), out(r, c), want[c]);
    }
    const Real want_lse = oracle_log_sum_exp(&scores(r, 0), scores.cols());
    sums.check(std::abs(double(lse[r] - want_lse)), 4 * epsilon<T> * (1 + std::abs(double(want_lse))), r, lse[r],
               want_lse);
  }
}

TEST_P(Softmax, EveryCount) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (std::size_t cols = 1; cols <= 67; ++cols)
      check(random_matrix<T>(3, cols, -20, 20, cols), "cols=" + std::to_string(cols));
    for (std::size_t cols : {127, 128, 129, 255, 257, 1000, 4097})
      check(random_matrix<T>(2, cols, -8, 8, cols), std::to_string(cols));
  });
}

TEST_P(Softmax, EveryRowCount) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (std::size_t rows : {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 65})
      check(random_matrix<T>(rows, 5, -3, 3, rows), "rows=" + std::to_string(rows));
  });
}

TEST_P(Softmax, LongRows) {  // sums of many weights: the bound grows with n / 4096 only
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (std::size_t cols : {10'000, 65'536, 100'000}) {
      check(random_matrix<T>(1, scaled(cols, 5000), -1, 1, cols), "n=" + std::to_string(cols));
      Matrix<T> equal(1, scaled(cols, 5000));
      equal.fill(T(0.1));
      check(equal, "all equal, n=" + std::to_string(cols));
    }
  });
}

TEST_P(
    Softmax,
    WhereTheExponentialAloneOverflows) {  // e^x overflows above 88.7 in float and 709.8 in double; e^(x - max) must not
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    check(random_matrix<T>(4, 37, 90, 100, 1), "in [90, 100]");
    check(random_matrix<T>(4, 37, 9990, 10'010, 2), "around 1e4");
    check(random_matrix<T>(4, 37, -10'010, -9990, 3), "around -1e4");
    check(random_matrix<T>(4, 37, -500, 500, 4), "1000 apart");
  });
}

TEST_P(Softmax,
       ScoresAtTheEndOfTheRange) {  // differences of scores overflow to infinity: the largest entry still wins, no NaN
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const T max = std::numeric_limits<T>::max();
    Matrix<T> scores(1, 3);
    scores(0, 0) = -max, scores(0, 1) = max, scores(0, 2) = 0;
    Matrix<T> out(1, 3);
    softmax<T>(scores, out.view());
    EXPECT_EQ(out(0, 0), 0);
    EXPECT_EQ(out(0, 1), 1);
    EXPECT_EQ(out(0, 2), 0);
    EXPECT_EQ(log_sum_exps<T>(scores)[0], max);
  });
}

TEST_P(Softmax, ShiftOfTheScoresChangesNothing) {  // entries are multiples of 1/8, so that the shift itself is exact
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    Random random(3);
    Matrix<T> scores(3, 41), shifted(3, 41), out(3, 41), out_shifted(3, 41);
    for (std::size_t r = 0; r < 3; ++r)
      for (std::size_t c = 0; c < 41; ++c) {
        scores(r, c) = static_cast<T>(static_cast<double>(random.below(160)) / 8 - 10);
        shifted(r, c) = scores(r, c) + 10'000;
      }
    softmax<T>(scores, out.view());
    softmax<T>(shifted, out_shifted.view());
    EXPECT_TRUE(same_bits(out, out_shifted));
  });
}

TEST_P(Softmax, MinusInfinityGetsNoWeight) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (std::size_t cols : {2, 3, 9, 17, 40}) {
      auto scores = random_matrix<T>(cols, cols, -5, 5, cols);
      for (std::size_t r = 0; r < cols; ++r)
        for (std::size_t c = 0; c < cols; ++c)
          if (c != r && (c + r) % 3 != 0) scores(r, c) = -inf<T>;
      check(scores, "with -inf");
    }
  });
}

TEST_P(Softmax, SpecialValueInEachPosition) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (std::size_t cols : {1, 2, 3, 8, 17, 35}) {
      Mismatches mismatches("special, cols=" + std::to_string(cols));
      for (const T special : {nan<T>, inf<T>})
        for (std::size_t position = 0; position < cols; ++position) {
          auto scores = random_matrix<T>(3, cols, -5, 5, cols);
          Matrix<T> clean(3, cols), out(3, cols);
          softmax<T>(scores, clean.view());
          const T clean_lse = log_sum_exps<T>(scores)[0];
          scores(1, position) = special;
          softmax<T>(scores, out.view());
          const std::vector<T> lse = log_sum_exps<T>(scores);
          for (std::size_t c = 0; c < cols; ++c) {
            mismatches.check(std::isnan(out(1, c)), at(position, c), out(1, c), "NaN");
            mismatches.check(same_bits(out(0, c), clean(0, c)) && same_bits(out(2, c), clean(2, c)), at(position, c),
                             out(0, c), "the other rows as before");
          }
          mismatches.check(std::isnan(special) ? std::isnan(lse[1]) : lse[1] == inf<T>, position, lse[1], special);
          mismatches.check(same_bits(lse[0], clean_lse), position, lse[0], clean_lse);
          if (cols > 1 && std::isinf(special)) {  // NaN beside +inf, either way round
            scores(1, (position + 1) % cols) = nan<T>;
            mismatches.check(std::isnan(log_sum_exps<T>(scores)[1]), position, log_sum_exps<T>(scores)[1], "NaN");
          }
        }
    }
  });
}

TEST_P(Softmax, NothingButMinusInfinity) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (std::size_t cols = 1; cols < 40; ++cols) {
      Matrix<T> scores(1, cols), out(1, cols);
      scores.fill(-inf<T>);
      out.fill(0);
      softmax<T>(scores, out.view());
      for (std::size_t c = 0; c < cols; ++c) EXPECT_TRUE(std::isnan(out(0, c))) << "cols=" << cols << " c=" << c;
      EXPECT_EQ(log_sum_exps<T>(scores)[0], -inf<T>) << "cols=" << cols;
    }
  });
}

TEST_P(Softmax, EmptyShapes) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const Matrix<T> no_cols(3, 0), no_rows(0, 4);
    EXPECT_NO_THROW(softmax<T>(no_cols, no_cols.view()));
    EXPECT_NO_THROW(softmax<T>(no_rows, no_rows.view()));
    for (const T lse : log_sum_exps<T>(no_cols)) EXPECT_EQ(lse, -inf<T>);
    EXPECT_NO_THROW(log_sum_exp<T>(no_rows, static_cast<T*>(nullptr)));
  });
}

TEST_P(Softmax, StridedAndInPlaceGiveTheSameBits) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const Edge edge : {Edge::end, Edge::begin})
      for (std::size_t cols : {1, 3, 8, 17, 33, 70}) {
        const auto scores = random_matrix<T>(5, cols, -9, 9, cols);
        Matrix<T> packed(5, cols);
        softmax<T>(scores, packed.view());
        const Matrix<T> strided_in = scores.restrided(cols + 5, edge);  // gaps are NaN
        Matrix<T> strided(5, cols, cols + 3, edge);
        softmax<T>(strided_in, strided.view());
        EXPECT_TRUE(same_bits(strided, packed)) << "cols=" << cols;
        EXPECT_TRUE(strided.gaps_untouched()) << "cols=" << cols;
        softmax<T>(strided_in, strided_in.view());
        EXPECT_TRUE(same_bits(strided_in, packed)) << "in place, cols=" << cols;
        EXPECT_TRUE(strided_in.gaps_untouched()) << "in place, cols=" << cols;
        EXPECT_EQ(log_sum_exps<T>(scores.restrided(cols + 4, edge)), log_sum_exps<T>(scores));
      }
  });
}

TEST_P(Softmax, RowsSumToOne) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const auto scores = random_matrix<T>(20, 500, -4, 4, 1);
    Matrix<T> out(20, 500);
    softmax<T>(scores, out.view());
    for (std::size_t r = 0; r < 20; ++r) {
      Real sum = 0;
      for (std::size_t c = 0; c < 500; ++c) sum += out(r, c);
      EXPECT_NEAR(double(sum), 1, (softmax_error + 500 / 4096.0) * epsilon<T>) << "row " << r;
    }
  });
}

TEST_P(Softmax, ThreadsDoNotChangeTheBits) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const auto scores = random_matrix<T>(333, scaled(7001, 77), -4, 4, 1);
    Matrix<T> one(333, scores.cols()), many(333, scores.cols());
    std::vector<T> lse_one(333), lse_many(333);
    Options options;
    options.threads = 1;
    softmax<T>(scores, one.view(), options);
    log_sum_exp<T>(scores, lse_one.data(), options);
    for (const int threads : {2, 3, 16}) {
      options.threads = threads;
      softmax<T>(scores, many.view(), options);
      log_sum_exp<T>(scores, lse_many.data(), options);
      EXPECT_TRUE(same_bits(one, many)) << threads << " threads";
      EXPECT_EQ(lse_one, lse_many) << threads << " threads";
    }
  });
}

TEST_P(Softmax, ResultsBeyondTheCachesHaveTheBitsOfSmallOnes) {
  // From 32 MiB on the result is written past the caches; an odd stride puts rows at every alignment.
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const std::size_t rows = (std::size_t{33} << 20) / sizeof(T) / 4003, cols = 4003;
    std::vector<T> scores(rows * (cols + 2)), out(rows * (cols + 2), nan<T>), row(cols);
    Random random(1);
    for (T& x : scores) x = static_cast<T>(random.uniform(-9, 9));
    softmax<T>({scores.data(), rows, cols, cols + 2}, MatrixView<T>(out.data(), rows, cols, cols + 2));
    for (std::size_t r = 0; r < rows; r += 101) {
      softmax<T>({scores.data() + r * (cols + 2), 1, cols}, MatrixView<T>(row.data(), 1, cols));
      EXPECT_TRUE(std::equal(row.begin(), row.end(), out.begin() + static_cast<std::ptrdiff_t>(r * (cols + 2))))
          << "row " << r;
      EXPECT_TRUE(std::isnan(out[r * (cols + 2) + cols])) << "gap after row " << r;
    }
  });
}

}  // namespace
}  // namespace attnpool::test
