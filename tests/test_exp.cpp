// exp() and exp_nonpositive(): every sampled result within the ULP bound of vmath.hpp, special values exact, no byte
// and no lane disturbed.
#include <attnpool/vmath.hpp>
#include <bit>
#include <cstdlib>
#include <iostream>
#include <string>
#include <type_traits>

#include "inputs.hpp"
#include "isa_param.hpp"
#include "oracle.hpp"
#include "tolerance.hpp"

namespace attnpool::test {
namespace {

class Exp : public IsaTest {};
ATTNPOOL_ON_EVERY_ISA(Exp);

// A double exp is exact enough to judge a float one (29 bits to spare), a long double one to judge double.
template <class T>
using Judge = std::conditional_t<std::is_same_v<T, float>, double, Real>;

/// Most results are the nearest T: those are at most half an ULP off, and are not measured (four times as fast).
template <class T>
double error_of(T got, Judge<T> want) {
  return want <= std::numeric_limits<T>::max() && same_bits(got, static_cast<T>(want)) ? 0.5 : ulp_error<T>(got, want);
}

template <class T>
void check_exp(Mismatches& mismatches, T x, T got, Judge<T> want) {
  mismatches.check(std::signbit(got) && !std::isnan(got) ? INFINITY : error_of(got, want), exp_max_ulp, x, got, want);
}

// Zero below log(min), where a weight would be subnormal; within the bound, and normal, everywhere else.
template <class T>
void check_exp_nonpositive(Mismatches& mismatches, T x, T got, Judge<T> want) {
  const Judge<T> log_min = (std::numeric_limits<T>::min_exponent - 1) * std::log(Judge<T>(2));
  if (Judge<T>(x) < log_min) {
    mismatches.check(got == 0 && !std::signbit(got), x, got, 0);
  } else {
    const bool subnormal = !std::isnan(got) && !(got >= std::numeric_limits<T>::min());
    mismatches.check(subnormal ? INFINITY : error_of(got, want), exp_nonpositive_max_ulp, x, got, want);
  }
}

/// Feeds x through both functions in runs of a few thousand, and judges every result.
template <class T>
class Judged {
 public:
  ~Judged() { flush(); }
  void operator()(T x) {
    x_.push_back(x);
    if (x_.size() == 4096) flush();
  }
  void report(const std::string& what) {
    flush();
    std::cout << "[ exp      ] " << to_string(active_isa()) << ", " << what << ": at most "
              << exp_.worst() * exp_max_ulp << " ULP, " << nonpositive_.worst() * exp_nonpositive_max_ulp
              << " where x <= 0; hash " << std::hex << hash_.value() << std::dec << '\n';
  }

 private:
  void flush() {
    out_.resize(x_.size());
    want_.resize(x_.size());
    exp<T>(x_.data(), out_.data(), x_.size());
    for (std::size_t i = 0; i < x_.size(); ++i) {
      want_[i] = std::exp(Judge<T>(x_[i]));
      check_exp(exp_, x_[i], out_[i], want_[i]);
      if (!std::isnan(out_[i])) hash_.add(&out_[i], 1);
    }
    exp_nonpositive<T>(x_.data(), out_.data(), x_.size());
    for (std::size_t i = 0; i < x_.size(); ++i)
      if (!(x_[i] > 0)) check_exp_nonpositive(nonpositive_, x_[i], out_[i], want_[i]);
    x_.clear();
  }
  std::vector<T> x_, out_;
  std::vector<Judge<T>> want_;
  Hash hash_;
  Mismatches exp_{"exp"}, nonpositive_{"exp_nonpositive"};
};

TEST_P(Exp,
       FloatEvery997thBitPattern) {  // NaN, infinities, subnormal arguments, both signs: all of them are bit patterns
  // ATTNPOOL_EXP_STEP=1: every float there is; some ten minutes for each ISA.
  const char* text = std::getenv("ATTNPOOL_EXP_STEP");
  const std::uint64_t step = text == nullptr ? 997 * test_scale() : std::strtoull(text, nullptr, 10);
  ASSERT_GT(step, 0u) << "ATTNPOOL_EXP_STEP";
  Judged<float> judged;
  for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += step)
    judged(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  judged.report(step == 1 ? "float, every bit pattern" : "float, every " + std::to_string(step) + "th bit pattern");
}

TEST_P(Exp, FloatAroundBothCutoffs) {  // every float within a few thousand of log(max), log(min) and log(smallest)
  Judged<float> judged;
  for (const float edge : {88.72284f, -87.33654f, -103.27893f, -103.97208f})
    for (std::uint32_t i = 0; i < 4000; ++i)
      judged(std::bit_cast<float>(std::bit_cast<std::uint32_t>(edge) - 2000 + i));
}

TEST_P(Exp, DoubleAroundEveryBreakpoint) {  // the argument reduction changes its integer at odd multiples of ln2/2
  Judged<double> judged;
  const int step = static_cast<int>(std::min<std::size_t>(test_scale(), 50));
  for (int k = -2160; k <= 2050; k += step) {
    const double breakpoint = static_cast<double>(k * std::log(Real(2)) / 2);
    for (int i = -40; i <= 40; ++i)
      judged(breakpoint == 0 ? i * 0x1p-53 : std::bit_cast<double>(std::bit_cast<std::uint64_t>(breakpoint) + i));
  }
}

TEST_P(Exp, DoubleRandom) {
  Judged<double> judged;
  Random random(7);
  const std::size_t count = scaled(500'000, 2000);
  for (std::size_t i = 0; i < count; ++i) judged(random.uniform(-760, 720));
  for (std::size_t i = 0; i < count; ++i) judged(random.uniform(-1, 1));
  for (std::size_t i = 0; i < count; ++i) judged(std::bit_cast<double>(random.bits()));
  judged.report("double, " + std::to_string(3 * count) + " of them");
}

TEST_P(Exp, SpecialValues) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    using Limits = std::numeric_limits<T>;
    const T inf = Limits::infinity(), nan = Limits::quiet_NaN();
    const T x[] = {
        0, -T(0), nan, inf, -inf, Limits::max(), Limits::lowest(), Limits::denorm_min(), -Limits::denorm_min()};
    const T want[] = {1, 1, nan, inf, 0, inf, 0, 1, 1};
    T got[9], got_nonpositive[9];
    exp<T>(x, got, 9);
    exp_nonpositive<T>(x, got_nonpositive, 9);
    for (int i = 0; i < 9; ++i) {
      EXPECT_TRUE(std::isnan(want[i]) ? std::isnan(got[i]) : same_bits(got[i], want[i]))
          << "exp(" << x[i] << ") = " << got[i];
      if (x[i] > 0) continue;
      EXPECT_TRUE(std::isnan(want[i]) ? std::isnan(got_nonpositive[i]) : same_bits(got_nonpositive[i], want[i]))
          << "exp_nonpositive(" << x[i] << ") = " << got_nonpositive[i];
    }
  });
}

TEST_P(Exp,
       UnderflowIsGradual) {  // log(smallest subnormal) = -103.28 and -744.44: below the normal numbers, not yet zero
  const float xf[] = {-90, -100, -103, -104};
  float f[4];
  exp<float>(xf, f, 4);
  EXPECT_GT(f[0], f[1]);
  EXPECT_GT(f[1], f[2]);
  EXPECT_GT(f[2], 0);
  EXPECT_EQ(f[3], 0);
  const double xd[] = {-709, -730, -744, -746};
  double d[4];
  exp<double>(xd, d, 4);
  EXPECT_GT(d[0], d[1]);
  EXPECT_GT(d[1], d[2]);
  EXPECT_GT(d[2], 0);
  EXPECT_EQ(d[3], 0);
}

TEST_P(Exp, EveryCountAndAlignmentBetweenGuardPages) {  // tails of up to 4 registers of 16 lanes, and 3 more
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const auto x = random_matrix<T>(1, 67, -80, 0, 5);
    T want[67], want_nonpositive[67];
    for (int i = 0; i < 67; ++i) {  // one at a time: no other lane in use
      exp<T>(&x(0, i), want + i, 1);
      exp_nonpositive<T>(&x(0, i), want_nonpositive + i, 1);
    }
    Mismatches mismatches("tails");
    for (const Edge edge : {Edge::end, Edge::begin})
      for (std::size_t count = 0; count <= 67; ++count) {
        const GuardedBuffer<T> in(count, edge), out(count, edge);
        std::memcpy(in.data(), x.data(), count * sizeof(T));
        exp<T>(in.data(), out.data(), count);
        for (std::size_t i = 0; i < count; ++i)
          mismatches.check(same_bits(out[i], want[i]), at(count, i), out[i], want[i]);
        exp_nonpositive<T>(in.data(), in.data(), count);  // in place
        for (std::size_t i = 0; i < count; ++i)
          mismatches.check(same_bits(in[i], want_nonpositive[i]), at(count, i), in[i], want_nonpositive[i]);
      }
    for (std::size_t offset = 0; offset < 16; ++offset)  // every alignment of both arrays, sentinels on both sides
      for (std::size_t count : {1, 5, 33}) {
        std::vector<T> in(80, T(-7)), out(80, T(-7));
        std::memcpy(&in[offset + 1], x.data(), count * sizeof(T));
        exp<T>(&in[offset + 1], &out[16 - offset], count);
        for (std::size_t i = 0; i < out.size(); ++i) {
          const bool inside = i >= 16 - offset && i < 16 - offset + count;
          const T expected = inside ? want[i - (16 - offset)] : T(-7);
          mismatches.check(same_bits(out[i], expected), at(offset, i), out[i], expected);
        }
      }
  });
}

TEST_P(Exp, ASpecialValueDoesNotChangeItsNeighbours) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    using Limits = std::numeric_limits<T>;
    constexpr std::size_t count = 35;
    const auto x = random_matrix<T>(1, count, -50, 0, 6);
    T want[count], want_nonpositive[count];
    exp<T>(x.data(), want, count);
    exp_nonpositive<T>(x.data(), want_nonpositive, count);
    Mismatches mismatches("neighbours");
    for (const T special : {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity(), Limits::max(),
                            Limits::lowest(), Limits::denorm_min(), T(-0.0), T(-95), T(-720)})
      for (std::size_t lane = 0; lane < count; ++lane) {
        T in[count], out[count], out_nonpositive[count];
        std::memcpy(in, x.data(), sizeof in);
        in[lane] = special;
        exp<T>(in, out, count);
        exp_nonpositive<T>(in, out_nonpositive, count);
        for (std::size_t i = 0; i < count; ++i) {
          if (i == lane) continue;
          mismatches.check(same_bits(out[i], want[i]), at(lane, i), out[i], want[i]);
          mismatches.check(same_bits(out_nonpositive[i], want_nonpositive[i]), at(lane, i), out_nonpositive[i],
                           want_nonpositive[i]);
        }
      }
  });
}

}  // namespace
}  // namespace attnpool::test
