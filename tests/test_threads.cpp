// Threads and batches: a query's bits depend on neither; nested regions, forked children.
#include <dirent.h>
#include <omp.h>
#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <attnpool/attnpool.hpp>
#include <chrono>
#include <cmath>
#include <functional>
#include <memory>
#include <stdexcept>
#include <thread>

#include "child.hpp"
#include "isa_param.hpp"
#include "problem.hpp"

namespace attnpool::test {
namespace {

class Threads : public IsaTest {};
ATTNPOOL_ON_EVERY_ISA(Threads);

// Q x K of a few million pairs: worth a team, whichever way it is split (few queries: chunks of keys; many: blocks of
// queries).
const std::pair<std::size_t, std::size_t> shapes[] = {
    {1, 2'000'003}, {3, 500'000}, {65, 40'000}, {1500, 2000}, {20'000, 111}};

TEST_P(Threads, AnyNumberGivesTheSameBits) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const auto& [query_count, key_count] : shapes)
      for (const KeyRange range : {KeyRange::all(), KeyRange::all_but_self()}) {
        auto problem = Problem<T>::random(query_count, scaled(key_count, 100), 1, 1);
        for (std::size_t q = 2; q < query_count; q += 5) problem.queries(q, 0) *= T(1e4);  // some far from every key
        problem.options.range = range;
        problem.options.threads = 1;
        const auto want = problem.pool();
        for (const int threads : {2, 3, 4, 7, 16}) {
          problem.options.threads = threads;
          EXPECT_TRUE(same_bits(problem.pool(), want)) << threads << " threads, " << problem.shape();
        }
      }
  });
}

TEST_P(Threads, WeightsToo) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const auto& [query_count, key_count] : {std::pair<std::size_t, std::size_t>{2, 400'000}, {700, 1500}}) {
      auto problem = Problem<T>::random(query_count, scaled(key_count, 100), 2, 1);
      Matrix<T> want(query_count, problem.keys.rows()), got = want;
      problem.options.threads = 1;
      attention_weights<T>(problem.queries, problem.keys, problem.score, want.view(), problem.options);
      for (const int threads : {2, 3, 16}) {
        problem.options.threads = threads;
        attention_weights<T>(problem.queries, problem.keys, problem.score, got.view(), problem.options);
        EXPECT_TRUE(same_bits(got, want)) << threads << " threads, " << problem.shape();
      }
    }
  });
}

TEST_P(Threads, AgainAndAgainTheSameBits) {  // 250 repeats, 1 to 16 threads in turn: what a race would show
  auto problem = Problem<float>::random(300, 4000, 1, 1);
  problem.options.threads = 1;
  const auto want = problem.pool();
  for (std::size_t i = 0; i < scaled(250, 16); ++i) {
    problem.options.threads = 1 + static_cast<int>(i % 16);
    ASSERT_TRUE(same_bits(problem.pool(), want)) << "repeat " << i;
  }
}

TEST_P(Threads, AQueryAloneGivesTheSameBitsAsInAnyBatch) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const std::size_t key_count : {1, 7, 130, 5000, 20'000})
      for (const std::size_t dims : {1, 2, 6}) {
        auto whole = Problem<T>::random(67, scaled(key_count, 1), dims, 3);
        if (dims == 2) whole.score = Gaussian({0.4, -1.7});
        if (dims == 6) whole.score = Gaussian(0.3);
        for (std::size_t q = 3; q < 67; q += 9)
          whole.queries(q, 0) = T(500) * static_cast<T>(q);  // some neighbours are far
        whole.options.algorithm = Algorithm::dense;
        const auto batch = whole.pool();
        const auto slice = [&](std::size_t first, std::size_t count) {
          Matrix<T> out(count, 3);
          pool<T>(whole.queries.rows(first, count), whole.keys, whole.values, whole.score, out.view(), whole.options);
          for (std::size_t i = 0; i < count; ++i)
            EXPECT_TRUE(same_bits<T>({&out(i, 0), 1, 3}, {&batch(first + i, 0), 1, 3}))
                << "query " << first + i << " in " << first << " + " << count << ", " << whole.shape() << ": "
                << out(i, 0) << " and " << batch(first + i, 0);
        };
        for (std::size_t q = 0; q < 67; ++q) slice(q, 1);
        for (const std::size_t first : {1, 2, 5, 13}) slice(first, 67 - first);
        for (const std::size_t count : {2, 8, 17, 33, 66}) slice(0, count);
      }
  });
}

TEST_P(Threads, AQueryAloneWithItsOwnRangeToo) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const std::size_t key_count : {20, 300, 9000}) {
      auto whole = Problem<T>::random(40, key_count, 1, 1);
      whole.options.algorithm = Algorithm::dense;
      for (const bool leave_one_out : {true, false}) {
        whole.options.range = leave_one_out ? KeyRange::all_but_self() : KeyRange::causal(3);
        const auto batch = whole.pool();
        for (std::ptrdiff_t q = 0; q < 40; ++q) {
          Options options = whole.options;
          options.range = leave_one_out ? KeyRange::all_but_self(q) : KeyRange::causal(q + 3);
          T alone;
          pool<T>(whole.queries.rows(static_cast<std::size_t>(q), 1), whole.keys, whole.values, whole.score,
                  {&alone, 1, 1}, options);
          EXPECT_TRUE(same_bits(alone, batch(static_cast<std::size_t>(q), 0)))
              << "query " << q << " " << whole.shape() << ": " << alone << " and "
              << batch(static_cast<std::size_t>(q), 0);
        }
      }
    }
  });
}

/// Runs caller(i) on 16 threads at once.
void sixteen_callers(const std::function<void(std::size_t)>& caller) {
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 16; ++i) threads.emplace_back(caller, i);
  for (std::thread& thread : threads) thread.join();
}

TEST_P(Threads, SixteenCallersWithTeams) {
  const auto problem = Problem<double>::random(50, 30'000, 2, 2);
  const auto want = problem.pool();
  std::atomic<int> wrong{0};
  sixteen_callers([&](std::size_t) {
    for (std::size_t j = 0; j < scaled(20, 2); ++j) wrong += !same_bits(problem.pool(), want);
  });
  EXPECT_EQ(wrong, 0);
}

TEST(Threads, OnePoolPlanServesManyThreadsAtATime) {
  const auto p = Problem<double>::random(50, 3000, 2, 1);
  const PoolPlan<double> plan(p.keys, p.values);
  const auto answer = [&](double w, Algorithm algorithm) {
    Matrix<double> out(50, 1);
    plan.pool(p.queries, Gaussian(w), out.view(), {.algorithm = algorithm});
    return out;
  };
  // Each thread asks for a scale and an algorithm of its own, so that one who did not wait would find another's keys.
  const Algorithm algorithms[] = {Algorithm::dense, Algorithm::pruned, Algorithm::grid};
  std::vector<Matrix<double>> want;
  for (std::size_t i = 0; i < 16; ++i) want.push_back(answer(1.0 + static_cast<double>(i), algorithms[i % 3]));
  std::atomic<int> wrong = 0;
  sixteen_callers([&](std::size_t i) {
    for (int j = 0; j < 20; ++j) wrong += !same_bits(answer(1.0 + static_cast<double>(i), algorithms[i % 3]), want[i]);
  });
  EXPECT_EQ(wrong, 0);
}

/// Every function of the library on small shapes, as calls that give what they computed.
template <class T>
std::vector<std::function<Matrix<T>()>> small_calls(const Problem<T>& p) {
  const auto planned = [&p](Algorithm algorithm) {
    return [&p, algorithm] {
      Problem<T> mine = p;
      mine.options.algorithm = algorithm;
      return mine.pool();
    };
  };
  const std::size_t cols = p.values.cols(), n = p.queries.rows();
  const auto one = [](double x) { return Matrix<T>::column({x}); };
  return {
      planned(Algorithm::automatic),
      planned(Algorithm::dense),
      planned(Algorithm::pruned),
      planned(Algorithm::grid),
      [=, &p] {
        Matrix<T> out(n, cols);
        pool_batch<T>(1, p.queries, p.keys, p.values, p.score, out.view(), p.options);
        return out;
      },
      [=, &p] {
        Matrix<T> out(n, cols), gradient(n, cols);
        pool_gradient<T>(p.queries, p.keys, p.values, p.score, out.view(), gradient.view(), p.options);
        return gradient;
      },
      [=, &p] {
        Matrix<T> weights(n, p.keys.rows());
        attention_weights<T>(p.queries, p.keys, p.score, weights.view(), p.options);
        return weights;
      },
      [=, &p] {
        Matrix<T> out(p.values.rows(), cols);
        softmax<T>(p.values, out.view(), p.options);
        return out;
      },
      [=, &p] {
        Matrix<T> out(n, cols), mean(n, cols);
        average_pool<T>(p.values, mean.view());
        PoolState<T> state(p.queries, cols, p.score);
        state.update(p.keys, p.values, p.options);
        state.finish(out.view());
        return out;
      },
      [=, &p] {
        Matrix<T> out(n, cols);
        PoolPlan<T>(p.keys, p.values).pool(p.queries, p.score, out.view(), p.options);
        return out;
      },
      [=, &p] {
        return one(loss_gradient<T>(p.keys, p.keys, p.values, p.values, p.score, Loss::mean, p.options).gradient[0]);
      },
      [=, &p] {
        FitOptions options;
        options.epochs = 1;
        options.threads = 1;
        return one(fit<T>(p.keys, p.values, options).loss);
      },
      [=, &p] {  // refused: an exception on many threads at once
        try {
          Matrix<T> out(n + 1, cols);
          pool<T>(p.queries, p.keys, p.values, p.score, out.view(), p.options);
          return out;
        } catch (const std::invalid_argument& error) {
          return one(static_cast<double>(std::string(error.what()).size()));
        }
      },
  };
}

TEST_P(Threads, SixteenCallersTenThousandCallsEach) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    auto problem = Problem<T>::random(4, 40, 2, 2);
    problem.options.threads = 1;
    const auto calls = small_calls(problem);
    std::vector<Matrix<T>> want;
    for (const auto& call : calls) want.push_back(call());
    std::atomic<int> wrong{0};
    sixteen_callers([&](std::size_t i) {
      for (std::size_t j = 0; j < scaled(5000, 2 * calls.size()); ++j) {  // of each type: different calls at once
        const std::size_t c = (i + j) % calls.size();
        wrong += !same_bits(calls[c](), want[c]);
      }
    });
    EXPECT_EQ(wrong, 0);
  });
}

// ---- the number of threads ---------------------------------------------------------------------

TEST(ThreadCount, IsWhatWasAskedFor) {
  EXPECT_GE(thread_count(), 1);
  EXPECT_EQ(thread_count(1), 1);
  EXPECT_EQ(thread_count(3), 3);
  EXPECT_THROW(thread_count(-1), std::invalid_argument);
}

TEST(ThreadCount, TheEnvironmentComesBeforeOpenMP) {
  const ChildResult five = run_probe("threads", {"ATTNPOOL_NUM_THREADS=5", "OMP_NUM_THREADS=2"});
  if (!five.started) GTEST_SKIP() << "a program cannot start itself here";
  EXPECT_EQ(five.output, "5");
  EXPECT_EQ(run_probe("threads", {"ATTNPOOL_NUM_THREADS=", "OMP_NUM_THREADS=2"}).output, "2");
  EXPECT_EQ(run_probe("threads=3", {"ATTNPOOL_NUM_THREADS=5"}).output, "3");
}

TEST(ThreadCount, ABadEnvironmentIsAnError) {
  for (const char* bad : {"0", "-1", "two", "2x", " 2", "1.5", "99999999999999999999"}) {
    for (const char* what :
         {"threads", "pool", "pool_gradient", "attention_weights", "loss_gradient", "fit", "update"}) {
      const ChildResult child = run_probe(what, {std::string("ATTNPOOL_NUM_THREADS=") + bad});
      if (!child.started) GTEST_SKIP() << "a program cannot start itself here";
      EXPECT_EQ(child.status, 3) << what << ": " << child.output;
      EXPECT_TRUE(child.output.starts_with("invalid_argument: ATTNPOOL_NUM_THREADS")) << what << ": " << child.output;
      EXPECT_NE(child.output.find(bad), std::string::npos) << what << ": " << child.output;
    }
  }
}

int threads_alive() {
  int count = 0;
  DIR* tasks = opendir("/proc/self/task");
  while (const dirent* entry = readdir(tasks)) count += entry->d_name[0] != '.';
  closedir(tasks);
  return count;
}

TEST(ThreadCount, InsideAParallelRegionItIsOne) {
  auto problem = Problem<float>::random(200, 10'000);
  problem.options.threads = 1;
  const auto want = problem.pool();
  problem.options.threads = 4;
  int before = 0, after = 0, wrong = 0, counts = 0;
#pragma omp parallel num_threads(4) reduction(+ : wrong, counts)
  {
#pragma omp single
    before = threads_alive();
    counts += thread_count(4);
    wrong += !same_bits(problem.pool(), want);
#pragma omp barrier
#pragma omp single
    after = threads_alive();
  }
  EXPECT_EQ(counts, 4);
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(after, before);
}

TEST(ThreadCount,
     AChildForkedAfterAParallelCallComputes) {  // GCC's runtime has no threads there, and would wait for them
  auto problem = Problem<float>::random(200, 20'000);
  problem.options.algorithm = Algorithm::dense;
  problem.options.threads = 4;
  const auto want = problem.pool();
  const pid_t child = fork();
  if (child == 0) {
    const bool good = thread_count(4) == 1 && same_bits(problem.pool(), want);
    _exit(good ? 0 : 1);
  }
  int status = -1;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5 * static_cast<long>(test_scale()));
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > deadline) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      FAIL() << "the child hangs";
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
  EXPECT_TRUE(same_bits(problem.pool(), want)) << "the parent goes on as before";
}

}  // namespace
}  // namespace attnpool::test
