#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/threads.hpp"

namespace attnpool::detail {

// Calls place(i, position) for items 0 .. count - 1, position being that of item i in the order of cell(i) < cells; items of one
// cell stay in their order. Returns the first position of every cell, [cells + 1]. Each thread counts and places a part of them.
template <class Cell, class Place>
std::vector<std::uint32_t> counting_sort(std::size_t count, std::size_t cells, int threads, const Cell& cell,
                                         const Place& place) {
  const std::size_t parts = std::clamp<std::size_t>(count / cells, 1, static_cast<std::size_t>(threads));
  std::vector<std::uint32_t> cell_of(count), next(parts * cells, 0), begin(cells + 1);
  const auto first = [&](std::size_t part) { return count * part / parts; };
  parallel_for(parts, threads, {}, [&](std::size_t part, int) {
    std::uint32_t* counts = next.data() + part * cells;
    for (std::size_t i = first(part); i < first(part + 1); ++i)
      ++counts[cell_of[i] = static_cast<std::uint32_t>(cell(i))];
  });
  std::uint32_t total = 0;
  for (std::size_t c = 0; c < cells; ++c) {
    begin[c] = total;
    for (std::size_t part = 0; part < parts; ++part) total += std::exchange(next[part * cells + c], total);
  }
  begin[cells] = total;
  parallel_for(parts, threads, {}, [&](std::size_t part, int) {
    std::uint32_t* to = next.data() + part * cells;
    for (std::size_t i = first(part); i < first(part + 1); ++i) place(i, to[cell_of[i]]++);
  });
  return begin;
}

}  // namespace attnpool::detail
