#include "base/threads.hpp"

#include <omp.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "base/to_string.hpp"
#include "base/validate.hpp"

namespace attnpool {
namespace {

// GCC's OpenMP runtime hangs in a child forked after a parallel region (its threads are gone, it waits for them): such
// a child stays serial.
std::atomic<bool> used_a_team{false};
std::atomic<bool> is_forked_child{false};

void watch_for_fork() {
  static const int once = pthread_atfork(nullptr, nullptr, [] {
    if (used_a_team) is_forked_child = true;
  });
  (void)once;
}

int threads_from_environment() {
  const char* s = std::getenv("ATTNPOOL_NUM_THREADS");
  if (!s || !*s) return 0;
  int n = 0;
  const char* end = s + std::strlen(s);
  const auto [stop, error] = std::from_chars(s, end, n);
  if (error != std::errc{} || stop != end || n < 1)
    detail::bad_argument("ATTNPOOL_NUM_THREADS", "must be a positive integer, got '" + std::string(s) + "'");
  return n;
}

}  // namespace

int thread_count(int requested) {
  if (requested < 0)
    detail::bad_argument("threads", "must be 0 (automatic) or more, got " + detail::to_string(requested));
  const int from_environment = requested > 0 ? 0 : threads_from_environment();
  if (requested == 1 || omp_in_parallel() || is_forked_child) return 1;
  const int n = requested > 0 ? requested : from_environment > 0 ? from_environment : omp_get_max_threads();
  return std::min({n, omp_get_thread_limit(), 1024});
}

int detail::threads_for(int requested, double operations) {
  const int n = thread_count(requested);
  return operations < 1e6 ? 1 : n;
}

void detail::parallel_for(std::size_t count, int threads, const Progress& progress,
                          const std::function<void(std::size_t, int)>& body) {
  using clock = std::chrono::steady_clock;
  std::atomic<std::size_t> done{0};
  std::atomic<bool> stop{false};
  bool cancelled = false;
  std::exception_ptr failure;
  auto last_report = progress ? clock::now() : clock::time_point{};

  const auto run = [&](std::size_t task, int worker) {
    if (stop.load(std::memory_order_relaxed)) return;
    try {
      body(task, worker);
      const std::size_t finished = done.fetch_add(1, std::memory_order_relaxed) + 1;
      if (worker == 0 && progress && clock::now() - last_report > std::chrono::milliseconds(100)) {
        last_report = clock::now();
        if (!progress(static_cast<double>(finished) / static_cast<double>(count))) {
          cancelled = true;
          stop = true;
        }
      }
    } catch (...) {
      if (!stop.exchange(true)) failure = std::current_exception();
    }
  };

  if (threads <= 1 || count <= 1) {
    for (std::size_t task = 0; task < count; ++task) run(task, 0);
  } else {
    watch_for_fork();
    used_a_team = true;
    const int team = static_cast<int>(std::min<std::size_t>(static_cast<std::size_t>(threads), count));
#pragma omp parallel for schedule(dynamic, 1) num_threads(team)
    for (std::size_t task = 0; task < count; ++task) run(task, omp_get_thread_num());
  }
  if (failure) std::rethrow_exception(failure);
  if (cancelled) throw Cancelled("cancelled by the progress callback");
}

}  // namespace attnpool
