#pragma once
// The cells of the window plan, and the choice of their width.
#include <attnpool/view.hpp>
#include <cstddef>

#include "plan/grid/region.hpp"
#include "plan/request.hpp"

namespace attnpool::detail {

// Cells [low + i width, low + (i + 1) width) in the unit of the keys, `group` of them a group. For a query in cell i the keys of
// cells i - reach + 1 .. i + reach - 1 lie within the bandwidth, whatever rounding did to the places of both, and those beyond
// i +- (reach + beyond) do not. reach - 1 = group * (whole + 1): to either side of a query's group `whole` groups are seen by all
// its queries, and the next one in part.
struct WindowLayout {
  bool possible = false;
  bool trimmed = false;  // keys outside the cells exist (strays)
  double low = 0, width = 0;
  std::size_t cells = 0, group = 1, whole = 0, reach = 1, beyond = 1;
  double visited = 0;  // keys that a query meets one by one, about
  double seconds = 0;  // predicted, on one thread
  double bytes = 0;

  std::size_t groups() const { return cells / group; }
  bool operator==(const WindowLayout&) const = default;
};

// Whether own cells are taken as sums too: where the kernel is the same polynomial on both sides, and no key is left out.
bool passes_through(const KernelProfile& profile, const KeyRange& range);

// The cheapest layout. `region`: of the keys, whose bounding box is [low, high].
template <class T>
WindowLayout choose_window(const PoolRequest<T>& request, const Region& region, double low, double high,
                           std::size_t value_cols);

}  // namespace attnpool::detail
