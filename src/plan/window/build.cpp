#include <algorithm>
#include <cmath>
#include <limits>

#include "base/threads.hpp"
#include "data/units.hpp"
#include "plan/window/counting_sort.hpp"
#include "plan/window/window.hpp"

namespace attnpool::detail {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
// Keys of a cell are added up in parts of this many, so that rounding of long sums stays small.
constexpr std::size_t part = 256;
constexpr std::size_t groups_per_task = 64;

}  // namespace

template <class T>
void Window<T>::build(const PoolRequest<T>& request, const ScaledValues<T>& values, const WindowLayout& layout,
                      int threads) {
  const Arguments arguments{request.profile().shape, request.kernel.w_of(0), request.moments, layout,
                            request.options.range.excludes_self()};
  if (built_ == arguments) return;
  built_.reset();
  layout_ = layout;
  scale_ = scale_of(request.kernel, 0);
  planes_ = values.planes;
  first_plane_ = values.weighted ? 1 : 0;
  const KernelPolynomial kernel(request.profile().shape);
  const QueryPolynomials polynomials(kernel, request.moments);
  sums_ = {.degree = polynomials.sum_degree(), .planes = 1 + values.cols};
  sort_keys(request, values, threads);
  sum_cells(threads);
  // Terms of all sums on the way, and twice the degree for each of three moves of powers of at most (1 + group / reach).
  std::uint32_t fullest = 0;
  for (std::size_t c = 0; c < layout.cells; ++c) fullest = std::max(fullest, begin_[c + 1] - begin_[c]);
  const double degree = static_cast<double>(sums_.degree), group = static_cast<double>(layout.group),
               terms = std::min<double>(fullest, part) + fullest / static_cast<double>(part) + group +
                       static_cast<double>(std::min(layout.whole, layout.groups())) + 6 * degree + 10;
  rounding_ = std::numeric_limits<double>::epsilon() / 2 * terms * kernel.magnitude() *
              std::pow(1 + group / static_cast<double>(layout.reach), degree);
  built_ = arguments;
}

template <class T>
void Window<T>::sort_keys(const PoolRequest<T>& request, const ScaledValues<T>& values, int threads) {
  const MatrixView<const T> keys = request.keys;
  const double per_cell = 1 / layout_.width, cells = static_cast<double>(layout_.cells);
  keys_.resize(keys.rows);
  values_.resize(keys.rows * planes_);
  position_.resize(request.options.range.excludes_self() ? keys.rows : 0);
  const auto cell = [&](std::size_t k) {
    const double z = (static_cast<double>(keys(k, 0)) - layout_.low) * per_cell;
    return z >= 0 && z < cells ? static_cast<std::size_t>(static_cast<std::int64_t>(z)) : layout_.cells;
  };
  const auto place = [&](std::size_t k, std::uint32_t at) {
    keys_[at] = static_cast<double>(keys(k, 0));
    double* to = values_.data() + at * planes_;
    if (!values.weighted) {
      for (std::size_t v = 0; v < planes_; ++v) to[v] = values.scaled(k, v);
    } else {
      values.factors(k, to);
    }
    if (!position_.empty()) position_[k] = at;
  };
  begin_ = counting_sort(keys.rows, layout_.cells + 1, threads, cell, place);
  stray_below_ = -infinity;
  stray_above_ = infinity;
  for (std::size_t k = begin_[layout_.cells]; k < keys.rows; ++k)
    keys_[k] < layout_.low ? stray_below_ = std::max(stray_below_, keys_[k])
                           : stray_above_ = std::min(stray_above_, keys_[k]);
}

// The power sums of one cell, and its least and largest key.
template <class T>
void Window<T>::sum_up(std::size_t cell, std::vector<double>& scratch) {
  const std::size_t begin = begin_[cell], end = begin_[cell + 1];
  const bool has_sums = layout_.reach > 1;
  double *of_part = scratch.data(), *factors = of_part + sums_.size(),
         *sums = has_sums ? cell_sums_.data() + cell * sums_.size() : of_part;
  const double centre = group_centre(static_cast<std::ptrdiff_t>(cell / layout_.group));
  double least = infinity, largest = -infinity;
  factors[0] = 1;
  for (std::size_t first = begin; first < end; first += part) {
    double* to = first == begin ? sums : of_part;
    std::fill_n(to, sums_.size(), 0.0);
    for (std::size_t k = first; k < std::min(end, first + part); ++k) {
      least = std::min(least, keys_[k]);
      largest = std::max(largest, keys_[k]);
      if (!has_sums) continue;
      std::copy_n(values_.data() + k * planes_, planes_, factors + 1 - first_plane_);
      sums_.add_key((keys_[k] - centre) * scale_, factors, to);
    }
    for (std::size_t i = 0; to == of_part && i < sums_.size(); ++i) sums[i] += of_part[i];
  }
  if (begin == end) std::fill_n(sums, sums_.size(), 0.0);
  least_[cell] = least;
  largest_[cell] = largest;
}

template <class T>
void Window<T>::sum_cells(int threads) {
  const std::size_t groups = layout_.groups();
  const bool has_sums = layout_.reach > 1;
  least_.resize(layout_.cells);
  largest_.resize(layout_.cells);
  cell_sums_.resize(has_sums ? layout_.cells * sums_.size() : 0);
  group_sums_.resize(has_sums ? groups * sums_.size() : 0);
  std::vector<std::vector<double>> scratch(static_cast<std::size_t>(threads),
                                           std::vector<double>(sums_.size() + 1 + planes_));
  const std::size_t tasks = (groups + groups_per_task - 1) / groups_per_task;
  parallel_for(tasks, threads, {}, [&](std::size_t task, int worker) {
    for (std::size_t g = task * groups_per_task; g < std::min(groups, (task + 1) * groups_per_task); ++g) {
      double* total = has_sums ? group_sums_.data() + g * sums_.size() : nullptr;
      if (has_sums) std::fill_n(total, sums_.size(), 0.0);
      for (std::size_t cell = g * layout_.group; cell < (g + 1) * layout_.group; ++cell) {
        sum_up(cell, scratch[static_cast<std::size_t>(worker)]);
        for (std::size_t i = 0; has_sums && i < sums_.size(); ++i) total[i] += sums_of_cell(cell)[i];
      }
    }
  });
}

template void Window<float>::build(const PoolRequest<float>&, const ScaledValues<float>&, const WindowLayout&, int);
template void Window<double>::build(const PoolRequest<double>&, const ScaledValues<double>&, const WindowLayout&, int);

}  // namespace attnpool::detail
