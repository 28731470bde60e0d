#pragma once
// Where keys may lie: what users have, and what breaks plans that assume more.
#include <array>

#include "problem.hpp"

namespace attnpool::test {

enum class Layout { uniform, clusters, ties, outlier, all_equal, two_far_groups };
inline constexpr std::array layouts = {Layout::uniform, Layout::clusters,  Layout::ties,
                                       Layout::outlier, Layout::all_equal, Layout::two_far_groups};
inline const char* to_string(Layout layout) {
  constexpr std::array names = {"uniform", "clusters", "ties", "outlier", "all_equal", "two_far_groups"};
  return names[static_cast<std::size_t>(layout)];
}

/// Problem::random with its keys moved, and every fifth query on a key.
template <class T>
Problem<T> problem_of(Layout layout, std::size_t query_count, std::size_t key_count, std::size_t dims = 1,
                      std::size_t value_cols = 1, std::uint64_t seed = 1) {
  auto problem = Problem<T>::random(query_count, key_count, dims, value_cols, seed);
  for (std::size_t k = 0; k < key_count; ++k)
    for (std::size_t d = 0; d < dims; ++d) {
      T& x = problem.keys(k, d);
      if (layout == Layout::clusters) x = std::floor(x) + (x - std::floor(x)) / 50;
      if (layout == Layout::ties) x = std::round(x * 2) / 2;
      if (layout == Layout::all_equal) x = T(2.5);
      if (layout == Layout::two_far_groups && k % 2 == 0) x += T(40);
    }
  if (layout == Layout::outlier) problem.keys(key_count / 3, 0) = T(1e6);
  for (std::size_t q = 0; q < query_count; q += 5)
    for (std::size_t d = 0; d < dims; ++d) problem.queries(q, d) = problem.keys(q % key_count, d);
  return problem;
}

}  // namespace attnpool::test
