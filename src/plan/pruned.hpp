#pragma once
// The pruned plan: the dense plan on points in the order of a space-filling curve, so that keys come in blocks with
// small bounding boxes. A block of queries passes over the key blocks whose weights are too small to change its answers:
// with best = an upper bound on the exponent of every query's nearest key, the keys beyond best + log2(K / epsilon) + 1
// sum to less than epsilon / 2 of any query's sum. Key weights count in the exponents.
#include "plan/block_tree.hpp"
#include "plan/dense.hpp"

namespace attnpool::detail {

template <class T>
struct PrunedWorkspace {
  BlockTree tree;
  std::vector<double> shape;            // log2 of the scales of the score that the keys were put in order for
  std::vector<std::uint32_t> position;  // of each of the caller's keys
  AlignedVector<T> keys, queries;
  ScaledValues<T> values;
  DenseWorkspace<T> dense;
};

// Puts the keys in order. Good for any score, but boxes are smallest for the one given: see suits().
template <class T>
void prepare_pruned(MatrixView<const T> keys, const ScaledValues<T>& values, const Kernel& kernel,
                    PrunedWorkspace<T>& workspace);

// Whether boxes of the order that `workspace` has are about as small for `score` as those of an order of its own: if the ratio of
// two of its scales is within a factor of 4 of what it was. Flights whose two bandwidths have a ratio 200 times that of the
// spreads take three times as long in the order of the spreads; an order costs less than a tenth of a pass.
template <class T>
bool suits(const PrunedWorkspace<T>& workspace, const Kernel& kernel, std::size_t dims);

// As run_dense, for a request whose range is all keys or all but self, after prepare_pruned. subset: null, or the
// caller's indices of the request's queries.
template <class T>
void run_pruned(const PoolRequest<T>& request, PrunedWorkspace<T>& workspace, const Sink& sink,
                const std::vector<std::uint32_t>* subset = nullptr);

}  // namespace attnpool::detail
