#pragma once
#include <attnpool/algorithm.hpp>
#include <attnpool/query_status.hpp>
#include <attnpool/range.hpp>
#include <functional>
#include <span>
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
  /// automatic: by predicted cost, see explain_pool.
  Algorithm algorithm = Algorithm::automatic;
  /// Error that the grid plan may make, relative to the range of a value column, in [1e-12, 0.1]. 0: 1e-6 for float,
  /// 1e-11 for double.
  double tolerance = 0;
  /// Weight c_k >= 0 of each key, finite, [K]: out = sum_k c_k p_k value_k / sum_k c_k p_k. Empty: all 1. A key of
  /// weight 0 is not seen; weights of any ratio keep their digits.
  std::span<const double> key_weights = {};
  /// 0: the environment variable ATTNPOOL_NUM_THREADS, else OpenMP's own choice. Inside somebody else's parallel
  /// region, and in a child forked after a parallel call, one thread. Results do not depend on it.
  int threads = 0;
  Progress progress = {};
  /// pool() only, [Q] or empty: error_bounds[q] of the error of row q of out,
  /// |out - exact| <= error_bounds[q] * (largest - smallest value of the column) + epsilon * largest |value|. NaN where out
  /// is.
  std::span<double> error_bounds = {};
  /// pool() only. Degree of the polynomial that is fitted around each query with the weights: 0, its mean; 1, a line (plane);
  /// 2, a parabola, in one dimension. Where keys do not determine it, that of the degree that they do; a dimension of w = 0 is no part of it.
  int order = 0;
  /// pool() only: the answer where no key is within reach.
  Empty empty = Empty::nan;
  /// pool() only, [Q] or empty: what each answer rests on.
  std::span<QueryStatus> status = {};
  Report* report = nullptr;
};

/// The number of threads that a call with options.threads = requested would use. Throws std::invalid_argument for a
/// negative number or an ATTNPOOL_NUM_THREADS that is not a positive integer.
int thread_count(int requested = 0);

}  // namespace attnpool
