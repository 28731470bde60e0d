// The C interface: messages of threads and long ones, allocations that fail, and no exception that gets out.
#include <attnpool/attnpool.hpp>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "allocations.hpp"
#include "c_api_call.hpp"

namespace attnpool::test {
namespace {

TEST(CApiMistakes, EveryThreadHasItsOwnMessage) {
  std::vector<std::thread> threads;
  std::vector<std::string> first(4), messages(4);
  EXPECT_EQ(attnpool_thread_count(-99, nullptr), ATTNPOOL_INVALID_ARGUMENT);
  const std::string mine = attnpool_last_error();
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      first[static_cast<std::size_t>(i)] = attnpool_last_error();
      for (int repeat = 0; repeat < 1000; ++repeat) {
        int count = 0;
        attnpool_thread_count(-1 - i, &count);
        attnpool_thread_count(1, &count);  // success leaves the message
      }
      messages[static_cast<std::size_t>(i)] = attnpool_last_error();
    });
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(first[static_cast<std::size_t>(i)], "");
    EXPECT_EQ(messages[static_cast<std::size_t>(i)],
              "threads: must be 0 (automatic) or more, got " + std::to_string(-1 - i));
  }
  EXPECT_EQ(attnpool_last_error(), mine);
}

TEST(CApiMistakes, LongMessagesAreCut) {
  const std::string name(1000, 'x');
  EXPECT_EQ(attnpool_force_isa(name.c_str()), ATTNPOOL_INVALID_ARGUMENT);
  EXPECT_EQ(std::string(attnpool_last_error()), ("ISA '" + name).substr(0, 511));
}

/// Every allocation of every function fails in turn, with all after it: never an exception, never half a handle.
TEST(CApiMistakes, OutOfMemoryAtAnyAllocation) {
  if (!counts_allocations()) GTEST_SKIP() << "operator new is a sanitizer's";
  int refused = 0;
  for_float_and_double([&](auto zero) {
    Call<decltype(zero)> c;
    c.fit_options.epochs = 2;
    const std::pair<const char*, std::function<attnpool_status()>> functions[] = {
        {"pool", [&] { return c.pool(); }},
        {"pool_batch", [&] { return c.pool_batch(); }},
        {"attention_weights", [&] { return c.attention_weights(); }},
        {"average_pool", [&] { return c.average_pool(); }},
        {"pool_gradient", [&] { return c.pool_gradient(); }},
        {"loss_gradient", [&] { return c.loss_gradient(); }},
        {"fit", [&] { return c.fit(); }},
        {"log_sum_exp", [&] { return c.log_sum_exp(); }},
        {"create", [&] { return c.create(); }},
        {"update", [&] { return c.update(); }},
        {"force_isa", [&] { return attnpool_force_isa("scalar"); }}};
    for (const auto& [name, run] : functions) {
      int allocations = 0;
      for (bool failed = true; failed && allocations < 10'000; ++allocations) {
        attnpool_status status;
        {
          const FailAllocation fail(allocations + 1, FailAllocation::Then::fail);
          status = run();
          failed = fail.has_failed();
        }
        refused += failed;
        ASSERT_EQ(status, failed ? ATTNPOOL_OUT_OF_MEMORY : ATTNPOOL_OK) << name << ", allocation " << allocations + 1;
        if (failed) {
          ASSERT_STREQ(attnpool_last_error(), "out of memory") << name;
        }
      }
      EXPECT_LT(allocations, 10'000) << name << " allocates without end";
      EXPECT_GT(allocations, 1) << name << " allocates nothing";
    }
    expect_ok(attnpool_force_isa(nullptr), "automatic");
  });
  EXPECT_GT(refused, 100);
}

// C++ sees that nothing throws.
static_assert(noexcept(attnpool_pool_f32({}, {}, {}, nullptr, 0, {}, nullptr)));
static_assert(noexcept(attnpool_fit_f64({}, {}, nullptr, nullptr)));

}  // namespace
}  // namespace attnpool::test
