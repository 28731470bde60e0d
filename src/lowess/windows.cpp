#include "lowess/windows.hpp"

#include <algorithm>
#include <cmath>

namespace attnpool::detail {
namespace {

// A group has so many queries at most and, where queries are far apart, so many keys between its first and its last. An inner part is
// worth its moments from so many leaves on.
constexpr std::size_t most_queries = 64, most_keys = 64, fewest_leaves = 8;

// A key left out of the window that is nearer than this, in reaches, counts: midpoints are rounded. The weight at 1 - 1e-5 is 3e-14.
constexpr double nearly_reach = 1 - 1e-5;

struct Window {
  std::size_t left;
  double reach, unit;
};

Window window_at(const std::vector<double>& keys, double query, std::size_t neighbours, std::size_t left) {
  const std::size_t n = keys.size();
  // Half the sum, not the sum of halves: statsmodels' rounding decides between keys at the same distance.
  while (left + neighbours < n && query > (keys[left] + keys[left + neighbours]) / 2) ++left;
  const std::size_t right = left + neighbours;
  const double reach = std::max(query - keys[left], keys[right - 1] - query);
  const bool nearest = (left == 0 || query - keys[left - 1] >= nearly_reach * reach) &&
                       (right == n || keys[right] - query >= nearly_reach * reach);
  const double unit = 1 / reach;
  return {left, reach, nearest && std::isfinite(unit) ? unit : 0};
}

LeafRange whole_leaves(std::size_t begin, std::size_t end) {
  const LeafRange range = {(begin + lowess_leaf - 1) / lowess_leaf, end / lowess_leaf};
  return range.begin + fewest_leaves <= range.end ? range : LeafRange{};
}

}  // namespace

LowessWindows lowess_windows(const std::vector<double>& keys, std::vector<double> queries, std::size_t neighbours) {
  LowessWindows windows;
  windows.neighbours = neighbours;
  std::vector<std::size_t> position;  // of the first key that is not below the query
  std::size_t left = 0, next = 0;
  for (const double query : queries) {
    const Window window = window_at(keys, query, neighbours, left);
    left = window.left;
    while (next < keys.size() && keys[next] < query) ++next;
    windows.left.push_back(left), position.push_back(next);
    windows.reach.push_back(window.reach), windows.unit.push_back(window.unit);
  }
  windows.queries = std::move(queries);
  for (std::size_t begin = 0, end = 0; begin < position.size(); begin = end) {
    while (end < position.size() && end - begin < most_queries && position[end] - position[begin] <= most_keys) ++end;
    const std::size_t last_left = windows.left[end - 1], first_right = windows.left[begin] + neighbours;
    windows.groups.push_back({begin, end, whole_leaves(last_left, std::min(position[begin], first_right)),
                              whole_leaves(std::max(position[end - 1], last_left), first_right)});
  }
  return windows;
}

std::vector<std::size_t> fitted_keys(const std::vector<double>& keys, double delta) {
  std::vector<std::size_t> fitted;
  const std::size_t n = keys.size();
  for (std::size_t i = 0; i < n;) {
    fitted.push_back(i);
    std::size_t last = i, k = i;  // k: the key looked at last, within delta or the first beyond
    for (std::size_t j = i + 1; j < n; ++j) {
      k = j;
      if (keys[j] > keys[i] + delta) break;
      if (keys[j] == keys[i]) last = j;
    }
    if (last + 1 >= n) break;
    i = std::max(k - 1, last + 1);
  }
  return fitted;
}

}  // namespace attnpool::detail
