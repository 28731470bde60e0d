#include "inference/nearest_distance.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/threads.hpp"

namespace attnpool::detail {

constexpr std::size_t keys_per_block = 16, queries_per_task = 4096;

NearestDistance::NearestDistance(MatrixView<const double> keys, const Kernel& kernel) : keys_(keys) {
  for (std::size_t d = 0; d < keys.cols; ++d) scale_.push_back(std::abs(kernel.w_of(d)));
  if (keys.cols == 1) {
    sorted_.assign(keys.data, keys.data + keys.rows);
    std::sort(sorted_.begin(), sorted_.end());
  } else {
    BoundingBox<double> box;
    enclose_keys(box, keys);
    tree_.build(keys, box, kernel, keys_per_block);
  }
}

double NearestDistance::distance(const double* query, std::vector<Interval>& runs) const {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (!std::all_of(query, query + keys_.cols, [](double x) { return std::isfinite(x); }))
    return std::numeric_limits<double>::quiet_NaN();
  if (keys_.cols == 1) {
    const auto after = std::lower_bound(sorted_.begin(), sorted_.end(), query[0]);
    const double above = after == sorted_.end() ? infinity : *after - query[0],
                 below = after == sorted_.begin() ? infinity : query[0] - after[-1];
    return scale_[0] > 0 ? std::min(above, below) * scale_[0] : 0;
  }
  tree_.select(query, query, {Decay({}), scale_, 0, false}, runs);
  double nearest = infinity;
  for (const Interval& run : runs)
    for (std::size_t i = run.begin; i < run.end; ++i) {
      const double* key = keys_.row(tree_.order()[i]);
      double squares = 0;
      for (std::size_t d = 0; d < keys_.cols; ++d) {
        const double delta = scale_[d] * (query[d] - key[d]);
        squares += delta * delta;
      }
      nearest = std::min(nearest, squares);
    }
  return std::sqrt(nearest);
}

std::vector<double> NearestDistance::operator()(MatrixView<const double> queries, int threads,
                                                const Progress& progress) const {
  std::vector<double> result(queries.rows);
  const std::size_t tasks = (queries.rows + queries_per_task - 1) / queries_per_task;
  parallel_for(tasks, threads_for(threads, 1000.0 * static_cast<double>(queries.rows)), progress,
               [&](std::size_t task, int) {
                 std::vector<Interval> runs;
                 const std::size_t end = std::min(queries.rows, (task + 1) * queries_per_task);
                 for (std::size_t q = task * queries_per_task; q < end; ++q) result[q] = distance(queries.row(q), runs);
               });
  return result;
}

}  // namespace attnpool::detail
