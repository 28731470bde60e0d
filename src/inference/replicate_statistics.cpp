#include "inference/replicate_statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace attnpool::detail {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// About `mean`, which is near all of them, so that nothing cancels, and in units of the farthest, so that no square overflows.
double standard_deviation(std::span<const double> x, double mean) {
  if (x.size() < 2) return nan;
  double farthest = 0;
  for (const double a : x) farthest = std::max(farthest, std::abs(a - mean));
  if (farthest == 0) return 0;
  const double count = static_cast<double>(x.size());
  double sum = 0, squares = 0;
  for (const double a : x) sum += (a - mean) / farthest;
  for (const double a : x) {
    const double deviation = (a - mean) / farthest - sum / count;
    squares += deviation * deviation;
  }
  return farthest * std::sqrt(squares / (count - 1));
}

}  // namespace

double quantile(std::span<double> numbers, double p) {
  if (numbers.empty()) return nan;
  const double place = static_cast<double>(numbers.size() - 1) * p, whole = std::floor(place);
  const auto at = numbers.begin() + static_cast<std::ptrdiff_t>(whole);
  std::nth_element(numbers.begin(), at, numbers.end());
  if (place == whole) return *at;
  return *at + (place - whole) * (*std::min_element(at + 1, numbers.end()) - *at);
}

ReplicateStatistics statistics_of(std::span<const double> replicates, double mean, double level,
                                  std::vector<double>& scratch) {
  scratch.clear();
  std::copy_if(replicates.begin(), replicates.end(), std::back_inserter(scratch),
               [](double x) { return !std::isnan(x); });
  ReplicateStatistics result{.used = scratch.size(), .standard_error = standard_deviation(scratch, mean)};
  const double tail = (1 - level) / 2;
  result.low = quantile(scratch, tail);
  result.high = quantile(scratch, 1 - tail);
  return result;
}

}  // namespace attnpool::detail
