#include "training.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace attnpool::program {
namespace {

std::vector<double> sorted_column(const Matrix<double>& matrix, std::size_t column) {
  std::vector<double> x;
  x.reserve(matrix.rows);
  for (std::size_t r = 0; r < matrix.rows; ++r) x.push_back(matrix(r, column));
  std::sort(x.begin(), x.end());
  return x;
}

/// The smallest positive one of standard deviation and interquartile range / 1.349 of sorted numbers, 0 if they are all
/// the same. An outlier moves the first only; many ties make the second 0. Numbers are counted from the first, so that
/// their distance from 0 does not matter.
double spread(const std::vector<double>& x) {
  const double unit = x.back() / 2 - x.front() / 2;  // twice it may overflow
  if (!(unit > 0)) return 0;
  const auto scaled = [&](double value) { return value / 2 / unit - x.front() / 2 / unit; };
  double mean = 0, squares = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {  // Welford's recurrence
    const double delta = scaled(x[i]) - mean;
    mean += delta / static_cast<double>(i + 1);
    squares += delta * (scaled(x[i]) - mean);
  }
  const double deviation = std::sqrt(squares / static_cast<double>(x.size()));
  const double quartiles = (scaled(x[3 * (x.size() - 1) / 4]) - scaled(x[(x.size() - 1) / 4])) / 1.349;
  return (quartiles > 0 ? std::min(deviation, quartiles) : deviation) * unit * 2;
}

double spread(const Matrix<double>& matrix) {
  double squares = 0;
  for (std::size_t c = 0; c < matrix.cols; ++c) squares += std::pow(spread(sorted_column(matrix, c)), 2);
  return std::sqrt(squares / static_cast<double>(matrix.cols));
}

/// Constant columns and the edges of the number range leave no rule; any value serves there.
double usable_or_one(double value) { return std::isfinite(value) && value > 0 ? value : 1; }

/// Bandwidths from a quarter of the closest spacing to four times the largest range, neighbours in a ratio of at most
/// 1.6; none if all points are the same.
std::vector<double> scanned_bandwidths(const Matrix<double>& keys) {
  double closest = std::numeric_limits<double>::infinity(), range = 0;
  for (std::size_t c = 0; c < keys.cols; ++c) {
    const std::vector<double> x = sorted_column(keys, c);
    range = std::max(range, x.back() - x.front());
    for (std::size_t i = 1; i < x.size(); ++i)
      if (x[i] > x[i - 1]) closest = std::min(closest, x[i] - x[i - 1]);
  }
  if (!(range > 0) || !std::isfinite(range)) return {};
  const double smallest = std::max(closest / 4, range * 1e-12), largest = 4 * range;
  const auto steps = static_cast<std::size_t>(std::ceil(std::log(largest / smallest) / std::log(1.6))) + 1;
  std::vector<double> bandwidths;
  for (std::size_t i = 0; i < steps; ++i)
    bandwidths.push_back(smallest *
                         std::pow(largest / smallest, static_cast<double>(i) / static_cast<double>(steps - 1)));
  return bandwidths;
}

}  // namespace

Start scanned_start(const Data& data, const std::function<bool(double)>& progress, int threads) {
  constexpr std::size_t refinements = 24;  // of golden section: each narrows the interval to 0.62 of it
  const std::vector<double> bandwidths = scanned_bandwidths(data.keys);
  Prepared<double> points(data.keys.view(), data.values.view(), data.key_weights);
  std::size_t done = 0;
  const auto loss = [&](double bandwidth) {
    Options options;
    options.threads = threads;
    options.progress = [&](double fraction) {
      return progress((static_cast<double>(done) + fraction) / static_cast<double>(bandwidths.size() + refinements));
    };
    const double value = points.leave_one_out(Gaussian::from_bandwidth(bandwidth), Loss::mean, false, options).loss;
    ++done;
    return std::isnan(value) ? std::numeric_limits<double>::infinity() : value;
  };
  double lowest = std::numeric_limits<double>::infinity();
  std::size_t best = bandwidths.size();
  for (std::size_t i = 0; i < bandwidths.size(); ++i)
    if (const double value = loss(bandwidths[i]); value <= lowest && std::isfinite(value)) {
      lowest = value;
      best = i;
    }
  if (best == bandwidths.size()) return {rule_start(data), ""};
  if (best == 0) return {usable_or_one(1 / bandwidths[best]), "smallest"};
  if (best + 1 == bandwidths.size()) return {usable_or_one(1 / bandwidths[best]), "largest"};

  // Golden section in the logarithm, between the neighbours of the best.
  constexpr double golden = 0.61803398874989485;
  double low = std::log(bandwidths[best - 1]), high = std::log(bandwidths[best + 1]);
  double a = high - golden * (high - low), b = low + golden * (high - low);
  double loss_a = loss(std::exp(a)), loss_b = loss(std::exp(b));
  for (std::size_t i = 2; i < refinements; ++i) {
    if (loss_a <= loss_b) {
      high = std::exchange(b, a);
      loss_b = loss_a;
      loss_a = loss(std::exp(a = high - golden * (high - low)));
    } else {
      low = std::exchange(a, b);
      loss_a = loss_b;
      loss_b = loss(std::exp(b = low + golden * (high - low)));
    }
  }
  const double refined = std::exp(loss_a <= loss_b ? a : b);
  return {usable_or_one(1 / (std::min(loss_a, loss_b) <= lowest ? refined : bandwidths[best])), ""};
}

double rule_start(const Data& data) {
  return usable_or_one(1 / (1.06 * spread(data.keys) * std::pow(static_cast<double>(data.keys.rows), -0.2)));
}

double default_learning_rate(const Data& data, Loss loss) {
  const double cells = static_cast<double>(data.values.cells.size());
  const double size = spread(data.keys) * spread(data.values);
  const double rate = 10 / (size * size * static_cast<double>(data.keys.cols));
  return usable_or_one(loss == Loss::mean ? rate : rate * 2 / cells);
}

}  // namespace attnpool::program
