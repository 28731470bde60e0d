// What a call does to the process: memory does not grow with queries x keys; rounding mode and control words stay as
// they were.
#include <attnpool/attnpool.hpp>
#include <cfenv>
#include <clocale>
#include <csignal>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "allocations.hpp"
#include "isa_param.hpp"
#include "problem.hpp"

namespace attnpool::test {
namespace {

class Process : public IsaTest {};
ATTNPOOL_ON_EVERY_ISA(Process);

template <class T>
std::size_t peak_of_pool(std::size_t query_count, std::size_t key_count, std::size_t dims, std::size_t cols,
                         int threads) {
  auto problem = Problem<T>::random(query_count, key_count, dims, cols);
  problem.options.threads = threads;
  Matrix<T> out(query_count, cols);
  const PeakBytes peak;
  pool<T>(problem.queries, problem.keys, problem.values, problem.score, out.view(), problem.options);
  return peak.value();
}

TEST_P(Process, MemoryOfPoolDoesNotGrowWithQueriesTimesKeys) {
  if (!counts_allocations()) GTEST_SKIP() << "operator new is a sanitizer's";
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const int threads : {1, 4}) {
      // O(K (D + V)): a few copies of keys and values, and what each thread needs for a block of queries.
      const std::size_t per_thread = 1 << 20;
      for (const std::size_t key_count : {1000, 20'000})
        for (const std::size_t query_count : {100, 10'000}) {
          const std::size_t queries = scaled(query_count, 64);
          EXPECT_LE(peak_of_pool<T>(queries, key_count, 2, 1, threads),
                    3 * (key_count * 3 * sizeof(T) + queries * sizeof(T)) + threads * per_thread)
              << "Q=" << queries << " K=" << key_count << " threads=" << threads;
        }
      const std::size_t few = peak_of_pool<T>(1000, 5000, 1, 1, threads);
      const std::size_t many = peak_of_pool<T>(scaled(20'000, 2000), 5000, 1, 1, threads);
      EXPECT_LE(many, few + 20'000 * 2 * sizeof(T) + (threads > 1 ? per_thread : 4096)) << "threads=" << threads;
    }
  });
}

TEST_P(Process, MemoryOfAFitDoesNotGrowWithTheSquareOfThePoints) {
  if (!counts_allocations()) GTEST_SKIP() << "operator new is a sanitizer's";
  const auto data = Problem<float>::random(1, scaled(8000, 2000), 1, 1);  // 64 million pairs
  FitOptions options;
  options.w0 = {1};
  options.epochs = 1;
  options.threads = 2;
  const PeakBytes peak;
  fit<float>(data.keys, data.values, options);
  EXPECT_LE(peak.value(), std::size_t{8} << 20);
}

/// Everything that computes, once.
void call_everything() {
  const auto problem = Problem<float>::random(40, 300, 2, 2);
  const auto out = problem.pool();
  Matrix<float> gradient(40, 2), weights(40, 300), e(300, 2);
  pool_gradient<float>(problem.queries, problem.keys, problem.values, problem.score, out.view(), gradient.view());
  attention_weights<float>(problem.queries, problem.keys, problem.score, weights.view());
  softmax<float>(problem.keys, e.view());
  std::vector<float> sums(300);
  log_sum_exp<float>(problem.keys, sums.data());
  exp<float>(problem.keys.data(), e.data(), 600);
  exp_nonpositive<float>(problem.keys.data(), e.data(), 600);
  average_pool<float>(problem.values, out.view());
  PoolState<float> state(problem.queries, 2, problem.score);
  state.update(problem.keys, problem.values);
  state.finish(out.view());
  fit<float>(problem.keys, problem.values);
}

TEST_P(Process, FloatingPointControlIsLeftAlone) {
  const std::string locale = std::setlocale(LC_ALL, nullptr);
  for (const int mode : {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    ASSERT_EQ(std::fesetround(mode), 0);
    call_everything();
    EXPECT_EQ(std::fegetround(), mode);
  }
  std::fesetround(FE_TONEAREST);
#if defined(__SSE2__)
  constexpr unsigned flags = 0x3f;                            // the exception flags are results, all else is control
  for (const unsigned extra : {0x0000u, 0x8000u, 0x8040u}) {  // default, flush to zero, and denormals are zero
    const unsigned control = (_mm_getcsr() & ~(flags | 0x8040u)) | extra;
    _mm_setcsr(control);
    call_everything();
    EXPECT_EQ(_mm_getcsr() & ~flags, control);
  }
  _mm_setcsr(_mm_getcsr() & ~0x8040u);
#endif
  EXPECT_EQ(std::setlocale(LC_ALL, nullptr), locale);
  volatile float smallest = std::numeric_limits<float>::denorm_min();
  EXPECT_NE(smallest * 1.0f, 0) << "subnormal numbers are still alive";
}

TEST_P(Process, SignalHandlersAreLeftAlone) {
  struct sigaction before[NSIG] = {}, after = {};
  for (int signal = 1; signal < NSIG; ++signal) sigaction(signal, nullptr, &before[signal]);
  call_everything();
  for (int signal = 1; signal < NSIG; ++signal)
    if (sigaction(signal, nullptr, &after) == 0) {
      EXPECT_EQ(after.sa_handler, before[signal].sa_handler) << "signal " << signal;
    }
}

#if defined(__SSE2__)
TEST_P(Process, FlushToZeroInTheCallerChangesNoNormalResult) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const std::size_t dims : {1, 2, 9})
      for (const double w : {1.0, 6.0}) {
        auto problem = Problem<T>::random(40, 500, dims, 2);
        for (std::size_t q = 3; q < 40; q += 7) problem.queries(q, 0) = T(300) * static_cast<T>(q);  // far
        problem.score = Gaussian(w);
        problem.options.threads = 1;  // the control word belongs to this thread
        const auto results = [&] {
          std::vector<Matrix<T>> all = {problem.pool()};
          Matrix<T> out(40, 2), gradient(40, 2), weights(40, 500), soft(500, 2), streamed(40, 2);
          pool_gradient<T>(problem.queries, problem.keys, problem.values, problem.score, out.view(), gradient.view(),
                           problem.options);
          attention_weights<T>(problem.queries, problem.keys, problem.score, weights.view(), problem.options);
          softmax<T>(problem.values, soft.view(), problem.options);
          PoolState<T> state(problem.queries, 2, problem.score);
          state.update(problem.keys, problem.values, problem.options);
          state.finish(streamed.view());
          for (const auto& m : {out, gradient, weights, soft, streamed}) all.push_back(m);
          return all;
        };
        const auto want = results();
        const unsigned control = _mm_getcsr();
        _mm_setcsr(control | 0x8040u);
        const auto got = results();
        _mm_setcsr(control);
        Mismatches mismatches("flush to zero, " + problem.shape());
        for (std::size_t i = 0; i < want.size(); ++i)
          for (std::size_t r = 0; r < want[i].rows(); ++r)
            for (std::size_t c = 0; c < want[i].cols(); ++c) {
              const T x = want[i](r, c), y = got[i](r, c);
              const bool subnormal = std::abs(x) < std::numeric_limits<T>::min();
              mismatches.check(same_bits(x, y) || (subnormal && std::abs(y) <= std::numeric_limits<T>::min()),
                               "result " + std::to_string(i) + " " + at(r, c), y, x);
            }
      }
  });
}
#endif

}  // namespace
}  // namespace attnpool::test
