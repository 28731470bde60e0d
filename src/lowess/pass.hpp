#pragma once
// One pass of lowess: a local line at each query, from keys with the weights of the last pass.
#include <cstddef>
#include <vector>

#include "lowess/blocks.hpp"
#include "lowess/windows.hpp"

namespace attnpool::detail {

struct LowessPass {
  const LowessKeys& keys;   // values (weights times these) within [-1, 1]
  const KeyBlocks& blocks;  // their moments
  double least_variance;    // of keys in a window, in squared units of keys; a smaller one counts as this
  int threads;
  const Progress& progress;
};

// Fits [queries]; NaN where fewer than two keys of the window have weight. The same bits for any number of threads.
std::vector<double> fit_lines(const LowessWindows& windows, const LowessPass& pass);

}  // namespace attnpool::detail
