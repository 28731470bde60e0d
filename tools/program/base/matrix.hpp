#pragma once
#include <algorithm>
#include <attnpool/attnpool.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "base/errors.hpp"
#include "base/number.hpp"

namespace attnpool::program {

/// A row-major matrix that owns its cells.
template <class T>
struct Matrix {
  std::vector<T> cells;
  std::size_t rows = 0;
  std::size_t cols = 0;

  Matrix() = default;
  Matrix(std::size_t rows_, std::size_t cols_) : cells(rows_ * cols_), rows(rows_), cols(cols_) {}
  Matrix(std::vector<T> cells_, std::size_t cols_)
      : cells(std::move(cells_)), rows(cols_ == 0 ? 0 : cells.size() / cols_), cols(cols_) {}

  T& operator()(std::size_t r, std::size_t c) { return cells[r * cols + c]; }
  const T& operator()(std::size_t r, std::size_t c) const { return cells[r * cols + c]; }
  MatrixView<T> view() { return {cells.data(), rows, cols}; }
  MatrixView<const T> view() const { return {cells.data(), rows, cols}; }
};

enum class Precision { float_, double_ };

inline const char* to_string(Precision precision) { return precision == Precision::float_ ? "float" : "double"; }

/// Calls work with a float or a double zero; its type is the precision to work in.
template <class Work>
auto in_precision(Precision precision, Work&& work) {
  return precision == Precision::float_ ? work(0.0F) : work(0.0);
}

/// The middle of the range of each column.
inline std::vector<double> middles(const Matrix<double>& matrix) {
  std::vector<double> low(matrix.cells.begin(), matrix.cells.begin() + static_cast<std::ptrdiff_t>(matrix.cols)),
      high = low;
  for (std::size_t r = 1; r < matrix.rows; ++r)
    for (std::size_t c = 0; c < matrix.cols; ++c) {
      low[c] = std::min(low[c], matrix(r, c));
      high[c] = std::max(high[c], matrix(r, c));
    }
  for (std::size_t c = 0; c < matrix.cols; ++c) low[c] = low[c] / 2 + high[c] / 2;
  return low;
}

/// The same numbers, less `origin` of their column, in precision T; a double stays as it is. Throws DataError, naming
/// `what`, for one that T can hold only as infinity.
template <class T>
Matrix<T> converted(const Matrix<double>& source, const std::string& what, const std::vector<double>& origin = {}) {
  Matrix<T> result(source.rows, source.cols);
  const bool moved = sizeof(T) < sizeof(double) && !origin.empty();
  for (std::size_t i = 0; i < source.cells.size(); ++i) {
    result.cells[i] = static_cast<T>(source.cells[i] - (moved ? origin[i % source.cols] : 0));
    if (!std::isfinite(result.cells[i]))
      throw DataError(what + ": " + to_text(source.cells[i]) +
                      (moved ? " is too far from the middle of its column for a float" : " does not fit in a float"));
  }
  return result;
}

}  // namespace attnpool::program
