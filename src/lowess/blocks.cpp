#include "lowess/blocks.hpp"

#include <algorithm>
#include <cmath>

#include "base/threads.hpp"

namespace attnpool::detail {
namespace {

void set_ends(KeyMoments& block, double first, double last) {
  block.half = last / 2 - first / 2;
  block.centre = first + block.half;
}

// Adds the moments of `from` about the centre of `to`, which encloses it: z becomes a + b z with |a| + b <= 1, so that no term exceeds the
// sum of the weights and errors do not grow.
void add_shifted(const KeyMoments& from, KeyMoments& to) {
  const double a = to.half > 0 ? (from.centre - to.centre) / to.half : 0, b = to.half > 0 ? from.half / to.half : 0;
  double m[lowess_moments][2], power = 1;
  for (std::size_t p = 0; p < lowess_moments; ++p, power *= b)
    m[p][0] = from.weight[p] * power, m[p][1] = from.value[p] * power;
  for (std::size_t i = 1; i < lowess_moments; ++i)
    for (std::size_t p = lowess_moments - 1; p >= i; --p) m[p][0] += a * m[p - 1][0], m[p][1] += a * m[p - 1][1];
  for (std::size_t p = 0; p < lowess_moments; ++p) to.weight[p] += m[p][0], to.value[p] += m[p][1];
}

void clear(KeyMoments& block) {
  std::fill(std::begin(block.weight), std::end(block.weight), 0.0);
  std::fill(std::begin(block.value), std::end(block.value), 0.0);
}

}  // namespace

// Blocks at the end that have no twin are left out of the levels above.
KeyBlocks::KeyBlocks(const std::vector<double>& keys) {
  std::size_t width = lowess_leaf;
  for (std::size_t count = keys.size() / width; count > 0; count /= 2, width *= 2) {
    levels_.emplace_back(count);
    for (std::size_t i = 0; i < count; ++i) set_ends(levels_.back()[i], keys[i * width], keys[(i + 1) * width - 1]);
  }
}

void KeyBlocks::sum_leaf(const LowessKeys& keys, std::size_t leaf) {
  KeyMoments& block = levels_[0][leaf];
  clear(block);
  const double inverse = block.half > 0 ? 1 / block.half : 0;
  for (std::size_t k = leaf * lowess_leaf; k < (leaf + 1) * lowess_leaf; ++k) {
    const double z = std::isfinite(inverse) ? (keys.x[k] - block.centre) * inverse : 0;
    double weight = keys.weights[k], value = keys.values[k];
    for (std::size_t p = 0; p < lowess_moments; ++p, weight *= z, value *= z)
      block.weight[p] += weight, block.value[p] += value;
  }
}

void KeyBlocks::sum(const LowessKeys& keys, int threads) {
  constexpr std::size_t at_a_time = 512;
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    std::vector<KeyMoments>& blocks = levels_[level];
    parallel_for((blocks.size() + at_a_time - 1) / at_a_time, threads, {}, [&](std::size_t task, int) {
      for (std::size_t i = task * at_a_time; i < std::min((task + 1) * at_a_time, blocks.size()); ++i) {
        if (level == 0) {
          sum_leaf(keys, i);
          continue;
        }
        clear(blocks[i]);
        for (std::size_t child : {2 * i, 2 * i + 1}) add_shifted(levels_[level - 1][child], blocks[i]);
      }
    });
  }
}

KeyMoments KeyBlocks::of(const LeafRange& range) const {
  const std::vector<KeyMoments>& leaves = levels_[0];
  KeyMoments sum;
  const KeyMoments &first = leaves[range.begin], &last = leaves[range.end - 1];
  set_ends(sum, first.centre - first.half, last.centre + last.half);
  for_each(range, [&](std::size_t level, std::size_t i) { add_shifted(levels_[level][i], sum); });
  return sum;
}

}  // namespace attnpool::detail
