#pragma once
// The dense plan: every query against every key it may see.
//   split queries into blocks of query_block, keys into chunks; kernel sums per (block, chunk), added in double in the
//   order of the chunks, whether one thread walks the chunks of a block or several share them - so the bits do not
//   depend on the number of threads.
// A Gaussian score is never above 0, so the kernels need no running maximum; the few queries whose weights come out too
// small, far from every key, are answered again relative to their nearest key.
#include <algorithm>
#include <attnpool/options.hpp>
#include <attnpool/score.hpp>
#include <attnpool/view.hpp>
#include <functional>
#include <string>

#include "aligned.hpp"
#include "prepare.hpp"

namespace attnpool::detail {

// Below this sum of weights a query counts as far from all keys: above it neither the clamp at largest_exponent nor the
// rounding of large exponents shows. 2^-32 is met 6.7 bandwidths from a single key.
inline constexpr double smallest_sum = 0x1p-32;

// Whole tiles of keys whose coordinates and values fill `bytes`; at most 8160, so that key numbers are exact in float.
// A constant of the shape, never of the machine: sums are split by it.
template <class T>
std::size_t keys_filling(std::size_t bytes, std::size_t dims, std::size_t cols) {
  return std::clamp(bytes / ((dims + cols) * sizeof(T)) / tile_keys * tile_keys, tile_keys, 85 * tile_keys);
}

// Which derivatives of the score to carry along.
enum class Moments { none, scalar, per_dimension };

// The sums of `count` queries from `first` on: of(i, lane) for sum i = p * (1 + V) of weights and p * (1 + V) + 1 + v
// of weighted values, p = 0 for w, p >= 1 for w * delta_p^2 (see kernel_table.hpp). Weights are 2^-(e - reference), e
// the scaled squared distance. of(0, lane) is 0 if the query saw no key and NaN if it is not finite.
struct QuerySums {
  std::size_t first, count;
  const double* sums;
  std::size_t stride;
  double reference;

  double of(std::size_t i, std::size_t lane) const { return sums[i * stride + lane]; }
};

// Memory of one thread, and what a call prepares; kept from call to call in a batch.
template <class T>
struct Scratch {
  AlignedVector<T> queries, visible, tile, sums;
  AlignedVector<double> totals;
};
template <class T>
struct Workspace {
  PreparedKeys<T> keys;
  PreparedValues<T> values;
  std::vector<Scratch<T>> scratch;
  std::vector<char> far;
};

// Calls finish for every query, in blocks, concurrently for different queries. A query far from all keys is given
// twice, and its second sums, with a reference other than 0, are the right ones. workspace.values must have been
// prepared; threads as options.threads, resolved.
template <class T>
void for_each_query(MatrixView<const T> queries, MatrixView<const T> keys, const Gaussian& score, Moments moments,
                    const Options& options, Workspace<T>& workspace,
                    const std::function<void(const QuerySums&)>& finish);

// How for_each_query would go about a call without derivatives, in words.
template <class T>
std::string explain_dense(MatrixView<const T> queries, MatrixView<const T> keys, const Gaussian& score,
                          const Options& options, Workspace<T>& workspace);

// mean[lane] = the weighted mean of column v, with the middle, the unit and the hull of the column put back. NaN if the
// query saw nothing.
template <class T>
void weighted_means(const PreparedValues<T>& values, const KeyRange& range, const QuerySums& q, std::size_t v,
                    double* mean);

}  // namespace attnpool::detail
