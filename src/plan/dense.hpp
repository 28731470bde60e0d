#pragma once
// The dense plan: every query against every key that is visible to it.
//   Queries are split into blocks of query_block, keys into chunks. A routine computes the sums of a (block, chunk);
//   they are added in double in the order of the chunks, whether one thread walks the chunks of a block or several share
//   them, so the bits do not depend on the number of threads.
// A Gaussian score is never above 0, so the routines need no running maximum; the few queries whose weights come out too
// small are answered relative to the key that weighs most for them (nearest.hpp).
// The pruned plan (pruned.hpp) is this one on points in another order, each block against selected runs of keys.
#include <algorithm>
#include <functional>

#include "base/aligned.hpp"
#include "data/block_keys.hpp"
#include "data/interval.hpp"
#include "data/scaled_values.hpp"
#include "plan/request.hpp"
#include "result/sink.hpp"

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

// Memory of one thread.
template <class T>
struct Scratch {
  AlignedVector<T> queries, visible, tile, sums;
  AlignedVector<double> totals;
  std::vector<Interval> runs;
  std::vector<std::size_t> far;    // queries that NearestSolver answers
  std::vector<std::size_t> empty;  // those of them that have no key within reach
};

// Kept from call to call.
template <class T>
struct DenseWorkspace {
  BlockKeys<T> keys;
  std::vector<Scratch<T>> scratch;
};

// The points of a request that are not all of the caller's in their order, and the keys that matter to them.
struct Selection {
  const std::uint32_t* query_order = nullptr;   // query i of the request is the caller's query_order[i]
  const std::uint32_t* key_position = nullptr;  // the caller's key k is key_position[k] of the request; null: k
  std::size_t key_count = 0;                    // the caller's
  // The keys that queries [first, first + count) of the request need, ascending; null: all of them.
  std::function<void(std::size_t first, std::size_t count, std::vector<Interval>& runs)> select = {};
  // The keys among which is the nearest of one query that has none within reach; all of them if all are wanted.
  std::function<void(std::size_t query, std::vector<Interval>& runs)> select_nearest = {};
};

template <class T>
void run_dense(const PoolRequest<T>& request, const ScaledValues<T>& values, DenseWorkspace<T>& workspace,
               const Sink& sink, const Selection* selection = nullptr);

// How run_dense() would carry out a request.
struct DenseOutline {
  std::size_t blocks = 0, chunks = 0, chunk_keys = 0, planes = 0, lanes = 0;
  std::size_t unclamped = 0;  // blocks whose exponents need no clamp, in one dimension
  DistanceForm form = DistanceForm::scaled;
  double reach = 0;  // of the keys from their centre, in bandwidths
  int threads = 1;
  bool shares_chunks = false;  // threads share the chunks of a block
};
template <class T>
DenseOutline outline_dense(const PoolRequest<T>& request, const ScaledValues<T>& values, DenseWorkspace<T>& workspace);

}  // namespace attnpool::detail
