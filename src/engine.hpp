#pragma once
// The dense plan: every query against every key it may see.
//   split queries into blocks of query_block, keys into chunks; kernel sums per (block, chunk), added in double in the order of the chunks,
//   whether one thread walks the chunks of a block or several share them - so the bits do not depend on the number of threads.
// A Gaussian score is never above 0, so the kernels need no running maximum; the few queries whose weights come out too small, far from every key,
// are answered again relative to their nearest key.
#include <attnpool/options.hpp>
#include <attnpool/score.hpp>
#include <attnpool/view.hpp>
#include <functional>

#include "prepare.hpp"

namespace attnpool::detail {

// Which derivatives of the score to carry along.
enum class Moments { none, scalar, per_dimension };

// The sums of one query: weight[p * (1 + V)] and weighted values [p * (1 + V) + 1 + v], p = 0 for w, p >= 1 for w * delta_p^2 (see kernel_table.hpp).
// Weights are 2^-(e - reference), e the scaled squared distance; reference is 0 unless the query is far from all keys. sums[0] is 0 if it saw
// no key and NaN if it is not finite.
struct QuerySums {
  std::size_t query;
  const double* sums;
  double reference;
};

// finish is called once per query, concurrently for different queries.
template <class T>
void for_each_query(MatrixView<const T> queries, MatrixView<const T> keys, const PreparedValues<T>& values, const Gaussian& score,
                    Moments moments, const Options& options, const std::function<void(const QuerySums&)>& finish);

// The middle, the unit and the hull of a column put back: the weighted mean of column v. NaN if the query saw nothing.
template <class T>
double weighted_mean(const PreparedValues<T>& values, const KeyRange& range, const QuerySums& q, std::size_t v);

}  // namespace attnpool::detail
