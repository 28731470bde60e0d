#include "plan/window/layout.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "plan/cost_model.hpp"
#include "plan/window/power_sums.hpp"

namespace attnpool::detail {
namespace {

// Cells beyond this number leave the caches for good, and places in cells are known to 2^-30 of a cell up to it.
constexpr double most_cells = 0x1p22;

// The numbers of keys in a cell around a key, and in one some way off, on average over the keys, as functions of its width.
class Crowding {
 public:
  template <class T>
  explicit Crowding(MatrixView<const T> keys) {
    // To sort 1,000 numbers takes 50 us, as much as a call of 1,000 keys.
    const std::size_t samples = std::clamp<std::size_t>(keys.rows / 16, 64, 1024),
                      step = (keys.rows + samples - 1) / samples;
    for (std::size_t k = 0; k < keys.rows; k += step) sample_.push_back(static_cast<double>(keys(k, 0)));
    std::sort(sample_.begin(), sample_.end());
    weight_ = static_cast<double>(keys.rows) / static_cast<double>(sample_.size());
  }

  double operator()(double width) const {
    constexpr std::size_t near = 4;  // gaps on either side that make a density
    const std::size_t count = sample_.size();
    double sum = 0;
    std::size_t begin = 0, end = 0;
    for (std::size_t j = 0; j < count; ++j) {
      const std::size_t a = j < near ? 0 : j - near, b = std::min(count - 1, j + near);
      const double span = sample_[b] - sample_[a];
      if (span > width) {
        sum += std::max(1.0, weight_ * static_cast<double>(b - a) * width / span);
        continue;
      }
      while (begin < j && sample_[begin] < sample_[j] - width / 2) ++begin;
      while (end < count && sample_[end] <= sample_[j] + width / 2) ++end;
      sum += weight_ * static_cast<double>(std::max(end, j + 1) - std::min(begin, j));
    }
    return sum / static_cast<double>(count);
  }

  // Pairs of sampled keys: too few to tell of one key, enough for the average.
  double at(double distance, double width) const {
    std::size_t begin = 0, end = 0, pairs = 0;
    for (const double x : sample_) {
      while (begin < sample_.size() && sample_[begin] < x + distance - width / 2) ++begin;
      while (end < sample_.size() && sample_[end] <= x + distance + width / 2) ++end;
      pairs += end - begin;
    }
    return weight_ * static_cast<double>(pairs) / static_cast<double>(sample_.size());
  }

 private:
  std::vector<double> sample_;
  double weight_ = 1;
};

// Groups of about the square root of the reach (or of all cells) make sums of partial groups and of whole ones equally long.
void set_reach(WindowLayout& layout, double wanted, double cells) {
  const double limit = std::min(wanted, cells);
  layout.group = limit < 6 ? 1 : static_cast<std::size_t>(std::sqrt(limit));
  const double group = static_cast<double>(layout.group);
  layout.whole = static_cast<std::size_t>(std::max(1.0, std::round((wanted - 1) / group))) - 1;
  layout.reach = wanted < 2 ? 1 : layout.group * (layout.whole + 1) + 1;
}

// A layout whose cells are about `wanted` wide.
template <class T>
WindowLayout layout_of(const Region& region, double low, double high, double bandwidth, double wanted) {
  WindowLayout layout;
  layout.trimmed = region.trimmed && !((high - low) / wanted < most_cells / 16);
  layout.low = layout.trimmed ? region.low[0] : low;
  const double range = (layout.trimmed ? region.high[0] : high) - layout.low;
  const double cells = std::floor(range / wanted) + 1, ratio = bandwidth / wanted;
  // Weights end within a few roundings of the bandwidth, not at it, and places are rounded: this part of a cell.
  double slack = 0x1p-20;
  if (ratio > 3 * cells + 32) {  // all keys are in reach of each other and of the queries that get a cell
    set_reach(layout, 2 * cells + 8, cells);
    layout.width = wanted;
  } else {
    set_reach(layout, std::round(ratio), cells);
    const double reach = static_cast<double>(layout.reach);
    slack += 8 * static_cast<double>(std::numeric_limits<T>::epsilon()) * reach;
    layout.width = bandwidth / (reach + slack);
    if (layout.reach == 1) layout.width = std::max(wanted, bandwidth * (1 + 0x1p-20));
  }
  layout.beyond = 1 + static_cast<std::size_t>(std::ceil(slack));
  const double needed = std::floor(range / layout.width) + 2, group = static_cast<double>(layout.group);
  layout.possible = needed < most_cells && layout.width > 0 && std::isfinite(1 / layout.width);
  if (layout.possible) layout.cells = static_cast<std::size_t>(std::ceil(needed / group)) * layout.group;
  return layout;
}

}  // namespace

bool passes_through(const KernelProfile& profile, const KeyRange& range) {
  return KernelPolynomial(profile.shape).is_even() && !range.excludes_self();
}

template <class T>
WindowLayout choose_window(const PoolRequest<T>& request, const Region& region, double low, double high,
                           std::size_t value_cols) {
  const double bandwidth = 1 / std::abs(request.kernel.w_of(0)), keys = static_cast<double>(request.keys.rows);
  const QueryPolynomials polynomials(KernelPolynomial(request.profile().shape), request.moments);
  const Crowding crowding(request.keys);
  WindowLayout best;
  best.seconds = std::numeric_limits<double>::infinity();
  if (!(bandwidth < std::numeric_limits<double>::max() / 4) || !(high - low < std::numeric_limits<double>::max() / 4))
    return best;
  const double range = region.high[0] - region.low[0];
  const bool through = passes_through(request.profile(), request.options.range);
  for (double per_cell = 1; per_cell < 1e3; per_cell *= 2) {
    const double even = range > 0 ? range * per_cell / keys : bandwidth / 2;
    WindowLayout layout = layout_of<T>(region, low, high, bandwidth, even);
    if (!layout.possible) continue;
    layout.visited = 2 * crowding.at(static_cast<double>(layout.reach) * layout.width, layout.width) +
                     (layout.reach == 1 || !through ? crowding(layout.width) : 0);
    const cost::WindowWork work{.keys = keys,
                                .queries = static_cast<double>(request.queries.rows),
                                .cells = static_cast<double>(layout.cells),
                                .visited = layout.visited,
                                .planes = static_cast<double>(1 + value_cols),
                                .degree = layout.reach == 1 ? 0 : static_cast<double>(polynomials.sum_degree()),
                                .coefficients = static_cast<double>(polynomials.count()),
                                .powers = static_cast<double>(polynomials.powers())};
    layout.seconds = cost::window(work);
    layout.bytes =
        keys * 8 * (2 + work.planes) + work.queries * 16 + work.cells * (20 + 8 * work.planes * (1 + work.degree));
    if (layout.seconds < best.seconds) best = layout;
  }
  return best;
}

template WindowLayout choose_window(const PoolRequest<float>&, const Region&, double, double, std::size_t);
template WindowLayout choose_window(const PoolRequest<double>&, const Region&, double, double, std::size_t);

}  // namespace attnpool::detail
