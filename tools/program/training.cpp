#include "training.hpp"

#include <cmath>

namespace attnpool::program {
namespace {

/// Summed over the columns.
double variance(const Matrix<double>& matrix) {
  double total = 0;
  for (std::size_t c = 0; c < matrix.cols; ++c) {
    double mean = 0, squares = 0;
    for (std::size_t r = 0; r < matrix.rows; ++r) {  // Welford's recurrence
      const double delta = matrix(r, c) - mean;
      mean += delta / static_cast<double>(r + 1);
      squares += delta * (matrix(r, c) - mean);
    }
    total += squares / static_cast<double>(matrix.rows);
  }
  return total;
}

/// Constant columns and the edges of the number range leave no rule; any value serves there.
double usable_or_one(double value) { return std::isfinite(value) && value > 0 ? value : 1; }

}  // namespace

double default_w0(const Data& data) {
  const double deviation = std::sqrt(variance(data.keys) / static_cast<double>(data.keys.cols));
  return usable_or_one(1 / (1.06 * deviation * std::pow(static_cast<double>(data.keys.rows), -0.2)));
}

double default_learning_rate(const Data& data, Loss loss) {
  const double cells = static_cast<double>(data.values.cells.size());
  const double rate = 10 / (variance(data.keys) * variance(data.values) / static_cast<double>(data.values.cols));
  return usable_or_one(loss == Loss::mean ? rate : rate * 2 / cells);
}

}  // namespace attnpool::program
