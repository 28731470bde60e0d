#pragma once
#include <attnpool/kernel.hpp>
#include <attnpool/view.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "data/bounding_box.hpp"
#include "data/decay.hpp"
#include "data/interval.hpp"

namespace attnpool::detail {

// Points in the order of their Morton numbers, in blocks of `block`, with a binary tree of bounding boxes over them.
class BlockTree {
 public:
  template <class T>
  void build(MatrixView<const T> points, const BoundingBox<T>& box, const Kernel& kernel, std::size_t block);

  // Key weights > 0 of the points in order(), or empty.
  void weigh(std::span<const double> key_weights);

  const std::vector<std::uint32_t>& order() const { return order_; }
  struct Reach {
    Decay decay;
    std::span<const double> scale;  // differences times these are in units of the engine
    double margin;
    bool leaves_one_out;  // the nearest point may be the query's own, which does not count
  };
  // Runs of points, ascending, that may weigh more than 2^-margin of the nearest's weight for a query in the box [low, high]. The
  // weight of a point is that of the kernel times its key weight.
  void select(const double* low, const double* high, const Reach& reach, std::vector<Interval>& runs) const;

 private:
  std::size_t count_ = 0, dims_ = 0, block_ = 1, leaves_ = 0;
  std::vector<std::uint32_t> order_;
  std::vector<double> boxes_;  // [2 leaves][2][dims]: node n has children 2n and 2n + 1, the root is 1
  // log2 of key weights, rounded up: the largest in each node and the second largest in each leaf. Empty: all weigh 1.
  std::vector<double> heaviest_, second_;

  void expand(std::size_t node, const double* low, const double* high);
};

}  // namespace attnpool::detail
