#pragma once
// Keys and values of positive weight, in double.
#include <attnpool/view.hpp>
#include <cstddef>
#include <span>
#include <vector>

namespace attnpool::detail {

struct WeightedRows {
  std::size_t rows = 0, dims = 0, cols = 0;
  std::vector<double> keys, values;  // [rows][dims], [rows][cols]
  std::vector<double> weights;       // [rows] the caller's times 2^-weight_exponent, at most 2; empty: all 1
  int weight_exponent = 0;
  std::vector<std::size_t> origin;  // the caller's row of each

  MatrixView<const double> key_view() const { return {keys.data(), rows, dims}; }
  MatrixView<const double> value_view() const { return {values.data(), rows, cols}; }
  double weight(std::size_t row) const { return weights.empty() ? 1 : weights[row]; }
};

// Throws std::invalid_argument that names the entry for keys and values that are not finite, weights that are negative, not
// finite or of another number than the keys, and fewer than `least` (one or two) rows of positive weight; `purpose`
// begins that message.
template <class T>
WeightedRows weighted_rows(MatrixView<const T> keys, MatrixView<const T> values, std::span<const double> key_weights,
                           const char* purpose, std::size_t least = 2);

}  // namespace attnpool::detail
