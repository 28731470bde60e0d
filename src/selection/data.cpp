#include "selection/data.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "base/to_string.hpp"
#include "base/validate.hpp"
#include "data/weighted_rows.hpp"
#include "plan/block_tree.hpp"

namespace attnpool::detail {
namespace {

double median(std::vector<double> x) {
  std::nth_element(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2), x.end());
  return x[x.size() / 2];
}

int exponent_of(const std::vector<double>& x) {
  double largest = 0;
  for (const double value : x) largest = std::max(largest, std::abs(value));
  return largest > 0 ? std::ilogb(largest) + 1 : 0;
}

}  // namespace

// The difference of the raw numbers may overflow, so they are scaled first, which is exact.
int bring_to_size(std::vector<double>& x) {
  const int power = exponent_of(x);
  for (double& value : x) value = std::ldexp(value, -power);
  const double middle = median(x);
  for (double& value : x) value -= middle;
  const int more = exponent_of(x);
  for (double& value : x) value = std::ldexp(value, -more);
  return power + more;
}

std::vector<double> column(const std::vector<double>& matrix, std::size_t cols, std::size_t c) {
  std::vector<double> x;
  x.reserve(matrix.size() / cols);
  for (std::size_t i = c; i < matrix.size(); i += cols) x.push_back(matrix[i]);
  return x;
}

namespace {

void put_column(std::vector<double>& matrix, std::size_t cols, std::size_t c, const std::vector<double>& x, int shift) {
  for (std::size_t i = 0; i < x.size(); ++i) matrix[i * cols + c] = std::ldexp(x[i], shift);
}

bool is_constant(const std::vector<double>& x) {
  return std::all_of(x.begin(), x.end(), [&](double value) { return value == x.front(); });
}

// Brings every column of [rows][cols] to size; exponents per column, or the largest for all if `shared`.
std::vector<int> bring_columns_to_size(std::vector<double>& matrix, std::size_t cols, bool shared) {
  std::vector<std::vector<double>> columns;
  std::vector<int> exponents;
  for (std::size_t c = 0; c < cols; ++c) {
    columns.push_back(column(matrix, cols, c));
    const bool constant = is_constant(columns.back());
    const int exponent = bring_to_size(columns.back());
    exponents.push_back(constant ? std::numeric_limits<int>::min() : exponent);
  }
  const int largest = *std::max_element(exponents.begin(), exponents.end());
  for (std::size_t c = 0; c < cols; ++c) {
    const bool constant = exponents[c] == std::numeric_limits<int>::min();
    const int common = largest == std::numeric_limits<int>::min() ? 0 : largest;
    const int own = constant ? 0 : exponents[c];
    exponents[c] = shared ? common : own;
    put_column(matrix, cols, c, columns[c], constant ? 0 : own - exponents[c]);
  }
  return exponents;
}

// Reorders x: a sort of a million takes 70 ms, three quantiles 15.
double quantile(std::vector<double>& x, double part) {
  const double place = part * static_cast<double>(x.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const auto at = x.begin() + static_cast<std::ptrdiff_t>(below);
  std::nth_element(x.begin(), at, x.end());
  const double low = *at, high = below + 1 < x.size() ? *std::min_element(at + 1, x.end()) : low;
  return low + (place - static_cast<double>(below)) * (high - low);
}

double robust_spread(std::vector<double> x) {
  const auto [least, most] = std::minmax_element(x.begin(), x.end());
  if (*least == *most) return 0;
  const double n = static_cast<double>(x.size());
  const double mean = std::accumulate(x.begin(), x.end(), 0.0) / n;
  double squares = 0;
  for (const double value : x) squares += (value - mean) * (value - mean);
  double smallest = std::sqrt(squares / (n - 1));
  const double middle = quantile(x, 0.5), quartiles = (quantile(x, 0.75) - quantile(x, 0.25)) / 1.349;
  for (double& value : x) value = std::abs(value - middle);
  for (const double spread : {1.4826 * quantile(x, 0.5), quartiles})
    if (spread > 0) smallest = std::min(smallest, spread);
  return smallest;
}

double scale_of(const std::vector<double>& scale, std::size_t d) { return scale[scale.size() == 1 ? 0 : d]; }

// Distances between neighbours in a dimension that are not tied, in units of its scale.
std::vector<double> gaps(const SelectionData& data, const std::vector<double>& scale) {
  std::vector<double> result;
  for (std::size_t d = 0; d < data.dims; ++d) {
    std::vector<double> x = column(data.keys, data.dims, d);
    std::sort(x.begin(), x.end());
    for (std::size_t i = 1; i < x.size(); ++i)
      if (x[i] > x[i - 1]) result.push_back((x[i] - x[i - 1]) / scale_of(scale, d));
  }
  return result;
}

std::vector<double> geometric(double first, double last, std::size_t count) {
  std::vector<double> result;
  for (std::size_t i = 0; i < count; ++i)
    result.push_back(first * std::pow(last / first, static_cast<double>(i) / static_cast<double>(count - 1)));
  return result;
}

}  // namespace

namespace {

// The first `most` places hold rows taken at random, the same ones every time.
std::vector<std::size_t> drawn(std::size_t rows, std::size_t most) {
  std::vector<std::size_t> order(rows);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::mt19937_64 random(0);  // its output is fixed by the standard
  for (std::size_t i = 0; i < most; ++i) std::swap(order[i], order[i + random() % (rows - i)]);
  return order;
}

SelectionData rows_in(const SelectionData& data, const std::vector<std::size_t>& order) {
  SelectionData result;
  result.rows = order.size(), result.dims = data.dims, result.cols = data.cols;
  result.keys.reserve(order.size() * data.dims);
  result.values.reserve(order.size() * data.cols);
  for (const std::size_t row : order) {
    for (std::size_t d = 0; d < data.dims; ++d) result.keys.push_back(data.keys[row * data.dims + d]);
    for (std::size_t v = 0; v < data.cols; ++v) result.values.push_back(data.values[row * data.cols + v]);
    if (!data.weights.empty()) result.weights.push_back(data.weights[row]);
  }
  return result;
}

// few_rows or more_rows rows at random, so that they stand for all, then the others in the order of their Morton numbers, so that neighbours
// in space are neighbours in memory (an evaluation of a million rows takes 60 ms in random order, 25 ms so).
SelectionData in_order_of_search(const SelectionData& data) {
  constexpr std::size_t block = 16;
  const std::size_t few = data.is_very_long() ? SelectionData::more_rows : SelectionData::few_rows;
  std::vector<std::size_t> order = drawn(data.rows, few);
  const SelectionData rest = rows_in(data, {order.begin() + static_cast<std::ptrdiff_t>(few), order.end()});
  BoundingBox<double> box;
  box.enclose(rest.key_view());
  std::vector<double> w;
  for (std::size_t d = 0; d < data.dims; ++d) w.push_back(box.half(d) > 0 ? 1 / box.half(d) : 0);
  BlockTree tree;
  tree.build(rest.key_view(), box, Gaussian(w), block);
  const std::vector<std::size_t> drawn_order = order;
  for (std::size_t i = 0; i < rest.rows; ++i) order[few + i] = drawn_order[few + tree.order()[i]];
  return rows_in(data, order);
}

}  // namespace

double SelectionData::variance() const {
  double total = 0, squares = 0;
  std::vector<double> mean(cols);
  for (std::size_t i = 0; i < rows; ++i) total += weight(i);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t v = 0; v < cols; ++v) mean[v] += weight(i) / total * values[i * cols + v];
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t v = 0; v < cols; ++v) squares += weight(i) / total * std::pow(values[i * cols + v] - mean[v], 2);
  return squares > 0 ? squares / static_cast<double>(cols) : std::numeric_limits<double>::quiet_NaN();
}

SelectionData SelectionData::sample(std::size_t most) const {
  if (rows <= most) return *this;
  std::vector<std::size_t> order = drawn(rows, most);
  order.resize(most);
  return rows_in(*this, order);
}

std::optional<std::size_t> lonely_value(const std::vector<double>& values, std::size_t cols) {
  for (std::size_t c = 0; c < cols; ++c) {
    std::size_t positive = 0, last = 0;
    for (std::size_t i = c; i < values.size(); i += cols)
      if (values[i] > 0) ++positive, last = i;
    if (positive == 1) return last;
  }
  return std::nullopt;
}

namespace {

void check_probabilities(const WeightedRows& rows, double slack) {
  for (std::size_t i = 0; i < rows.rows; ++i) {
    double sum = 0;
    for (std::size_t c = 0; c < rows.cols; ++c) {
      const double value = rows.values[i * rows.cols + c];
      if (!(value >= 0))
        bad_argument("values[" + to_string(rows.origin[i]) + "," + to_string(c) + "]",
                     "must be a probability, >= 0, for log-loss, got " + to_string(value));
      sum += value;
    }
    if (!(std::abs(sum - 1) <= slack))
      bad_argument("values", "row " + to_string(rows.origin[i]) +
                                 " must be probabilities with the sum 1 for log-loss, got the sum " + to_string(sum));
  }
  if (const auto place = lonely_value(rows.values, rows.cols))
    bad_argument("values", "column " + to_string(*place % rows.cols) + " is positive in row " +
                               to_string(rows.origin[*place / rows.cols]) +
                               " alone, so that the log-loss is infinite without it at any bandwidth");
}

}  // namespace

template <class T>
SelectionData selection_data(MatrixView<const T> keys, MatrixView<const T> values, std::span<const double> key_weights,
                             bool one_unit, bool probabilities) {
  WeightedRows rows = weighted_rows(keys, values, key_weights, "selection");
  if (probabilities) check_probabilities(rows, sizeof(T) == 4 ? 1e-6 : 1e-9);
  SelectionData data;
  data.rows = rows.rows, data.dims = rows.dims, data.cols = rows.cols;
  data.keys = std::move(rows.keys), data.values = std::move(rows.values), data.weights = std::move(rows.weights);
  data.key_exponent = bring_columns_to_size(data.keys, data.dims, one_unit);
  if (!probabilities) data.value_exponent = bring_columns_to_size(data.values, data.cols, true).front();
  if (!data.is_long()) return data;
  SelectionData ordered = in_order_of_search(data);
  ordered.key_exponent = data.key_exponent, ordered.value_exponent = data.value_exponent;
  return ordered;
}

std::vector<double> robust_spreads(const SelectionData& data) {
  std::vector<double> result;
  for (std::size_t d = 0; d < data.dims; ++d) result.push_back(robust_spread(column(data.keys, data.dims, d)));
  return result;
}

std::vector<double> bandwidth_factors(const SelectionData& data, const std::vector<double>& scale) {
  constexpr double most_spreads = 1e100;
  double reach = 0;
  for (std::size_t d = 0; d < data.dims; ++d) {
    const std::vector<double> x = column(data.keys, data.dims, d);
    const auto [low, high] = std::minmax_element(x.begin(), x.end());
    const double own = (*high - *low) / scale_of(scale, d);
    if (!(own < most_spreads))
      bad_argument("keys", "column " + to_string(d) +
                               " has outliers more than 1e+100 times its robust spread away, got " + to_string(own) +
                               " spreads");
    reach = std::max(reach, own);
  }
  if (!(reach > 0)) return {};
  const std::vector<double> steps = gaps(data, scale);
  const double closest = *std::min_element(steps.begin(), steps.end());
  const double smallest = std::min(std::max(closest / 4, 1e-18), 0.1), largest = std::max(10.0, 4 * reach);
  const auto steps_of = [](double first, double last, double ratio) {
    return static_cast<std::size_t>(std::ceil(std::log(last / first) / std::log(ratio)));
  };
  if (!data.is_long()) return geometric(smallest, largest, std::max<std::size_t>(40, steps_of(smallest, largest, 1.6)));
  // Of long data, at most one point in a hundred has a neighbour as close as the bandwidths of the larger steps.
  std::vector<double> sorted = steps;
  const auto hundredth = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 100);
  std::nth_element(sorted.begin(), hundredth, sorted.end());
  const double usual = std::min(std::max(*hundredth / 4, smallest), 0.1);
  std::vector<double> factors;
  if (usual > smallest) {
    factors = geometric(smallest, usual, std::max<std::size_t>(2, steps_of(smallest, usual, 4) + 1));
    factors.pop_back();
  }
  const std::vector<double> rest = geometric(usual, largest, std::max<std::size_t>(40, steps_of(usual, largest, 1.6)));
  factors.insert(factors.end(), rest.begin(), rest.end());
  return factors;
}

namespace {

// The smallest distance of two different keys along one dimension alone, in units of its scale; infinite if all are the same.
double closest_along_a_dimension(const SelectionData& data, const std::vector<double>& scale) {
  double closest = std::numeric_limits<double>::infinity();
  for (std::size_t d = 0; d < data.dims; ++d) {
    std::vector<double> x = column(data.keys, data.dims, d);
    std::sort(x.begin(), x.end());
    for (std::size_t i = 1; i < x.size(); ++i)
      if (x[i] > x[i - 1]) closest = std::min(closest, (x[i] - x[i - 1]) / scale_of(scale, d));
  }
  return closest;
}

}  // namespace

std::vector<double> coarse_factors(const SelectionData& data, const std::vector<double>& scale,
                                   const std::vector<double>& all) {
  const double last = std::min(all.back(), 100.0);
  if (data.rows <= 300) {  // cheap enough to look everywhere
    const double closest = std::min(all.front(), closest_along_a_dimension(data, scale) / 32);
    const double first = std::min(std::max(closest, 1e-6), 0.1);
    const double ratio = data.rows <= 100 ? 1.4 : 1.8;
    return geometric(first, last, static_cast<std::size_t>(std::ceil(std::log(last / first) / std::log(ratio))) + 1);
  }
  const std::vector<double> steps = gaps(data, scale);
  const double usual = steps.empty() ? all.front() : median(steps) / 4;
  return geometric(std::min(std::max(all.front(), usual), 0.1), last, 20);
}

template SelectionData selection_data(MatrixView<const float>, MatrixView<const float>, std::span<const double>, bool,
                                      bool);
template SelectionData selection_data(MatrixView<const double>, MatrixView<const double>, std::span<const double>, bool,
                                      bool);

}  // namespace attnpool::detail
