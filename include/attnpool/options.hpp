#pragma once
#include <attnpool/range.hpp>
#include <functional>
#include <stdexcept>

namespace attnpool {

/// Thrown when a progress callback asks to stop. Outputs are then unspecified.
struct Cancelled : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Called on the calling thread, about ten times a second, with the fraction done in [0, 1]; return false to stop.
using Progress = std::function<bool(double)>;

struct Options {
  KeyRange range = KeyRange::all();
  /// 0: the environment variable ATTNPOOL_NUM_THREADS, else OpenMP's own choice. Inside somebody else's parallel
  /// region, and in a child forked after a parallel call, one thread. Results do not depend on it.
  int threads = 0;
  Progress progress = {};
};

/// The number of threads that a call with options.threads = requested would use. Throws std::invalid_argument for a
/// negative number or an ATTNPOOL_NUM_THREADS that is not a positive integer.
int thread_count(int requested = 0);

}  // namespace attnpool
