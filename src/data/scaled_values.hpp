#pragma once
#include <attnpool/range.hpp>
#include <attnpool/view.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/aligned.hpp"
#include "data/bounding_box.hpp"

namespace attnpool::detail {

// Values [K, V] moved and scaled per column by exact powers of two to [-1, 1], so that rounding is relative to the
// spread of a column, not to its distance from 0, and neither huge nor tiny values overflow or vanish. Entries that are
// not finite are kept aside. Key weights c are columns too: c 2^-weight_exponent in front, in [0, 1] and at least 1/2 for
// the heaviest key, then that times the values. Rounded to T it may be 0 for a key whose weight is not; queries to which
// only such keys are near are answered from the weights themselves (nearest.hpp).
// The caller's values and weights are read as long as this is in use.
template <class T>
struct ScaledValues {
  std::size_t count = 0, cols = 0;
  bool weighted = false;
  std::size_t planes = 0;  // cols, and one if weighted
  int weight_exponent = 0;
  double total_weight = 0;                              // of the keys: count, or the sum of c 2^-weight_exponent
  std::vector<double> middle, unit, smallest, largest;  // per column: value = middle + unit * prepared
  AlignedVector<T> values;                              // [count][planes], after pack()

  void prepare(MatrixView<const T> values, std::span<const double> key_weights, int threads = 1);
  // Of values >= 0, between prepare() and pack(): does not move them, so that sums of them keep their relative accuracy where
  // they are small.
  void keep_zero();
  // Fills in `values`, if that has not been done.
  void pack();
  // Becomes the rows `order` of other, which has been packed.
  void take_rows(const ScaledValues& other, const std::vector<std::uint32_t>& order);
  // The weight of key k, then its weighted values, [1 + cols]; what pack() rounds to T.
  void factors(std::size_t k, double* out) const {
    const double weight = weighted ? std::ldexp(weights_[k], -weight_exponent) : 1;
    out[0] = weight;
    for (std::size_t c = 0; c < cols; ++c) out[1 + c] = weight * scaled(k, c);
  }
  // The value of key k in column c, moved and scaled but not weighted; 0 if it does not count.
  double scaled(std::size_t k, std::size_t c) const {
    return counts(k, c) ? (static_cast<double>(raw_(k, c)) - middle[c]) * per_unit_[c] : 0;
  }
  bool has_weight(std::size_t k) const { return weights_.empty() || weights_[k] > 0; }
  std::span<const double> key_weights() const { return weights_; }

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
  std::vector<T> own_rows_;  // what raw_ and weights_ refer to after take_rows() of weighted values
  std::vector<double> own_weights_;
  // A key of weight 0 is not seen: its values do not count, whatever they are.
  bool counts(std::size_t k, std::size_t c) const {
    return regular_ || (raw_(k, c) - raw_(k, c) == 0 && has_weight(k));
  }
  void find_extremes();
  void choose_units();
  void count_irregular();
  Counts between(std::size_t begin, std::size_t end, std::size_t col) const;
};

}  // namespace attnpool::detail
