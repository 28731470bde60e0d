#include "plan/grid/region.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "plan/cost_model.hpp"
#include "plan/grid/grid.hpp"
#include "plan/grid/translation.hpp"

namespace attnpool::detail {

template <class T>
Region region_of(MatrixView<const T> keys, const BoundingBox<T>& box) {
  Region region{box.low, box.high, false};
  constexpr std::size_t samples = 1024;
  const std::size_t step = std::max<std::size_t>(1, keys.rows / samples);
  std::vector<double> sample;
  Region inner = region;
  double gain = 1;
  for (std::size_t d = 0; d < keys.cols; ++d) {
    sample.clear();
    for (std::size_t k = 0; k < keys.rows; k += step) sample.push_back(static_cast<double>(keys(k, d)));
    const auto quantile = [&](double p) {
      const auto at = sample.begin() + static_cast<std::ptrdiff_t>(p * static_cast<double>(sample.size() - 1));
      std::nth_element(sample.begin(), at, sample.end());
      return *at;
    };
    // Contains 99.99 % of normal keys and all of uniform ones.
    const double low = quantile(0.02), high = quantile(0.98), reserve = high - low;
    if (!(reserve > 0)) continue;
    inner.low[d] = std::max(box.low[d], low - reserve);
    inner.high[d] = std::min(box.high[d], high + reserve);
    gain *= (box.high[d] / 4 - box.low[d] / 4) / (inner.high[d] / 4 - inner.low[d] / 4);
  }
  if (gain < 4) return region;
  inner.trimmed = true;
  return inner;
}

double error_per_key(std::size_t dims, Moments moments, double tolerance) {
  // A line's bound is some (1 + 3 |slope|) / 2 times the mean's (line_bound.hpp), and at a boundary ten times that.
  const double d = static_cast<double>(dims), reserve = moments == Moments::none   ? 16
                                                        : moments == Moments::line ? 256
                                                                                   : 64;
  return tolerance / (reserve * 2 * d * std::pow(1.5, d));
}

double truncation(double error, const Region& region, const Kernel& kernel) {
  double part = 0.1;
  for (std::size_t d = 0; d < region.low.size(); ++d)
    part *= std::min(1.0, 2.5 / ((region.high[d] - region.low[d]) * std::abs(kernel.w_of(d)) + 1e-300));
  return std::max(error * part, 1e-290);
}

namespace {

// The boxes along each dimension for boxes of a width in bandwidths.
struct Extent {
  double boxes = 1, neighbours = 0, from_zero = 0;
};
Extent extent_of(const GridTask& task, const Expansion& e, double width) {
  Extent extent;
  const std::size_t dims = task.region.low.size();
  for (std::size_t d = 0; d < dims; ++d) {
    const double low = task.region.low[d], high = task.region.high[d], w = std::abs(task.kernel.w_of(d));
    extent.from_zero = std::max(extent.from_zero, std::max(std::abs(low), std::abs(high)) * w / width);
    const double along = std::floor((high - low) * w / width) + 1 + 2 * std::ceil(grid_margin(dims) / width);
    extent.boxes *= along;
    extent.neighbours += std::min(along, static_cast<double>(2 * e.reach() + 1));
  }
  return extent;
}

Resolution resolution_at(const GridTask& task, const Expansion& e, double width) {
  const std::size_t dims = task.region.low.size();
  const double planes = static_cast<double>(1 + task.cols),
               sets = 1 + static_cast<double>(parameter_count(task.moments, dims));
  const double keys = static_cast<double>(task.key_count), queries = static_cast<double>(task.query_count);
  const double terms = static_cast<double>(e.terms()), reach = static_cast<double>(e.reach());
  const double rows = std::pow(terms, static_cast<double>(dims) - 1), cell = rows * static_cast<double>(e.row());
  const Extent extent = extent_of(task, e, width);
  Resolution r;
  r.width = width;
  r.boxes = extent.boxes;
  r.terms = e.terms();
  r.reach = e.reach();
  r.bytes = r.boxes * cell * planes * 8 * 2 * sets + keys * 8 * static_cast<double>(dims + 1 + task.cols);
  // Roundings alone must not take the tolerance (see Grid::build).
  constexpr double u = std::numeric_limits<double>::epsilon() / 2;
  const double roundings = 64 + keys / r.boxes / 256 + cell / static_cast<double>(e.row()) + 4 * terms + 20 +
                           static_cast<double>(dims) * (terms + 2 * reach + 1);
  const double of_lines = task.moments == Moments::line ? 8 : 1;  // as at a boundary, where they count most
  const double rounding = 4 * of_lines * std::pow(1.5, static_cast<double>(dims)) * roundings * u;
  const double most_bytes = 512e6 + 64 * (keys + queries);
  r.possible = r.boxes < 1e9 && extent.from_zero < most_boxes_from_zero / 2 && r.bytes <= most_bytes &&
               rounding < task.tolerance;
  r.seconds = cost::grid({.dims = dims,
                          .keys = keys,
                          .queries = queries,
                          .terms = terms,
                          .reach = reach,
                          .boxes = r.boxes,
                          .neighbours = extent.neighbours,
                          .cell = cell,
                          .planes = planes,
                          .sets = sets});
  return r;
}

}  // namespace

Resolution choose_resolution(const GridTask& task) {
  const std::size_t dims = task.region.low.size();
  Resolution best;
  if (dims > most_grid_dims || task.key_count >= std::numeric_limits<std::uint32_t>::max()) return best;
  const double error = error_per_key(dims, task.moments, task.tolerance);
  for (double width = 2; width >= 1.0 / 32; width /= 2) {
    const Expansion e(width, error, truncation(error, task.region, task.kernel));
    if (e.terms() == 0) continue;
    const Resolution r = resolution_at(task, e, width);
    const bool better = r.possible == best.possible ? r.seconds < best.seconds : r.possible;
    if (better || best.width == 0) best = r;
  }
  return best;
}

template Region region_of(MatrixView<const float>, const BoundingBox<float>&);
template Region region_of(MatrixView<const double>, const BoundingBox<double>&);

}  // namespace attnpool::detail
