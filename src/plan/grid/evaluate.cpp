#include <algorithm>
#include <cmath>
#include <limits>

#include "base/threads.hpp"
#include "data/units.hpp"
#include "plan/grid/grid.hpp"
#include "plan/grid/line_bound.hpp"

namespace attnpool::detail {
namespace {

// Doubles that a core's caches keep: half a megabyte. Boxes beyond that are visited in their order.
constexpr std::size_t cached = 65536;
constexpr std::size_t blocks_per_task = 16;

// The queries of a block in their boxes; one outside of all boxes stands in the middle of the first.
template <std::size_t D>
struct Located {
  double points[D * query_block];  // [D][query_block], in the box's own coordinates
  unsigned cell[query_block];
  bool inside[query_block];

  template <class T>
  void locate(std::size_t i, const Boxes& boxes, const T* query) {
    double local[D];
    const std::size_t c = boxes.locate<D>(query, local);
    inside[i] = c != boxes.count;
    cell[i] = inside[i] ? static_cast<unsigned>(c) : 0;
    for (std::size_t d = 0; d < D; ++d) points[d * query_block + i] = inside[i] ? local[d] : 0;
  }
};

}  // namespace

template <class T>
std::vector<std::uint32_t> Grid<T>::answer(const PoolRequest<T>& request, const ScaledValues<T>& values, int threads,
                                           const Sink& sink) const {
  switch (request.keys.cols) {
    case 1:
      return answer_in<1>(request, values, threads, sink);
    case 2:
      return answer_in<2>(request, values, threads, sink);
    default:
      return answer_in<3>(request, values, threads, sink);
  }
}

template <class T>
template <std::size_t D>
std::vector<std::uint32_t> Grid<T>::answer_in(const PoolRequest<T>& request, const ScaledValues<T>& values, int threads,
                                              const Sink& sink) const {
  const std::size_t queries = request.queries.rows, blocks = (queries + query_block - 1) / query_block;
  std::vector<AlignedVector<double>> scratch(static_cast<std::size_t>(threads));
  for (auto& s : scratch) s.resize(set_count_ * shape_.planes * query_block);
  const bool in_order = boxes_.count * box_size() * set_count_ > cached && queries > boxes_.count / 8;
  const SortedPoints sorted = in_order ? sort_by_box<D>(boxes_, request.queries, threads) : SortedPoints{};
  std::vector<char> unanswered(queries, 0);
  parallel_for((blocks + blocks_per_task - 1) / blocks_per_task, threads, request.options.progress,
               [&](std::size_t task, int worker) {
                 for (std::size_t b = task * blocks_per_task; b < std::min(blocks, (task + 1) * blocks_per_task); ++b) {
                   const std::size_t first = b * query_block;
                   answer_block<D>(request, values, in_order ? sorted.order.data() + first : nullptr, first,
                                   std::min(query_block, queries - first),
                                   scratch[static_cast<std::size_t>(worker)].data(), sink, unanswered.data());
                 }
               });
  std::vector<std::uint32_t> rest;
  for (std::size_t q = 0; q < queries; ++q)
    if (unanswered[q]) rest.push_back(static_cast<std::uint32_t>(q));
  return rest;
}

// Queries first .. first + count - 1, or those that `order` lists.
template <class T>
template <std::size_t D>
void Grid<T>::answer_block(const PoolRequest<T>& request, const ScaledValues<T>& values, const std::uint32_t* order,
                           std::size_t first, std::size_t count, double* sums, const Sink& sink,
                           char* unanswered) const {
  const std::size_t columns = shape_.planes;
  const bool with_bounds = request.wants_bounds();
  const auto query = [&](std::size_t i) { return order ? order[i] : first + i; };
  Located<D> at;
  for (std::size_t i = 0; i < count; ++i) at.locate(i, boxes_, request.queries.row(query(i)));
  bool* const keep = at.inside;
  CellShape all_sets = shape_;
  all_sets.planes *= set_count_;
  const GridRoutines& routines = active_table().grid;
  (lanes_are_planes() ? routines.evaluate_planes : routines.evaluate)(
      {.shape = all_sets, .cells = cells_.data(), .cell = at.cell, .points = at.points, .count = count, .sums = sums});
  if (request.options.range.excludes_self()) remove_own(request, values, order, first, count, sums);
  const bool lines = built_.moments == Moments::line;
  if (lines) clear_idle(count, sums);

  constexpr double rounding = static_cast<double>(std::numeric_limits<T>::epsilon());
  double bounds[query_block], size[query_block];
  bound(sums, at.cell, count, bounds, size);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (lines) {
      const double with_rounding = bounds[i] + rounding * (1 + size[i]);
      keep[i] &= sums[i] > 0 && bounds[i] > 0 && with_rounding <= built_.tolerance;
      bounds[i] = with_rounding;
    } else {
      keep[i] &= bounds[i] > 0 && bounds[i] <= (built_.tolerance - rounding) * sums[i];
      if (with_bounds) bounds[i] = bounds[i] / sums[i] + rounding;  // a division that most callers do not need
    }
    if (!keep[i] || trimmed_) {
      const T* x = request.queries.row(query(i));
      if (!std::all_of(x, x + D, [](T coordinate) { return std::isfinite(coordinate); })) {
        sums[i] = bounds[i] = std::numeric_limits<double>::quiet_NaN();
        keep[i] = true;
      } else {
        keep[i] &= !is_near_a_stray(x);
      }
    }
    unanswered[query(i)] = !keep[i];
    kept += keep[i];
  }
  QuerySums q{.count = count,
              .first = order ? 0 : first,
              .order = order,
              .sums = sums,
              .stride = query_block,
              .columns = columns,
              .reference = static_cast<double>(-values.weight_exponent),
              .bounds = with_bounds ? bounds : nullptr,
              .bounds_are_of_lines = lines};
  std::uint32_t kept_order[query_block];
  if (kept < count) keep_lanes(q, keep, sums, set_count_ * columns, with_bounds ? bounds : nullptr, kept_order);
  if (kept > 0) sink(q);
}

// Moments along a dimension of no influence are 0, but interpolation leaves them its error.
template <class T>
void Grid<T>::clear_idle(std::size_t count, double* sums) const {
  for (std::size_t p = 0; p + 1 < set_count_; ++p) {
    const MomentFactors factors = factors_of(built_.moments, p, shape_.dims);
    if (boxes_.axes[factors.dims[0]].scale > 0 && boxes_.axes[factors.dims[1]].scale > 0) continue;
    for (std::size_t plane = 0; plane < shape_.planes; ++plane)
      std::fill_n(sums + ((1 + p) * shape_.planes + plane) * query_block, count, 0.0);
  }
}

// Of the means, times their sums of weights; or of local lines, with the largest answers in `size`, in units of the values.
template <class T>
void Grid<T>::bound(const double* sums, const unsigned* cell, std::size_t count, double* bounds, double* size) const {
  for (std::size_t i = 0; i < count; ++i)
    bounds[i] = 1.01 * (certificate_.per_near * near_[cell[i]] + certificate_.constant);
  if (built_.moments == Moments::line) {
    bool counts[most_grid_dims];
    for (std::size_t d = 0; d < shape_.dims; ++d) counts[d] = boxes_.axes[d].scale > 0;
    return bound_lines({sums, shape_.planes, shape_.dims, count, counts}, certificate_.ratio, bounds, bounds, size);
  }
  for (std::size_t i = 0; i < count; ++i) bounds[i] *= 2;
}

template <class T>
bool Grid<T>::is_near_a_stray(const T* query) const {
  for (std::size_t d = 0; d < shape_.dims; ++d) {
    const Axis& axis = boxes_.axes[d];
    const double z = static_cast<double>(query[d]) * axis.per_unit - axis.first;
    if (!(z >= axis.edge_low && z <= axis.edge_high)) return true;
  }
  return false;
}

// Leave-one-out: what a query's own key added is taken off again, exactly known but for the error in `near`. The bound
// is that of what is left.
template <class T>
void Grid<T>::remove_own(const PoolRequest<T>& request, const ScaledValues<T>& values, const std::uint32_t* order,
                         std::size_t first, std::size_t count, double* sums) const {
  std::vector<double> of_key(shape_.planes);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t q = order ? order[i] : first + i, k = request.options.range.excluded(q, request.keys.rows);
    if (k == KeyRange::none) continue;
    double deltas[most_grid_dims], square = 0;
    for (std::size_t d = 0; d < shape_.dims; ++d) {
      const double delta =
          (static_cast<double>(request.queries(q, d)) - static_cast<double>(request.keys(k, d))) * boxes_.axes[d].scale;
      deltas[d] = delta * std::sqrt(exponent_scale_squared);
      square += delta * delta * exponent_scale_squared;
    }
    const double own = square == 0 ? 1 : std::exp2(-square);
    const auto moment = [&](std::size_t p) {
      if (built_.moments == Moments::scalar) return square;
      const MomentFactors of_moment = factors_of(built_.moments, p, shape_.dims);
      return deltas[of_moment.dims[0]] * (of_moment.count == 1 ? 1 : deltas[of_moment.dims[1]]);
    };
    values.factors(k, of_key.data());
    for (std::size_t set = 0; set < set_count_; ++set) {
      const double times = own * (set == 0 ? 1 : moment(set - 1));
      if (times == 0) continue;
      for (std::size_t p = 0; p < shape_.planes; ++p)
        sums[(set * shape_.planes + p) * query_block + i] -= times * of_key[p];
    }
  }
}

template std::vector<std::uint32_t> Grid<float>::answer(const PoolRequest<float>&, const ScaledValues<float>&, int,
                                                        const Sink&) const;
template std::vector<std::uint32_t> Grid<double>::answer(const PoolRequest<double>&, const ScaledValues<double>&, int,
                                                         const Sink&) const;

}  // namespace attnpool::detail
