#pragma once
// Moments of blocks of sorted keys. Under the tricube weight a block that lies on one side of a query and within its reach is a
// polynomial of degree 9 in its keys, so that its sums are exact from twelve moments, however large the block.
#include <attnpool/options.hpp>
#include <cstddef>
#include <vector>

#include "lowess/windows.hpp"
#include "routine_table.hpp"

namespace attnpool::detail {

// With key = centre + half z, |z| <= 1: sums over the keys of weight z^p and of weight value z^p.
struct KeyMoments {
  double centre = 0, half = 0;
  double weight[lowess_moments] = {}, value[lowess_moments] = {};
};

// Keys ascending, their weights and weight * value.
struct LowessKeys {
  std::vector<double> x, weights, values;
};

class KeyBlocks {
 public:
  explicit KeyBlocks(const std::vector<double>& keys);

  // Moments of every block, from leaves up.
  void sum(const LowessKeys& keys, int threads);

  // Of the leaves of the range, which is not empty: from the largest blocks that make it up.
  KeyMoments of(const LeafRange& range) const;

  // Visits the largest blocks that make up the range: visit(level, i).
  template <class Visit>
  void for_each(LeafRange range, const Visit& visit) const {
    for (std::size_t level = 0; level < levels_.size() && range.begin < range.end; ++level) {
      if (range.begin % 2 == 1) visit(level, range.begin++);
      if (range.begin < range.end && range.end % 2 == 1) visit(level, --range.end);
      range.begin /= 2, range.end /= 2;
    }
  }

  // Block i of those of 2^level leaves.
  const KeyMoments& block(std::size_t level, std::size_t i) const { return levels_[level][i]; }
  std::size_t levels() const { return levels_.size(); }

 private:
  void sum_leaf(const LowessKeys& keys, std::size_t leaf);

  std::vector<std::vector<KeyMoments>> levels_;  // leaves first; empty if no leaf is whole
};

}  // namespace attnpool::detail
