#pragma once
#include <attnpool/range.hpp>
#include <attnpool/view.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/aligned.hpp"
#include "data/bounding_box.hpp"

namespace attnpool::detail {

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

}  // namespace attnpool::detail
