#pragma once
// What every plan computes: the weighted sums for a group of queries.
#include <attnpool/range.hpp>
#include <cstddef>
#include <cstdint>

#include "data/scaled_values.hpp"
#include "moments.hpp"

namespace attnpool::detail {

// Sums over the keys of weight * {1, value}, and the same times the moments of delta that were asked for, delta in units of the
// engine (data/units.hpp). A weight is the key weight times that of the kernel times 2^reference; in moments that stand for
// derivatives, its decline takes the place of the kernel's weight. weight(0, lane) is 0 if the query saw no key or none is within
// reach, and NaN if it is not finite.
struct QuerySums {
  std::size_t count = 0;                 // of queries, one per lane
  std::size_t first = 0;                 // lane i is query first + i,
  const std::uint32_t* order = nullptr;  // or, unless null, first + order[i]
  const double* sums = nullptr;  // [parameters + 1][columns][stride]: per parameter `first_column` sums to pass over,
  std::size_t stride = 0;        // then that of weights, then those of values
  std::size_t columns = 0, first_column = 0;
  double reference = 0;
  // Null: moments of delta count from the query. Else (one query, far from all keys) from this key, [dims].
  const double* origin = nullptr;
  double reference_at_origin =
      0;  // what of `reference` is not the distance of that key: so weights are relative to one there
  const double* bounds = nullptr;    // null, or of |mean - exact| / (largest - smallest value) of each lane
  bool bounds_are_of_lines = false;  // of the local line's answer in place of the mean

  bool empty = false;  // one query, no key within reach: the sums are those of Options::empty

  std::size_t query(std::size_t lane) const { return first + (order ? order[lane] : lane); }
  // p = 0: of w, p >= 1: of w times moment p - 1
  double weight(std::size_t p, std::size_t lane) const { return sums[(p * columns + first_column) * stride + lane]; }
  double value(std::size_t p, std::size_t v, std::size_t lane) const {
    return sums[(p * columns + first_column + 1 + v) * stride + lane];
  }
};

// Leaves in q only the lanes with keep[lane]. Their columns of `sums`, q's own [rows][q.stride], and their bounds (or
// null) move to the front; order [q.count] receives their queries.
void keep_lanes(QuerySums& q, const bool* keep, double* sums, std::size_t rows, double* bounds, std::uint32_t* order);

// mean[lane] = the weighted mean of column v, with the middle, the unit and the hull of the column put back. NaN if the
// query saw nothing.
template <class T>
void weighted_means(const ScaledValues<T>& values, const KeyRange& range, const QuerySums& q, std::size_t v,
                    double* mean);

}  // namespace attnpool::detail
