#include <algorithm>

#include "base/threads.hpp"
#include "plan/grid/grid.hpp"

namespace attnpool::detail {

// Carries the sums of every box to its neighbours along dimension `dim`, whose boxes are `stride` apart.
template <class T>
void Grid<T>::translate_along(std::size_t dim, std::size_t stride, int threads) {
  const std::size_t size = box_size(), matrix = shape_.terms * shape_.row;
  const GridRoutines& routines = active_table().grid;
  const Expansion& expansion = *expansions_[dim];
  const std::size_t along = boxes_.axes[dim].boxes, reach = expansion.reach();
  const Moments moments = built_.moments;
  const std::size_t parameters = parameter_count(moments, shape_.dims);
  // Moments of dimensions that are not done yet have no sums: their last factor is that of `last_of`.
  const auto last_of = [&](std::size_t p) {
    return moments == Moments::scalar ? 0 : factors_of(moments, p, shape_.dims).dims[1];
  };
  std::vector<double> decay(reach + 1);
  for (std::size_t o = 0; o <= reach; ++o) decay[o] = expansion.decay(o);
  std::vector<AlignedVector<double>> out(1 + parameters);
  out[0].resize(boxes_.count * size);
  for (std::size_t p = 0; p < parameters; ++p)
    if (last_of(p) <= dim) out[1 + p].resize(boxes_.count * size);
  std::vector<unsigned char> reached(boxes_.count);
  std::vector<double> near(boxes_.count);

  const auto translate_to = [&](std::size_t cell) {
    const std::size_t box = cell / stride % along;
    const std::size_t first = box > reach ? box - reach : 0, last = std::min(along - 1, box + reach);
    const std::size_t source = cell - (box - first) * stride, sources = last - first + 1;
    for (auto& set : out)
      if (set.size() > 0) std::fill_n(set.data() + cell * size, size, 0.0);
    for (std::size_t s = 0; s < sources; ++s) {
      reached[cell] |= occupied_[source + s * stride];
      near[cell] += near_[source + s * stride] * decay[first + s > box ? first + s - box : box - first - s];
    }
    if (!reached[cell]) return;
    const auto carry = [&](std::size_t from, const double* matrices, std::size_t to) {
      routines.translate({.shape = shape_,
                          .dim = dim,
                          .source = sets_[from].data() + source * size,
                          .source_stride = stride * size,
                          .occupied = occupied_.data() + source,
                          .occupied_stride = stride,
                          .source_count = sources,
                          .matrices = matrices + (first + reach - box) * matrix,
                          .target = out[to].data() + cell * size});
    };
    for (std::size_t set = 0; set < sets_.size(); ++set)
      if (sets_[set].size() > 0) carry(set, expansion.gaussian(), set);
    for (std::size_t p = 0; p < parameters; ++p) {
      const MomentFactors factors = factors_of(moments, p, shape_.dims);
      if (moments == Moments::scalar) {
        carry(0, expansion.second_moment(), 1 + p);
      } else if (factors.count == 1 && factors.dims[0] == dim) {
        carry(0, expansion.first_moment(), 1 + p);
      } else if (factors.count == 2 && factors.dims[1] == dim) {
        const bool mixed = factors.dims[0] != dim;  // the first moment in the lower dimension is there already
        carry(mixed ? 1 + factors.dims[0] : 0, mixed ? expansion.first_moment() : expansion.second_moment(), 1 + p);
      }
    }
  };
  const std::size_t per_task = std::max<std::size_t>(1, boxes_.count / 256),
                    tasks = (boxes_.count + per_task - 1) / per_task;
  parallel_for(tasks, threads, {}, [&](std::size_t task, int) {
    for (std::size_t cell = task * per_task; cell < std::min(boxes_.count, (task + 1) * per_task); ++cell)
      translate_to(cell);
  });
  sets_ = std::move(out);
  near_ = std::move(near);
  occupied_ = std::move(reached);
}

template <class T>
void Grid<T>::translate(int threads) {
  near_.resize(boxes_.count);
  for (std::size_t cell = 0; cell < boxes_.count; ++cell)
    near_[cell] = occupied_[cell] ? sets_[0][cell * box_size()] : 0;
  std::size_t stride = boxes_.count;
  for (std::size_t d = 0; d < shape_.dims; ++d) {
    stride /= boxes_.axes[d].boxes;
    translate_along(d, stride, threads);
  }
  merge_sets(threads);
}

// Puts the sets of a box side by side.
template <class T>
void Grid<T>::merge_sets(int threads) {
  const std::size_t size = box_size(), planes = shape_.planes;
  set_count_ = sets_.size();
  const bool by_term = lanes_are_planes();
  const std::size_t row = planes_row(set_count_ * planes), merged = by_term ? shape_.terms * row : set_count_ * size;
  const auto merge = [&](std::size_t cell) {
    double* to = cells_.data() + cell * merged;
    if (by_term) std::fill_n(to, merged, 0.0);
    for (std::size_t set = 0; set < set_count_; ++set) {
      const double* from = sets_[set].data() + cell * size;
      if (!by_term) std::copy_n(from, size, to + set * size);
      for (std::size_t p = 0; by_term && p < planes; ++p)
        for (std::size_t i = 0; i < shape_.terms; ++i) to[i * row + set * planes + p] = from[p * shape_.row + i];
    }
  };
  if (set_count_ == 1) {
    cells_ = std::move(sets_[0]);
  } else {
    cells_.resize(boxes_.count * merged);
    constexpr std::size_t per_task = 64;
    parallel_for((boxes_.count + per_task - 1) / per_task, threads, {}, [&](std::size_t task, int) {
      for (std::size_t cell = task * per_task; cell < std::min(boxes_.count, (task + 1) * per_task); ++cell)
        merge(cell);
    });
  }
  sets_.clear();
}

template void Grid<float>::translate(int);
template void Grid<double>::translate(int);

}  // namespace attnpool::detail
