#pragma once
// What answering takes besides the keys: queries in order, and the memory of a thread.
#include <cstdint>
#include <vector>

#include "base/aligned.hpp"
#include "data/interval.hpp"
#include "routine_table.hpp"

namespace attnpool::detail {

// Queries in the order of cells, of which there are `pad` more on either side.
struct WindowQueries {
  std::size_t pad = 0, cells = 0;  // cells with the padding
  std::vector<std::uint32_t> begin, order;
  AlignedVector<double> x;
};

// Memory of one thread.
struct WindowScratch {
  AlignedVector<double> whole[2];  // power sums of the groups that all queries of a group see, below and above
  AlignedVector<double> part[2];   // [group] of the next group: its last cells, its first ones
  AlignedVector<double> own[2];    // [group] of the group itself: the cells before each, those after
  AlignedVector<double> moved, side, coefficients;
  // Of a run of queries and their keys, and of a block.
  AlignedVector<double> places, queries, keys, values, visible, tile, sums, totals;
  std::vector<Interval> runs;
  double near[query_block] = {}, far[query_block] = {};  // weight of the keys met one by one, and in sums
  bool certain[query_block] = {};                        // the key left out was found
};

}  // namespace attnpool::detail
