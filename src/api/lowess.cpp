#include <algorithm>
#include <attnpool/lowess.hpp>
#include <cmath>
#include <string>
#include <utility>

#include "base/to_string.hpp"
#include "base/validate.hpp"
#include "lowess/robust.hpp"

namespace attnpool {
namespace {

using detail::bad_argument;
using detail::to_string;

void check_finite(const char* name, std::span<const double> values) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]))
      bad_argument(std::string(name) + "[" + to_string(i) + "]", "must be finite, got " + to_string(values[i]));
}

void check(std::span<const double> x, std::span<const double> y, const LowessOptions& options) {
  if (x.empty()) bad_argument("x", "must have at least one entry, got 0");
  detail::check_equal("y", "entries", y.size(), x.size(), "x");
  check_finite("x", x), check_finite("y", y);
  if (!(options.fraction >= 0 && options.fraction <= 1))
    bad_argument("fraction", "must be in [0, 1], got " + to_string(options.fraction));
  if (options.iterations < 0 || options.iterations > 1000)
    bad_argument("iterations", "must be in [0, 1000], got " + to_string(options.iterations));
  if (!(options.delta >= 0)) bad_argument("delta", "must be 0 or more, got " + to_string(options.delta));
  thread_count(options.threads);
}

// The order of ascending values, ties as given; empty if they are in order.
std::vector<std::size_t> order_of(std::span<const double> values) {
  std::vector<std::size_t> order;
  if (std::is_sorted(values.begin(), values.end())) return order;
  std::vector<std::pair<double, std::size_t>> pairs;
  pairs.reserve(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) pairs.emplace_back(values[i], i);
  std::sort(pairs.begin(), pairs.end());
  order.reserve(values.size());
  for (const auto& pair : pairs) order.push_back(pair.second);
  return order;
}

std::vector<double> in_order(std::span<const double> values, const std::vector<std::size_t>& order) {
  if (order.empty()) return {values.begin(), values.end()};
  std::vector<double> sorted(values.size());
  for (std::size_t i = 0; i < order.size(); ++i) sorted[i] = values[order[i]];
  return sorted;
}

std::vector<double> as_given(std::vector<double> sorted, const std::vector<std::size_t>& order) {
  if (order.empty()) return sorted;
  std::vector<double> values(sorted.size());
  for (std::size_t i = 0; i < order.size(); ++i) values[order[i]] = sorted[i];
  return values;
}

}  // namespace

LowessResult lowess(std::span<const double> x, std::span<const double> y, const LowessOptions& options) {
  return lowess(x, y, {}, options);
}

LowessResult lowess(std::span<const double> x, std::span<const double> y, std::span<const double> at,
                    const LowessOptions& options) {
  check(x, y, options);
  check_finite("at", at);
  const double n = static_cast<double>(x.size());
  const auto share = static_cast<std::size_t>(options.fraction * n + 1e-10);
  const std::vector<std::size_t> order = order_of(x), order_at = order_of(at);
  LowessResult result;
  result.neighbours = std::min(std::max<std::size_t>(share, 2), x.size());
  detail::LowessSolution solution = detail::robust_lowess({.x = in_order(x, order),
                                                           .y = in_order(y, order),
                                                           .at = in_order(at, order_at),
                                                           .neighbours = result.neighbours,
                                                           .iterations = options.iterations,
                                                           .delta = options.delta,
                                                           .threads = options.threads,
                                                           .progress = options.progress});
  result.fitted = as_given(std::move(solution.fitted), order);
  result.robustness_weights = as_given(std::move(solution.robust_weights), order);
  result.at = as_given(std::move(solution.at), order_at);
  result.passes = solution.passes, result.without_line = solution.without_line;
  for (std::size_t i = 0; i < y.size(); ++i) result.residuals.push_back(y[i] - result.fitted[i]);
  return result;
}

}  // namespace attnpool
