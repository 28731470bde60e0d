#pragma once
// The part of space that a grid covers, and the resolution at which it covers it.
#include <attnpool/kernel.hpp>
#include <attnpool/view.hpp>
#include <cstddef>
#include <vector>

#include "data/bounding_box.hpp"
#include "result/query_sums.hpp"

namespace attnpool::detail {

// The bounding box of the keys, or, where a few of them (strays) lie so far out that most of the grid would be empty,
// of all but those.
struct Region {
  std::vector<double> low, high;
  bool trimmed = false;
};

// The region for keys whose bounding box is `box`, from a sample of them.
template <class T>
Region region_of(MatrixView<const T> keys, const BoundingBox<T>& box);

// Boxes are a small fraction of a bandwidth wide, so that few powers suffice.
struct Resolution {
  bool possible = false;
  double width = 0;  // of a box, in bandwidths
  double boxes = 0;
  std::size_t terms = 0, reach = 0;  // powers per dimension; neighbours on either side that count
  double seconds = 0;                // predicted, on one thread
  double bytes = 0;
};

// What is asked of a grid.
struct GridTask {
  const Region& region;
  const Kernel& kernel;
  Moments moments;
  double tolerance;
  std::size_t key_count, query_count, cols;
};

// The cheapest resolution that keeps the tolerance; not possible if there is none.
Resolution choose_resolution(const GridTask& task);

// Boxes around the region, for queries outside: this many bandwidths.
inline double grid_margin(std::size_t dims) { return dims == 1 ? 3 : 1; }

// The error of a weight, per unit of `near` (see grid.hpp), that keeps the tolerance for evenly spread keys: 2 near /
// sum, and a reserve for queries with fewer neighbours.
double error_per_key(std::size_t dims, Moments moments, double tolerance);

// The largest weight that may be left out, given the error of those that are not.
double truncation(double error, const Region& region, const Kernel& kernel);

// Numbers of boxes counted from zero stay below this: edges are 16 bits of width times a number of at most 36 bits, and
// so exact. A point may be put into the neighbour of its box by a rounding of that number, 2^-17 of a box, which costs
// the polynomial less than the 1 % in the certificate.
inline constexpr int box_width_bits = 16;
inline constexpr double most_boxes_from_zero = 0x1p36;

}  // namespace attnpool::detail
