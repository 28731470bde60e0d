#pragma once
// The regular grid of boxes: where a point lies, and points in the order of their boxes.
#include <attnpool/view.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace attnpool::detail {

// One dimension of the grid. Boxes are [first + i, first + i + 1) * box_width in the unit of the keys. box_width has 16
// significant bits and `first` is a whole number below 2^36, so that edges are exact and a point's place in its box is
// known to a rounding of that place, however far the keys reach.
struct Axis {
  double first = 0, box_width = 0;
  double per_unit = 0;  // boxes per unit of the keys; 0 if the dimension has no influence
  std::size_t boxes = 1;
  double scale = 0;                    // bandwidths per unit
  double edge_low = 0, edge_high = 0;  // queries below or above, in boxes, may be in reach of a stray key
};

struct Boxes {
  std::vector<Axis> axes;
  std::size_t count = 0;

  // The box of a point and its coordinates in [-1, 1] there; `count` if the point lies outside or is not finite.
  template <std::size_t D, class T>
  std::size_t locate(const T* x, double* local) const {
    std::size_t cell = 0;
    bool inside = true;
    for (std::size_t d = 0; d < D; ++d) {
      const Axis& axis = axes[d];
      const double z = static_cast<double>(x[d]) * axis.per_unit - axis.first;
      inside &= z >= 0 && z < static_cast<double>(axis.boxes);
      const std::size_t box = inside ? static_cast<std::size_t>(static_cast<std::int64_t>(z)) : 0;
      const double edge = (axis.first + static_cast<double>(static_cast<std::int64_t>(box))) * axis.box_width;
      local[d] = (static_cast<double>(x[d]) - edge) * (2 * axis.per_unit) - 1;
      cell = cell * axis.boxes + box;
    }
    return inside ? cell : count;
  }
};

// Indices of points in the order of their boxes; those outside come last.
struct SortedPoints {
  std::vector<std::uint32_t> begin;  // [boxes + 1]
  std::vector<std::uint32_t> order;  // [points]
};
template <std::size_t D, class T>
SortedPoints sort_by_box(const Boxes& boxes, MatrixView<const T> points, int threads);

// First index of part `part` when `count` items are split into `parts` parts.
inline std::size_t part_begin(std::size_t count, std::size_t part, std::size_t parts) { return count * part / parts; }

}  // namespace attnpool::detail
