#pragma once
// One call as the plans see it, validated.
#include <attnpool/options.hpp>
#include <attnpool/score.hpp>
#include <attnpool/view.hpp>
#include <functional>

#include "result/query_sums.hpp"

namespace attnpool::detail {

template <class T>
struct PoolRequest {
  MatrixView<const T> queries, keys;
  const Gaussian& score;
  Moments moments;
  const Options& options;
};

// Takes the sums of some queries; called concurrently for different queries, and again for a query that another method
// answers better: the last call counts.
using Finish = std::function<void(const QuerySums&)>;

}  // namespace attnpool::detail
