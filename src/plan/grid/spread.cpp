#include <algorithm>
#include <limits>

#include "base/threads.hpp"
#include "plan/grid/grid.hpp"

namespace attnpool::detail {
namespace {

// Keys that spread_as_they_come() adds up one by one, and the doubles of moments that keep adding up its parts cheap. The rounding of
// such a sum must keep the tolerance though all keys lie in one box: it counts four times in a mean, 32 times in a line at a
// boundary. 0: none does.
std::size_t part_keys(Moments moments, double tolerance) {
  constexpr double u = std::numeric_limits<double>::epsilon() / 2;
  const bool line = moments == Moments::line;
  if (8192 * (line ? 32 : 4) * u <= tolerance) return 8192;
  return line && 1024 * 32 * u <= tolerance ? 1024 : 0;
}
constexpr std::size_t few_moments = 16384;

}  // namespace

template <class T>
template <std::size_t D>
void Grid<T>::spread(MatrixView<const T> keys, const ScaledValues<T>& values, int threads) {
  sets_.assign(1, {});
  sets_[0].resize(boxes_.count * box_size());
  occupied_.assign(boxes_.count, 0);
  if constexpr (D == 1) {
    if (boxes_.count * box_size() <= few_moments && part_keys(built_.moments, built_.tolerance) > 0)
      return spread_as_they_come(keys, values, threads);
  }
  spread_by_box<D>(keys, values, threads);
}

// One dimension. Keys are cut into parts, each with moments of its own, to keep the rounding of a long sum small and
// for threads to share.
template <class T>
void Grid<T>::spread_as_they_come(MatrixView<const T> keys, const ScaledValues<T>& values, int threads) {
  const std::size_t size = boxes_.count * box_size(), point = 1 + shape_.planes;
  const std::size_t per_part = part_keys(built_.moments, built_.tolerance),
                    parts = (keys.rows + per_part - 1) / per_part;
  const GridRoutines& routines = active_table().grid;
  std::uint32_t fullest = 0;
  std::fill(sets_[0].begin(), sets_[0].end(), 0.0);
  AlignedVector<double> sums;
  std::vector<std::uint32_t> seen;  // keys in each cell
  // As many parts at a time as there are threads; added in their order.
  const std::size_t team = std::min(parts, static_cast<std::size_t>(threads));
  sums.resize(team * size);
  seen.resize(team * boxes_.count);
  for (std::size_t first = 0; first < parts; first += team) {
    const std::size_t now = std::min(team, parts - first);
    parallel_for(now, threads, {}, [&](std::size_t i, int) {
      double* sum = sums.data() + i * size;
      std::uint32_t* counts = seen.data() + i * boxes_.count;
      std::fill_n(sum, size, 0.0);
      std::fill_n(counts, boxes_.count, 0u);
      AlignedVector<double> points(query_block * point);
      unsigned cell[query_block];
      const std::size_t begin = (first + i) * per_part, end = std::min(keys.rows, begin + per_part);
      for (std::size_t k = begin; k < end; k += query_block) {
        std::size_t count = 0;
        for (std::size_t j = k; j < std::min(end, k + query_block); ++j) {
          double* to = points.data() + count * point;
          const std::size_t c = boxes_.template locate<1>(keys.row(j), to);
          values.factors(j, to + 1);
          if (c == boxes_.count) continue;
          ++counts[c];
          cell[count++] = static_cast<unsigned>(c);
        }
        routines.spread({shape_, points.data(), count, cell, sum});
      }
    });
    for (std::size_t i = 0; i < now; ++i) {
      for (std::size_t j = 0; j < size; ++j) sets_[0][j] += sums[i * size + j];
      for (std::size_t c = 0; c < boxes_.count; ++c) {
        occupied_[c] |= seen[i * boxes_.count + c] > 0;
        fullest = std::max(fullest, seen[i * boxes_.count + c]);
      }
    }
  }
  longest_sum_ = static_cast<double>(fullest + parts);
}

template <class T>
template <std::size_t D>
void Grid<T>::spread_by_box(MatrixView<const T> keys, const ScaledValues<T>& values, int threads) {
  constexpr std::size_t part = 256;  // sums of a cell are added up in parts of this many keys
  const std::size_t size = box_size(), point = D + shape_.planes;
  const SortedPoints sorted = sort_by_box<D>(boxes_, keys, threads);
  const std::size_t count = sorted.begin[boxes_.count];
  const GridRoutines& routines = active_table().grid;
  struct Scratch {
    AlignedVector<double> sum, points;
  };
  std::vector<Scratch> scratch(static_cast<std::size_t>(threads));
  for (Scratch& s : scratch) {
    s.sum.resize(size);
    s.points.resize(part * point);
  }
  longest_sum_ = part;
  for (std::size_t cell = 0; cell < boxes_.count; ++cell) {
    const std::size_t n = sorted.begin[cell + 1 < boxes_.count ? cell + 1 : boxes_.count] - sorted.begin[cell];
    occupied_[cell] = n > 0;
    longest_sum_ = std::max(longest_sum_, static_cast<double>(part + n / part + 1));
  }
  // Tasks are runs of cells with about as many keys each.
  const std::size_t tasks = threads == 1 ? 1 : static_cast<std::size_t>(threads) * 8;
  const auto boundary = [&](std::size_t task) {
    if (task == 0 || task == tasks) return task == 0 ? 0 : boxes_.count;
    const auto at = std::upper_bound(sorted.begin.begin(), sorted.begin.end(), part_begin(count, task, tasks));
    return std::min(boxes_.count, static_cast<std::size_t>(at - sorted.begin.begin()));
  };
  parallel_for(tasks, threads, {}, [&](std::size_t task, int worker) {
    Scratch& s = scratch[static_cast<std::size_t>(worker)];
    for (std::size_t cell = boundary(task); cell < boundary(task + 1); ++cell) {
      double* out = sets_[0].data() + cell * size;
      std::fill_n(out, size, 0.0);
      const std::size_t end = sorted.begin[cell + 1];
      for (std::size_t first = sorted.begin[cell]; first < end; first += part) {
        const std::size_t n = std::min(part, end - first);
        for (std::size_t i = 0; i < n; ++i) {
          const std::size_t k = sorted.order[first + i];
          boxes_.template locate<D>(keys.row(k), s.points.data() + i * point);
          values.factors(k, s.points.data() + i * point + D);
        }
        std::fill_n(s.sum.data(), size, 0.0);
        routines.spread({shape_, s.points.data(), n, nullptr, s.sum.data()});
        for (std::size_t i = 0; i < size; ++i) out[i] += s.sum[i];
      }
    }
  });
}

#define ATTNPOOL_INSTANTIATE(T)                                                       \
  template void Grid<T>::spread<1>(MatrixView<const T>, const ScaledValues<T>&, int); \
  template void Grid<T>::spread<2>(MatrixView<const T>, const ScaledValues<T>&, int); \
  template void Grid<T>::spread<3>(MatrixView<const T>, const ScaledValues<T>&, int);
ATTNPOOL_INSTANTIATE(float)
ATTNPOOL_INSTANTIATE(double)

}  // namespace attnpool::detail
