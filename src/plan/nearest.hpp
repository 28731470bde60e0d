#pragma once
// Queries far from every key: the same sums, relative to the nearest key, one query at a time in double. Two passes
// over the keys (find the nearest, then weigh), lanes along the keys; most weights are exactly 0 and cost nothing
// further.
#include <array>
#include <span>

#include "base/dispatch.hpp"
#include "plan/request.hpp"

namespace attnpool::detail {

// Keys [begin, end).
struct Interval {
  std::size_t begin, end;
};

// The keys that a query sees; either may be empty.
std::array<Interval, 2> visible_keys(const KeyRange& range, std::size_t query, std::size_t key_count);

struct NearestScratch {
  std::vector<double> query, reference, weights, sums;
};

template <class T>
class NearestSolver {
 public:
  NearestSolver(const PoolRequest<T>& call, const ScaledValues<T>& values);
  NearestScratch scratch() const;
  // `query` of the call, from the keys in `seen`; named `name` to finish.
  void answer(std::size_t query, std::size_t name, std::span<const Interval> seen, NearestScratch& scratch,
              const Finish& finish) const;

 private:
  MatrixView<const T> queries_;
  const RowKeys<double> keys_;
  const ScaledValues<T>& values_;
  const Moments moments_;
  const bool with_bounds_;
  const Routines<double>& routines_;

  // A weighted key in `seen`, or none.
  std::size_t first_key(std::span<const Interval> seen) const;
};

// Sets reference to the coordinates of the key nearest to query among the intervals; returns its index. start: one of
// them.
template <class S>
std::size_t find_nearest(const Routines<S>& routines, const RowKeys<S>& keys, std::span<const Interval> seen,
                         std::size_t start, const S* query, S* reference);

}  // namespace attnpool::detail
