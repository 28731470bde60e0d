#include "plan/window/queries.hpp"

#include <algorithm>

#include "plan/window/counting_sort.hpp"
#include "plan/window/window.hpp"

namespace attnpool::detail {

template <class T>
WindowQueries Window<T>::sort_queries(const PoolRequest<T>& request, int threads) const {
  const MatrixView<const T> queries = request.queries;
  WindowQueries q;
  // Queries outside: as far as the kernel reaches, or the keys; others are few, or have no key in reach.
  const std::size_t most = std::min(layout_.reach + 1 + layout_.beyond, layout_.cells);
  q.pad = (most + layout_.group - 1) / layout_.group * layout_.group;
  q.cells = layout_.cells + 2 * q.pad;
  q.order.resize(queries.rows);
  q.x.resize(queries.rows);
  const double per_cell = 1 / layout_.width, cells = static_cast<double>(q.cells), pad = static_cast<double>(q.pad);
  const double reach = 1.01 * static_cast<double>(layout_.reach + layout_.beyond) * layout_.width;
  const double low = stray_below_ + reach, high = stray_above_ - reach;  // beyond them strays may be in reach
  const auto cell = [&](std::size_t i) {
    const double x = static_cast<double>(queries(i, 0)), z = (x - layout_.low) * per_cell + pad;
    return z >= 0 && z < cells && x > low && x < high ? static_cast<std::size_t>(static_cast<std::int64_t>(z))
                                                      : q.cells;
  };
  const auto place = [&](std::size_t i, std::uint32_t at) {
    q.order[at] = static_cast<std::uint32_t>(i);
    q.x[at] = static_cast<double>(queries(i, 0));
  };
  q.begin = counting_sort(queries.rows, q.cells + 1, threads, cell, place);
  return q;
}

template WindowQueries Window<float>::sort_queries(const PoolRequest<float>&, int) const;
template WindowQueries Window<double>::sort_queries(const PoolRequest<double>&, int) const;

}  // namespace attnpool::detail
