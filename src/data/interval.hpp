#pragma once
#include <array>
#include <attnpool/range.hpp>
#include <cstddef>

namespace attnpool::detail {

// Keys [begin, end).
struct Interval {
  std::size_t begin, end;
};

// The keys that a query sees; either interval may be empty.
inline std::array<Interval, 2> visible_keys(const KeyRange& range, std::size_t query, std::size_t key_count) {
  const std::size_t b = range.begin(query, key_count), e = range.end(query, key_count),
                    x = range.excluded(query, key_count);
  const bool splits = b <= x && x < e;
  return {Interval{b, splits ? x : e}, Interval{splits ? x + 1 : e, e}};
}

}  // namespace attnpool::detail
