#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace attnpool {

/// How a call is carried out. All give the same answer; tolerances and errors are relative to the range (largest -
/// smallest) of a value column.
///   dense   every query against every key: O(Q K), any range of keys, any number of dimensions
///   pruned  keys in blocks with bounding boxes; blocks whose weights are too small to change the answer are passed
///           over: a few roundings from dense. It pays when bandwidths are short compared with the extent of the keys
///   grid    at most three dimensions: the keys' sums as polynomials on a grid of boxes (fast Gauss transform), in time
///           O(Q + K) for every bandwidth. Every query's error is bounded beforehand; a query whose bound exceeds the
///           tolerance is answered by the pruned or the dense plan
///   window  one dimension, kernels that are polynomials on each side of the query (boxcar to tricube): sums of keys between
///           a query and the ends of its bandwidth from moments of cells, in time O(Q + K) for every bandwidth; exact but
///           for rounding, which every query's sums bound; a query whose bound exceeds the tolerance goes to another plan
/// pruned, grid and window serve KeyRange::all, first and all_but_self.
enum class Algorithm { automatic, dense, pruned, grid, window };

/// "auto", "dense", "pruned", "grid", "window".
const char* to_string(Algorithm algorithm) noexcept;

/// What a call of pool(), pool_gradient() or loss_gradient() did; filled in if Options::report points to one.
struct Report {
  Algorithm algorithm = Algorithm::dense;  ///< the algorithm that was carried out
  std::size_t fallback_queries =
      0;                   ///< queries that the grid could not answer within the tolerance, so that others did
  double error_bound = 0;  ///< no row has a larger bound (see Options::error_bounds)
};

/// What a call would do, and why.
struct Explanation {
  struct Cost {
    Algorithm algorithm = Algorithm::dense;
    bool possible = false;
    double seconds = 0;  ///< predicted, on the call's threads; good to a factor of two
    double bytes = 0;    ///< of memory beside the caller's
    double error = 0;    ///< bound, relative to the range of a value column
  };
  Algorithm algorithm = Algorithm::dense;
  bool forced = false;  ///< by Options::algorithm
  std::size_t queries = 0, keys = 0, dims = 0, cols = 0;
  int threads = 1;
  double tolerance = 0;
  std::vector<double> extent;  ///< of the keys, in bandwidths, per dimension
  std::vector<Cost> costs;     ///< of dense, pruned, grid, window
  std::string details;         ///< of the chosen plan, in words

  std::string text() const;  ///< All of it in words. For people: the wording is not part of the interface.
};

}  // namespace attnpool
