#include "plan/grid/boxes.hpp"

#include <algorithm>
#include <utility>

#include "base/threads.hpp"

namespace attnpool::detail {

// A counting sort; each thread counts and places a part of the points.
template <std::size_t D, class T>
SortedPoints sort_by_box(const Boxes& boxes, MatrixView<const T> points, int threads) {
  const std::size_t count = points.rows, places = boxes.count + 1;
  const std::size_t parts = std::clamp<std::size_t>(count / places, 1, static_cast<std::size_t>(threads));
  std::vector<std::uint32_t> box_of(count), place(parts * places, 0);
  parallel_for(parts, threads, {}, [&](std::size_t part, int) {
    std::uint32_t* counts = place.data() + part * places;
    double local[D];
    for (std::size_t k = part_begin(count, part, parts); k < part_begin(count, part + 1, parts); ++k)
      ++counts[box_of[k] = static_cast<std::uint32_t>(boxes.locate<D>(points.row(k), local))];
  });
  SortedPoints sorted{std::vector<std::uint32_t>(places), std::vector<std::uint32_t>(count)};
  std::uint32_t next = 0;
  for (std::size_t box = 0; box < places; ++box) {
    sorted.begin[box] = next;
    for (std::size_t part = 0; part < parts; ++part) {
      std::uint32_t& entry = place[part * places + box];
      next += std::exchange(entry, next);
    }
  }
  parallel_for(parts, threads, {}, [&](std::size_t part, int) {
    std::uint32_t* to = place.data() + part * places;
    for (std::size_t k = part_begin(count, part, parts); k < part_begin(count, part + 1, parts); ++k)
      sorted.order[to[box_of[k]]++] = static_cast<std::uint32_t>(k);
  });
  return sorted;
}

template SortedPoints sort_by_box<1>(const Boxes&, MatrixView<const float>, int);
template SortedPoints sort_by_box<2>(const Boxes&, MatrixView<const float>, int);
template SortedPoints sort_by_box<3>(const Boxes&, MatrixView<const float>, int);
template SortedPoints sort_by_box<1>(const Boxes&, MatrixView<const double>, int);
template SortedPoints sort_by_box<2>(const Boxes&, MatrixView<const double>, int);
template SortedPoints sort_by_box<3>(const Boxes&, MatrixView<const double>, int);

}  // namespace attnpool::detail
