#pragma once
// What a call computes once from its keys and values: coordinates in units of the exponent, values of size one.
#include <attnpool/range.hpp>
#include <attnpool/score.hpp>
#include <attnpool/view.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/aligned.hpp"
#include "routine_table.hpp"

namespace attnpool::detail {

// weight = e^(-(w delta)^2 / 2) = 2^(-(scale delta)^2),  scale = w * sqrt(log2(e) / 2).
inline constexpr double exponent_scale = 0.84932180028801904272;
inline constexpr double exponent_scale_squared = 0.72134752044448170368;

// The smallest and the largest entry of every column.
template <class T>
struct BoundingBox {
  std::vector<double> low, high;

  // False, with low and high unspecified, if an entry is not finite.
  bool enclose(MatrixView<const T> points, int threads = 1);
  double middle(std::size_t d) const { return low[d] / 2 + high[d] / 2; }
  double half(std::size_t d) const { return high[d] / 2 - low[d] / 2; }

 private:
  bool enclose_part(MatrixView<const T> points);
  bool enclose_line(const T* x, std::size_t count);
  std::vector<T> low_, high_, check_;
};

// Throws std::invalid_argument that names the first entry that is not finite.
template <class T>
void enclose_keys(BoundingBox<T>& box, MatrixView<const T> keys, int threads = 1);

// Keys [K, D] as the block routines take them, in a form (see DistanceForm) chosen by how many bandwidths the keys span, never
// by the queries:
//   scaled   (x - middle) * scale rounded to T, so with an error of reach * epsilon in every coordinate: up to a reach
//            of 8
//   raw      as they are, scaled after the subtraction: one operation more per dimension and pair, no such error
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

  void prepare(MatrixView<const T> keys, const Gaussian& score, bool may_use_product);
};

// Values [K, V] moved and scaled per column by exact powers of two to [-1, 1], so that rounding is relative to the
// spread of a column, not to its distance from 0, and neither huge nor tiny values overflow or vanish. Entries that are
// not finite are kept aside. Key weights c are columns too: c / max c in front, then c / max c times the values.
// The caller's values and weights are read as long as this is in use.
template <class T>
struct ScaledValues {
  std::size_t count = 0, cols = 0;
  bool weighted = false;
  std::size_t planes = 0;                               // cols, and one if weighted
  double heaviest = 1;                                  // max c
  double total_weight = 0;                              // of the keys: count, or the sum of c / max c
  std::vector<double> middle, unit, smallest, largest;  // per column: value = middle + unit * prepared
  AlignedVector<T> values;                              // [count][planes], after pack()

  void prepare(MatrixView<const T> values, std::span<const double> key_weights, int threads = 1);
  // Fills in `values`, if that has not been done.
  void pack();
  // The weight of key k, then its weighted values, [1 + cols]; what pack() rounds to T.
  void factors(std::size_t k, double* out) const {
    const double weight = weighted ? weights_[k] / heaviest : 1;
    out[0] = weight;
    for (std::size_t c = 0; c < cols; ++c)
      out[1 + c] = counts(k, c) ? weight * ((static_cast<double>(raw_(k, c)) - middle[c]) * per_unit_[c]) : 0;
  }
  bool sees(std::size_t k) const { return weights_.empty() || weights_[k] > 0; }

  bool all_finite() const { return irregular_.empty(); }
  // 0 if query sees finite values only in this column, else the sum of those it sees that are not: inf, -inf or NaN.
  double irregular(const KeyRange& range, std::size_t query, std::size_t col) const;

 private:
  struct Counts {
    std::uint64_t nan = 0, positive = 0, negative = 0;  // among keys before this one
  };
  MatrixView<const T> raw_;
  std::span<const double> weights_;
  bool regular_ = true, packed_ = false;  // all values count, with weight 1
  std::vector<Counts> irregular_;         // [count + 1][cols], or empty
  std::vector<double> per_unit_;
  BoundingBox<T> box_;
  // A key of weight 0 is not seen: its values do not count, whatever they are.
  bool counts(std::size_t k, std::size_t c) const { return regular_ || (raw_(k, c) - raw_(k, c) == 0 && sees(k)); }
  Counts between(std::size_t begin, std::size_t end, std::size_t col) const;
};

// Keys transposed to [D][K] for the row routines, scaled by powers of two only, so that differences of coordinates are
// those of the user's numbers; `factor` is what is left of the scale, squared. S is double where queries far from all
// keys are answered. Keys of weight 0 are moved beyond reach.
template <class S>
struct RowKeys {
  std::size_t count, dims;
  std::vector<double> scale;
  std::vector<S> factor;  // [dims], in [1, 4), or 0
  std::vector<S> keys;    // [dims][count]

  template <class T>
  RowKeys(MatrixView<const T> keys, const Gaussian& score);
  template <class T>
  RowKeys(MatrixView<const T> keys, const Gaussian& score, const ScaledValues<T>& values);

  S coordinate(double x, std::size_t d) const;
};

}  // namespace attnpool::detail
