#pragma once
// Queries far from every key: the same sums, relative to the nearest key, one query at a time in double. Two passes
// over the keys (find the nearest, then weigh), lanes along the keys; most weights are exactly 0 and cost nothing
// further.
#include <functional>

#include "dispatch.hpp"
#include "engine.hpp"

namespace attnpool::detail {

struct FarScratch {
  std::vector<double> query, reference, weights, sums;
};

template <class T>
class FarField {
 public:
  FarField(MatrixView<const T> queries, MatrixView<const T> keys, const PreparedValues<T>& values,
           const Gaussian& score, Moments moments, const KeyRange& range);
  FarScratch scratch() const;
  void answer(std::size_t query, FarScratch& scratch, const std::function<void(const QuerySums&)>& finish) const;

 private:
  MatrixView<const T> queries_;
  const TransposedKeys<double> keys_;
  const PreparedValues<T>& values_;
  const Moments moments_;
  const KeyRange range_;
  const Kernels<double>& kernels_;
};

// The keys that a query sees, as at most two intervals [begin, end).
struct Intervals {
  std::size_t begin[2], end[2];
  Intervals(const KeyRange& range, std::size_t query, std::size_t key_count);
};

// Sets reference to the coordinates of the key nearest to query among the intervals (not empty); returns its index.
template <class S>
std::size_t find_nearest(const Kernels<S>& kernels, const TransposedKeys<S>& keys, const Intervals& seen,
                         const S* query, S* reference);

}  // namespace attnpool::detail
