// The n-th allocation fails, for every n: each call throws std::bad_alloc, gives back all that it took, and the same call
// works afterwards.
#include <attnpool/attnpool.hpp>
#include <attnpool/selection.hpp>
#include <functional>
#include <iostream>
#include <new>

#include "allocations.hpp"
#include "problem.hpp"

namespace attnpool::test {
namespace {

/// Fails each allocation of the call in turn: the first `every`, then each 31st (which is each where there are fewer; each
/// 31st from the start where the tests are scaled down by 10 and more). Returns how many there are.
long fail_each(const std::string& name, const std::function<void()>& call, long every = 100'000) {
  call();  // what is made once and kept is made now
  for (long n = 1; n < 100'000; n += test_scale() < 10 && n < every ? 1 : 31) {
    const PeakBytes bytes;
    bool threw = false, failed = false;
    {
      FailAllocation fail(n);
      try {
        call();
      } catch (const std::bad_alloc&) {
        threw = true;
      } catch (const std::exception& error) {
        ADD_FAILURE() << name << ", allocation " << n << ": " << error.what();
      }
      failed = fail.has_failed();
    }
    EXPECT_EQ(bytes.alive_now(), 0u) << name << " leaks when allocation " << n << " fails";
    if (!failed) {
      EXPECT_FALSE(threw) << name;
      return n - 1;
    }
    EXPECT_TRUE(threw) << name << " hides that allocation " << n << " failed";
  }
  ADD_FAILURE() << name << " allocates without end";
  return 0;
}

TEST(Failures, EveryAllocationOfEveryFunction) {  // routines allocate nothing: one ISA stands for all
  if (!counts_allocations()) GTEST_SKIP() << "operator new is a sanitizer's";
  long total = 0;
  for_float_and_double([&](auto zero) {
    using T = decltype(zero);
    for (const int threads : {1, 3}) {
      const std::size_t dims = test_scale() < 100 ? 3 : 1;  // a grid in three dimensions is thousands of allocations
      const auto problem = Problem<T>::random(150, 700, dims, 4);  // worth a team
      const auto few = Problem<T>::random(2, 33'000, 2, 3);
      Options options;
      options.threads = threads;
      Matrix<T> out(150, 4), gradient(150, 4), weights(150, 700), small(2, 3), soft(700, 4);
      std::vector<T> sums(700);
      PoolState<T> state(problem.queries, 4, problem.score), other = state;
      other.update(problem.keys, problem.values);
      const Matrix<T>& p = problem.queries;
      const auto run = [&](const char* name, const std::function<void()>& call) {
        const long count = fail_each(name, call);
        total += count;
      };
      // A grid or an order of keys is made in many small steps, and a search evaluates thousands of times.
      const auto run_some = [&](const char* name, const std::function<void()>& call, long step = 25) {
        total += fail_each(name, call, step);
      };
      for (const Algorithm algorithm : {Algorithm::dense, Algorithm::pruned, Algorithm::grid}) {
        if (threads == 1 && algorithm != Algorithm::dense) continue;  // the same steps
        Options planned = options;
        planned.algorithm = algorithm;
        run_some("pool", [&] { pool<T>(p, problem.keys, problem.values, Gaussian(1.0), out.view(), planned); });
        run_some("PoolPlan", [&] {
          PoolPlan<T> prepared(problem.keys, problem.values);
          prepared.pool(p, Gaussian(1.0), out.view(), planned);
          prepared.leave_one_out(Gaussian(0.5), Loss::mean, true, planned);
        });
      }
      run("pool of few queries", [&] { pool<T>(few.queries, few.keys, few.values, few.score, small.view(), options); });
      run("pool_batch",
          [&] { pool_batch<T>(10, p, problem.keys, problem.values, problem.score, out.view(), options); });
      run("explain_pool", [&] { explain_pool<T>(p, problem.keys, problem.values, problem.score, options); });
      run("pool_gradient", [&] {
        pool_gradient<T>(p, problem.keys, problem.values, problem.score, out.view(), gradient.view(), options);
      });
      run("loss_gradient", [&] {
        loss_gradient<T>(problem.keys, problem.keys, problem.values, problem.values, problem.score, Loss::mean,
                         options);
      });
      run("attention_weights", [&] { attention_weights<T>(p, problem.keys, problem.score, weights.view(), options); });
      run("average_pool", [&] { average_pool<T>(problem.values, out.view()); });
      run("softmax", [&] { softmax<T>(problem.values, soft.view(), options); });
      run("log_sum_exp", [&] { log_sum_exp<T>(problem.values, sums.data(), options); });
      run("PoolState", [&] { PoolState<T>(p, 4, problem.score); });
      run("PoolState::update", [&] { state.update(problem.keys, problem.values, options); });
      run("PoolState::merge", [&] { state.merge(other); });
      run("PoolState::finish", [&] { state.finish(out.view()); });
      if (threads == 1) {  // 20 rows are one thread's work, however many there may be; and the search is in double
        const long each = sizeof(T) == 8 ? 997 : 25;
        run_some(
            "select_bandwidth", [&] { select_bandwidth<T>(few.keys.rows(0, 20), few.values.rows(0, 20)); }, each);
      }
      run_some("Inference", [&] {
        const Inference inference(problem.keys, problem.values, problem.score, {.threads = threads});
        inference.predict(p, {.slopes = true, .nearest = true});
      });
      run_some("Inference::bootstrap", [&] {
        const Inference inference(problem.keys, problem.values, problem.score, {.threads = threads});
        inference.bootstrap(p, {.replicates = 5, .band = BootstrapBand::simultaneous, .keep_replicates = true});
        inference.bootstrap(p, {.kind = Resampling::pairs, .replicates = 5});
      });
      run("fit", [&] {
        FitOptions fit_options;
        fit_options.epochs = 2;
        fit_options.threads = threads;
        fit<T>(few.keys.rows(0, 400), few.values.rows(0, 400), fit_options);
      });
    }
  });
  std::cout << "[ cases    ] " << total << " failed allocations\n";
  EXPECT_GE(total, 200);  // those there are, failed or not
}

}  // namespace
}  // namespace attnpool::test
