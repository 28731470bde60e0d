#pragma once
// The answer for queries far from every key: the same sums relative to the nearest key, one query at a time in double.
// Two passes over the keys (find the nearest, then weigh), lanes along the keys; most weights are exactly 0 and cost
// nothing further.
#include <span>

#include "base/dispatch.hpp"
#include "data/interval.hpp"
#include "data/row_keys.hpp"
#include "plan/request.hpp"
#include "result/sink.hpp"

namespace attnpool::detail {

struct NearestScratch {
  std::vector<double> query, reference, weights, sums;
};

template <class T>
class NearestSolver {
 public:
  NearestSolver(const PoolRequest<T>& request, const ScaledValues<T>& values);
  NearestScratch scratch() const;
  // Computes query `query` of the request over the keys in `seen` and hands it to the sink under the caller's index.
  void answer(std::size_t query, std::size_t caller_index, std::span<const Interval> seen, NearestScratch& scratch,
              const Sink& sink) const;

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
