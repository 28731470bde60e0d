#pragma once
// The pruned plan: the dense plan on points in the order of a space-filling curve, so that keys come in blocks with
// small bounding boxes. A block of queries passes over the key blocks whose weights could not be seen beside that of
// the nearest key: with best = an upper bound on the exponent of every query's nearest key, those beyond best + log2(K
// / epsilon) + 1 sum to less than epsilon / 2 of any query's sum.
#include "plan/dense.hpp"

namespace attnpool::detail {

// Points in the order of their Morton numbers, in blocks of `block`, with a binary tree of bounding boxes over them.
class BlockTree {
 public:
  template <class T>
  void build(MatrixView<const T> points, const BoundingBox<T>& box, const Gaussian& score, std::size_t block);

  const std::vector<std::uint32_t>& order() const { return order_; }
  // Runs of points, ascending, that may weigh more than 2^-margin of the nearest's weight for a query in the box
  // [low, high]. Exponents are sums of (scale * difference)^2. A nearest point is trusted if its block has `least`.
  void select(const double* low, const double* high, const double* scale, double margin, std::size_t least,
              std::vector<Interval>& runs) const;

 private:
  std::size_t count_ = 0, dims_ = 0, block_ = 1, leaves_ = 0;
  std::vector<std::uint32_t> order_;
  std::vector<double> boxes_;  // [2 leaves][2][dims]: node n has children 2n and 2n + 1, the root is 1

  void widen(std::size_t node, const double* low, const double* high);
};

template <class T>
struct PrunedWorkspace {
  BlockTree tree;
  std::vector<std::uint32_t> position;  // of each of the caller's keys
  AlignedVector<T> keys, queries;
  ScaledValues<T> values;
  DenseWorkspace<T> dense;
};

// Puts the keys in order. Good for any score; boxes are smallest for the one given.
template <class T>
void prepare_pruned(MatrixView<const T> keys, const ScaledValues<T>& values, const Gaussian& score,
                    PrunedWorkspace<T>& workspace);

// As run_dense, for a call whose range is all keys or all but self, after prepare_pruned. subset: null, or the caller's
// numbers of the call's queries.
template <class T>
void run_pruned(const PoolRequest<T>& call, const ScaledValues<T>& values, PrunedWorkspace<T>& workspace,
                const Finish& finish, const std::vector<std::uint32_t>* subset = nullptr);

}  // namespace attnpool::detail
