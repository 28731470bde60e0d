#pragma once
// Keys and values of a selection, brought to size one, and the bandwidths that can matter for them.
#include <attnpool/view.hpp>
#include <optional>
#include <span>
#include <vector>

namespace attnpool::detail {

// The rows of positive weight. Keys are centred at their medians and divided by powers of two, so that neither an offset
// nor a unit matters; so are the values. From 4 * few_rows rows on the first few_rows, or more_rows, are taken at random, the
// same ones every time, so that they stand for all, and the others lie in an order in which neighbours in space are neighbours.
struct SelectionData {
  static constexpr std::size_t few_rows = 2000;
  static constexpr std::size_t more_rows = 16 * few_rows;  // if there are four times as many
  std::size_t rows = 0, dims = 0, cols = 0;
  std::vector<double> keys, values;  // [rows][dims], [rows][cols]
  std::vector<double> weights;       // [rows], or empty: all 1
  std::vector<int> key_exponent;     // per dimension: caller's key = keys * 2^exponent + offset
  int value_exponent = 0;

  MatrixView<const double> key_view() const { return {keys.data(), rows, dims}; }
  MatrixView<const double> value_view() const { return {values.data(), rows, cols}; }
  double weight(std::size_t row) const { return weights.empty() ? 1 : weights[row]; }

  bool is_long() const { return rows >= 4 * few_rows; }
  bool is_very_long() const { return rows >= 4 * more_rows; }
  // The first rows, or `most` of them taken at random, the same ones every time.
  SelectionData sample(std::size_t most) const;
  // The weighted mean over rows and columns of the squared distance of the values from the means of their columns; NaN if that is
  // 0.
  double variance() const;
};

// The place in [rows][cols] of the only positive entry of a column, the first such column.
std::optional<std::size_t> lonely_value(const std::vector<double>& values, std::size_t cols);

// one_unit: all dimensions are divided by the same power of two. probabilities: values stay as they are; throws
// std::invalid_argument that names the entry or row unless they are probabilities of the columns, and no column has one row alone.
template <class T>
SelectionData selection_data(MatrixView<const T> keys, MatrixView<const T> values, std::span<const double> key_weights,
                             bool one_unit, bool probabilities);

// Column c of a row-major matrix.
std::vector<double> column(const std::vector<double>& matrix, std::size_t cols, std::size_t c);

// Subtracts the median and divides by 2^exponent, so that x reaches 1; returns the exponent. A constant column becomes 0.
int bring_to_size(std::vector<double>& x);

// The smallest positive one of standard deviation, 1.4826 * median absolute deviation and interquartile range / 1.349 of
// each dimension, 0 if it is constant. An outlier moves the first only; many ties make the others 0.
std::vector<double> robust_spreads(const SelectionData& data);

// Factors of the scale (one for all dimensions, or one for each) from a quarter of the closest spacing, where only the nearest points count, to four times the
// range, where all do, neighbours in a ratio of at most 1.6, or of long data 4 where hardly any points are so close. Empty if all keys are the same.
std::vector<double> bandwidth_factors(const SelectionData& data, const std::vector<double>& scale);

// Factors in larger steps; of more than 300 rows a few from the usual spacing of points to a fit that is flat over all but outliers.
std::vector<double> coarse_factors(const SelectionData& data, const std::vector<double>& scale,
                                   const std::vector<double>& all);

}  // namespace attnpool::detail
