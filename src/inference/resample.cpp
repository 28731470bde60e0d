#include "inference/resample.hpp"

#include <algorithm>

#include "inference/philox.hpp"

namespace attnpool::detail {
namespace {

constexpr std::size_t words_of_block = 4, bits_of_block = 32 * words_of_block;
static_assert(multiplier_rows == bits_of_block);
enum Purpose : std::uint32_t { signs = 0, two_points = 1, draws = 2 };

// A word of random bits below it, as a number in [0, 1), has the probability (5 + sqrt 5) / 10.
constexpr std::uint64_t often = 3107867531;
constexpr double two_points_of_mammen[2] = {1.618033988749895, -0.6180339887498949};  // (1 +- sqrt 5) / 2

RandomBlocks blocks_of(const BootstrapOptions& options, std::size_t replicate, Purpose purpose) {
  return {options.seed, static_cast<std::uint32_t>(replicate), purpose};
}

}  // namespace

void draw_multipliers(const BootstrapOptions& options, std::size_t replicate, std::size_t block, std::size_t count,
                      double* out) {
  if (options.multiplier == Multiplier::rademacher) {
    const PhiloxBlock bits = blocks_of(options, replicate, signs)[block];
    for (std::size_t i = 0; i < count; ++i)  // without a branch, which nothing could predict
      out[i] = static_cast<double>(2 * static_cast<int>(bits[i / 32] >> (i % 32) & 1) - 1);
    return;
  }
  const RandomBlocks random = blocks_of(options, replicate, two_points);
  for (std::size_t i = 0; i < count; i += words_of_block) {
    const PhiloxBlock words = random[(block * multiplier_rows + i) / words_of_block];
    for (std::size_t j = 0; j < std::min(words_of_block, count - i); ++j)
      out[i + j] = two_points_of_mammen[words[j] < often ? 1 : 0];
  }
}

// A word times the number of rows has the row in its upper half. Words whose lower half is below 2^32 modulo the number of
// rows are passed over, so that each row has as many words as any other (Lemire 2019).
void draw_counts(const BootstrapOptions& options, std::size_t replicate, std::size_t rows, std::uint32_t* counts) {
  const RandomBlocks random = blocks_of(options, replicate, draws);
  const auto bound = static_cast<std::uint32_t>(rows);
  const std::uint32_t least = (0u - bound) % bound;
  std::fill_n(counts, rows, 0u);
  std::size_t drawn = 0;
  for (std::size_t i = 0; drawn < rows; ++i)
    for (const std::uint32_t word : random[i]) {
      const std::uint64_t product = std::uint64_t{word} * bound;
      if (static_cast<std::uint32_t>(product) < least || drawn == rows) continue;
      ++counts[product >> 32];
      ++drawn;
    }
}

}  // namespace attnpool::detail
