#pragma once
// What is random of a replicate: the multipliers of its rows, or how often each was drawn.
#include <attnpool/bootstrap.hpp>

namespace attnpool::detail {

// Multipliers are made for whole blocks of rows.
inline constexpr std::size_t multiplier_rows = 128;

// Those of rows [block * multiplier_rows, ... + count) in a replicate, count at most multiplier_rows.
void draw_multipliers(const BootstrapOptions& options, std::size_t replicate, std::size_t block, std::size_t count,
                      double* out);

// counts[k] = the number of times that row k is drawn when `rows` rows, fewer than 2^32, are drawn with replacement.
void draw_counts(const BootstrapOptions& options, std::size_t replicate, std::size_t rows, std::uint32_t* counts);

}  // namespace attnpool::detail
