#include <algorithm>
#include <attnpool/bandwidth_rules.hpp>
#include <cmath>
#include <numeric>
#include <string>

#include "base/to_string.hpp"
#include "base/validate.hpp"
#include "data/weighted_rows.hpp"
#include "selection/data.hpp"
#include "selection/plug_in.hpp"

namespace attnpool {
namespace {

using detail::bad_argument;
using detail::to_string;

// ---- rules of thumb ----------------------------------------------------------------------------

// The standard deviation of a column under weights that sum to 1 and whose squares sum to `squares`; 0 if it is constant.
double deviation(std::vector<double> x, const std::vector<double>& weights, double squares) {
  if (std::all_of(x.begin(), x.end(), [&](double value) { return value == x.front(); })) return 0;
  const int exponent = detail::bring_to_size(x);
  const double mean = std::inner_product(x.begin(), x.end(), weights.begin(), 0.0);
  double variance = 0;
  for (std::size_t i = 0; i < x.size(); ++i) variance += weights[i] * (x[i] - mean) * (x[i] - mean);
  return std::ldexp(std::sqrt(variance / std::max(1 - squares, 1e-300)), exponent);
}

// factor(n, D) * deviation.
template <class T, class Factor>
std::vector<double> rule(In<T> keys, const RuleOptions& options, const Factor& factor) {
  detail::check_view("keys", keys);
  detail::check_positive("keys", "row", keys.rows);
  detail::check_positive("keys", "column", keys.cols);
  const MatrixView<const T> nothing(nullptr, keys.rows, 0);
  detail::WeightedRows data = detail::weighted_rows<T>(keys, nothing, options.key_weights, "a rule of thumb", 1);
  std::vector<double>& weights = data.weights;
  weights.resize(data.rows, 1);
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& weight : weights) weight /= total;
  const double squares = std::inner_product(weights.begin(), weights.end(), weights.begin(), 0.0);
  std::vector<double> bandwidths(keys.cols, factor(1 / squares, static_cast<double>(keys.cols)));
  if (!options.scaled) return bandwidths;
  for (std::size_t d = 0; d < keys.cols; ++d) {
    const double sigma = deviation(detail::column(data.keys, keys.cols, d), weights, squares);
    bandwidths[d] = sigma > 0 ? bandwidths[d] * sigma : 1;
  }
  return bandwidths;
}

// ---- the plug-in rule --------------------------------------------------------------------------

void check(const PlugInOptions& options) {
  const auto whole = [](const char* name, int value, int least, int most) {
    if (value < least || value > most)
      bad_argument(name, "must be in [" + to_string(least) + ", " + to_string(most) + "], got " + to_string(value));
  };
  whole("blockmax", options.blockmax, 1, 1000000);
  whole("divisor", options.divisor, 1, 1000000000);
  whole("gridsize", options.gridsize, 10, 100001);
  for (const auto& [name, value] : {std::pair{"trim", options.trim}, {"proptrun", options.proptrun}})
    if (!(value >= 0 && value < 0.5)) bad_argument(name, "must be in [0, 0.5), got " + to_string(value));
  if (!options.interval) return;
  const auto [low, high] = *options.interval;
  if (!(std::isfinite(low) && std::isfinite(high) && low < high))
    bad_argument("interval", "must be finite and ascending, got " + to_string(low) + " to " + to_string(high));
}

// The rows in the order of their keys, without those that are trimmed or outside the interval.
detail::PlugInData sorted_and_trimmed(const detail::WeightedRows& rows, const PlugInOptions& options) {
  std::vector<std::size_t> order(rows.rows);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return rows.keys[a] < rows.keys[b]; });
  const auto cut = static_cast<std::size_t>(std::floor(options.trim * static_cast<double>(rows.rows)));
  detail::PlugInData data;
  for (std::size_t i = cut; i + cut < rows.rows; ++i) {
    const double x = rows.keys[order[i]];
    if (options.interval && !(options.interval->low <= x && x <= options.interval->high)) continue;
    data.x.push_back(x), data.y.push_back(rows.values[order[i]]);
  }
  return data;
}

// Keys to the interval [0, 1], values to the size 1. Half of each, as the difference may overflow.
void bring_to_size(detail::PlugInData& data, const PlugInOptions& options) {
  const double low = options.interval ? options.interval->low : data.x.front();
  const double high = options.interval ? options.interval->high : data.x.back();
  if (!(data.x.front() < data.x.back()))
    bad_argument("keys", "are all " + to_string(data.x.front()) + " after trimming, so no bandwidth follows");
  const int exponent = std::ilogb(std::max(std::abs(low), std::abs(high))) + 1;
  const double first = std::ldexp(low, -exponent), half = std::ldexp(high, -exponent) / 2 - first / 2;
  for (double& x : data.x) x = (std::ldexp(x, -exponent) - first) / half / 2;
  data.low = low, data.length = std::ldexp(half, exponent) * 2;
  detail::bring_to_size(data.y);
}

}  // namespace

template <class T>
std::vector<double> scott(In<T> keys, const RuleOptions& options) {
  return rule<T>(keys, options, [](double n, double dims) { return std::pow(n, -1 / (dims + 4)); });
}

template <class T>
std::vector<double> silverman(In<T> keys, const RuleOptions& options) {
  return rule<T>(keys, options, [](double n, double dims) { return std::pow(n * (dims + 2) / 4, -1 / (dims + 4)); });
}

template <class T>
double ruppert_sheather_wand(In<T> keys, In<T> values, const PlugInOptions& options) {
  detail::check_inputs<T>(keys, keys, values, Gaussian(1.0));
  for (const auto& [name, cols] : {std::pair{"keys", keys.cols}, {"values", values.cols}})
    if (cols != 1) bad_argument(name, "the plug-in rule is for one column, got " + to_string(cols));
  check(options);
  const detail::WeightedRows rows = detail::weighted_rows<T>(keys, values, {}, "the plug-in rule");
  detail::PlugInData data = sorted_and_trimmed(rows, options);
  if (data.x.size() > 1) bring_to_size(data, options);
  return data.length * detail::plug_in_bandwidth(data, {.most_blocks = static_cast<std::size_t>(options.blockmax),
                                                        .rows_per_block = static_cast<std::size_t>(options.divisor),
                                                        .bins = static_cast<std::size_t>(options.gridsize),
                                                        .proptrun = options.proptrun});
}

#define ATTNPOOL_INSTANTIATE(T)                                         \
  template std::vector<double> scott<T>(In<T>, const RuleOptions&);     \
  template std::vector<double> silverman<T>(In<T>, const RuleOptions&); \
  template double ruppert_sheather_wand<T>(In<T>, In<T>, const PlugInOptions&);
ATTNPOOL_INSTANTIATE(float)
ATTNPOOL_INSTANTIATE(double)

}  // namespace attnpool
