#pragma once
// The distance of queries to the nearest key.
#include <attnpool/kernel.hpp>
#include <attnpool/options.hpp>
#include <attnpool/view.hpp>
#include <vector>

#include "plan/block_tree.hpp"

namespace attnpool::detail {

class NearestDistance {
 public:
  // keys must outlive this object.
  NearestDistance(MatrixView<const double> keys, const Kernel& kernel);
  // In bandwidths, [queries]; NaN for a query that is not finite.
  std::vector<double> operator()(MatrixView<const double> queries, int threads, const Progress& progress) const;

 private:
  double distance(const double* query, std::vector<Interval>& runs) const;

  MatrixView<const double> keys_;
  std::vector<double> scale_;   // [dims]: |w|
  std::vector<double> sorted_;  // of the keys, in one dimension; else they are in
  BlockTree tree_;
};

}  // namespace attnpool::detail
