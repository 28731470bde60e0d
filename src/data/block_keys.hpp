#pragma once
#include <attnpool/kernel.hpp>
#include <attnpool/view.hpp>
#include <cstddef>
#include <vector>

#include "data/bounding_box.hpp"
#include "routine_table.hpp"

namespace attnpool::detail {

// Keys [K, D] as the block routines take them, in a form (see DistanceForm) chosen by how many bandwidths the keys span, never
// by the queries:
//   scaled   (x - middle) * scale rounded to T, so with an error of reach * epsilon in every coordinate: up to a reach
//            of 8
//   raw      as they are, scaled after the subtraction: one operation more per dimension and pair, no such error
// Under the boxcar kernel always raw, as whether a key counts must not depend on the place of the origin.
//   product  scaled, from 4 dimensions on and squared norms of at most 32: an error of some 100 epsilon in an exponent
// prepare() may be called again and again; memory is kept.
template <class T>
struct BlockKeys {
  static constexpr double scaled_reach = 8;   // in units of the exponent: 9.4 bandwidths from the middle
  static constexpr double largest_norm = 32;  // likewise, squared
  static constexpr std::size_t product_dims = 4;

  std::size_t count = 0, dims = 0;
  DistanceForm form = DistanceForm::scaled;
  BoundingBox<T> box;
  std::vector<double> centre;
  std::vector<double> scale;
  std::vector<double> extent;  // largest |x - centre| * scale per dimension
  std::vector<T> keys;         // [count][dims]
  std::vector<T> raw_scale;    // [dims], raw form
  std::vector<T> norms;        // [count], product form
  T edge = 1;                  // see BlockTask
  // Some difference may exceed farthest_difference, so that nothing can be computed in T. Not under the Gaussian kernel.
  bool out_of_range = false;

  void prepare(MatrixView<const T> keys, const Kernel& kernel, bool may_use_product);
};

}  // namespace attnpool::detail
