#pragma once
// Where lowess fits, and which keys each fit sees: all that does not depend on values and weights.
#include <cstddef>
#include <vector>

namespace attnpool::detail {

// Keys of a leaf of the tree of blocks (blocks.hpp): the inner parts of windows are whole leaves.
inline constexpr std::size_t lowess_leaf = 16;

// Leaves [begin, end).
struct LeafRange {
  std::size_t begin = 0, end = 0;
  bool empty() const { return begin >= end; }
};

// Consecutive queries. Every one of them has the keys of `below` in its window and below it or at it, those of `above` in its window and
// above it or at it.
struct QueryGroup {
  std::size_t begin = 0, end = 0;
  LeafRange below, above;
};

// The window of a query is the keys [left, left + neighbours); the farthest of them is `reach` away.
struct LowessWindows {
  std::size_t neighbours = 0;
  std::vector<double> queries;     // ascending
  std::vector<std::size_t> left;   // [queries]
  std::vector<double> reach;       // [queries]
  std::vector<double> unit;        // [queries] 1 / reach; 0 where the query is to be fitted on its own, key by key
  std::vector<QueryGroup> groups;  // of all queries
};

// Both ascending, 1 <= neighbours <= keys.
LowessWindows lowess_windows(const std::vector<double>& keys, std::vector<double> queries, std::size_t neighbours);

// The keys, by number, at which a line is fitted if those within `delta` of the last are passed over: Cleveland's rule as
// statsmodels has it. The last key is one of them, or ties with it.
std::vector<std::size_t> fitted_keys(const std::vector<double>& keys, double delta);

}  // namespace attnpool::detail
