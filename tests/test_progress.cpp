// Progress: who is told, how often, and what stopping or throwing does.
#include <attnpool/attnpool.hpp>
#include <chrono>
#include <cmath>
#include <functional>
#include <memory>
#include <stdexcept>
#include <thread>

#include "isa_param.hpp"
#include "problem.hpp"

namespace attnpool::test {
namespace {

struct LongCall {
  std::string name;
  std::function<void(const Options&)> run;
};

/// Calls that take some tenths of a second on the slowest ISA.
std::vector<LongCall> long_calls() {
  const auto n = static_cast<std::size_t>(11'000 / std::sqrt(static_cast<double>(test_scale())));
  const auto problem = std::make_shared<Problem<double>>(Problem<double>::random(n, n, 2, 1));
  const auto out = std::make_shared<Matrix<double>>(n, 1), gradient = std::make_shared<Matrix<double>>(n, 1);
  const auto weights = std::make_shared<Matrix<double>>(n / 2, n / 4);
  return {{"pool",
           [=](const Options& options) {
             pool<double>(problem->queries, problem->keys, problem->values, problem->score, out->view(), options);
           }},
          {"pool, few queries",
           [=](const Options& options) {
             for (int i = 0; i < 30; ++i)
               pool<double>(problem->queries.rows(0, n / 22), problem->keys, problem->values, problem->score,
                            {out->data(), n / 22, 1}, options);
           }},
          {"pool_gradient",
           [=](const Options& options) {
             pool_gradient<double>(problem->queries, problem->keys, problem->values, problem->score, out->view(),
                                   gradient->view(), options);
           }},
          {"loss_gradient",
           [=](const Options& options) {
             loss_gradient<double>(problem->queries, problem->keys, problem->values, problem->values, problem->score,
                                   Loss::mean, options);
           }},
          {"attention_weights",
           [=](const Options& options) {
             for (int i = 0; i < 4; ++i)
               attention_weights<double>(problem->queries.rows(0, n / 2), problem->keys.rows(0, n / 4), problem->score,
                                         weights->view(), options);
           }},
          {"PoolState::update", [=](const Options& options) {
             PoolState<double>(problem->queries, 1, problem->score).update(problem->keys, problem->values, options);
           }}};
}

TEST(Progress, IsToldOnTheCallingThread) {
  ScopedIsa slow(Isa::scalar);
  const auto caller = std::this_thread::get_id();
  for (const LongCall& long_call : long_calls())
    for (const int threads : {1, 2}) {
      if (long_call.name == "pool, few queries" || long_call.name == "attention_weights") continue;  // each is short
      int calls = 0;
      double last = 0;
      Options options;
      options.threads = threads;
      options.progress = [&](double fraction) {
        ++calls;
        EXPECT_EQ(std::this_thread::get_id(), caller) << long_call.name;
        EXPECT_GE(fraction, last) << long_call.name;
        EXPECT_LE(fraction, 1) << long_call.name;
        last = fraction;
        return true;
      };
      const auto start = std::chrono::steady_clock::now();
      long_call.run(options);
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      EXPECT_LE(calls, 2 + 10 * seconds * 1.5) << long_call.name << " took " << seconds << " s";
      if (test_scale() > 1) continue;  // an emulator's time says nothing
      EXPECT_GE(calls, static_cast<int>(seconds * 10 / 4))
          << long_call.name << " took " << seconds << " s";  // a busy machine: a quarter
    }
}

TEST(Progress, FalseCancels) {
  ScopedIsa slow(Isa::scalar);
  for (const LongCall& long_call : long_calls())
    for (const int threads : {1, 2}) {
      bool asked = false;
      Options options;
      options.threads = threads;
      options.progress = [&](double) {
        EXPECT_FALSE(asked) << long_call.name << ": asked again after it was told to stop";
        asked = true;
        return false;
      };
      try {
        long_call.run(options);
        EXPECT_FALSE(asked) << long_call.name << " went on after it was told to stop";
      } catch (const Cancelled&) {
        EXPECT_TRUE(asked) << long_call.name;
      }
    }
}

TEST(Progress, AnExceptionOfTheCallbackReachesTheCaller) {
  ScopedIsa slow(Isa::scalar);
  for (const LongCall& long_call : long_calls()) {
    bool asked = false;
    Options options;
    options.threads = 2;
    options.progress = [&](double) -> bool {
      asked = true;
      throw std::length_error("from the callback");
    };
    try {
      long_call.run(options);
      EXPECT_FALSE(asked) << long_call.name << " lost the exception";
    } catch (const std::length_error&) {
    }
  }
}

}  // namespace
}  // namespace attnpool::test
