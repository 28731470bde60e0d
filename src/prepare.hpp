#pragma once
// What a call computes once from its keys and values: coordinates in units of the exponent, values of size one.
#include <attnpool/range.hpp>
#include <attnpool/score.hpp>
#include <attnpool/view.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernel_table.hpp"

namespace attnpool::detail {

// weight = e^(-(w delta)^2 / 2) = 2^(-(scale delta)^2),  scale = w * sqrt(log2(e) / 2).
inline constexpr double exponent_scale = 0.84932180028801904272;
inline constexpr double exponent_scale_squared = 0.72134752044448170368;

// Keys [K, D] as the block kernels take them, in a form (see Form) chosen by how many bandwidths the keys span, never
// by the queries:
//   scaled   (x - middle) * scale rounded to T, so with an error of reach * epsilon in every coordinate: up to a reach
//   of 8 raw      as they are, scaled after the subtraction: one operation more per dimension and pair, no such error
//   product  scaled, from 4 dimensions on and squared norms of at most 32: an error of some 100 epsilon in an exponent
// The smallest and the largest entry of every column.
template <class T>
struct BoundingBox {
  std::vector<double> low, high;

  // False, with low and high unspecified, if an entry is not finite.
  bool enclose(MatrixView<const T> points);
  double middle(std::size_t d) const { return low[d] / 2 + high[d] / 2; }
  double half(std::size_t d) const { return high[d] / 2 - low[d] / 2; }

 private:
  std::vector<T> low_, high_, check_;
};

// prepare() may be called again and again; memory is kept.
template <class T>
struct PreparedKeys {
  static constexpr double scaled_reach = 8;   // in units of the exponent: 9.4 bandwidths from the middle
  static constexpr double largest_norm = 32;  // likewise, squared
  static constexpr std::size_t product_dims = 4;

  std::size_t count = 0, dims = 0;
  Form form = Form::scaled;
  BoundingBox<T> box;
  std::vector<double> centre;
  std::vector<double> scale;
  std::vector<double> extent;  // largest |x - centre| * scale per dimension
  std::vector<T> keys;         // [count][dims]
  std::vector<T> raw_scale;    // [dims], raw form
  std::vector<T> norms;        // [count], product form

  void prepare(MatrixView<const T> keys, const Gaussian& score, bool may_use_product);
};

// Values [K, V] moved and scaled per column by exact powers of two to [-1, 1], so that rounding is relative to the
// spread of a column, not to its distance from 0, and neither huge nor tiny values overflow or vanish. Entries that are
// not finite are kept aside.
template <class T>
struct PreparedValues {
  std::size_t count = 0, cols = 0;
  std::vector<double> middle, unit, smallest, largest;  // per column: value = middle + unit * prepared
  std::vector<T> values;                                // [count][cols]

  void prepare(MatrixView<const T> values);

  bool all_finite() const { return irregular_.empty(); }
  // 0 if query sees finite values only in this column, else the sum of those it sees that are not: inf, -inf or NaN.
  double irregular(const KeyRange& range, std::size_t query, std::size_t col) const;

 private:
  struct Counts {
    std::uint64_t nan = 0, positive = 0, negative = 0;  // among keys before this one
  };
  std::vector<Counts> irregular_;  // [count + 1][cols], or empty
  std::vector<double> per_unit_;
  BoundingBox<T> box_;
  Counts between(std::size_t begin, std::size_t end, std::size_t col) const;
};

// Keys transposed to [D][K] in scaled coordinates, for the row kernels. S is double where queries far from all keys are
// answered: there nothing overflows and nothing cancels.
template <class S>
struct TransposedKeys {
  std::size_t count, dims;
  std::vector<double> centre, scale;
  std::vector<S> keys;  // [dims][count]

  template <class T>
  TransposedKeys(MatrixView<const T> keys, const Gaussian& score);

  S coordinate(double x, std::size_t d) const;
};

}  // namespace attnpool::detail
