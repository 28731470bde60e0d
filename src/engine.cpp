#include "engine.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "dispatch.hpp"
#include "far.hpp"
#include "threads.hpp"
#include "validate.hpp"

namespace attnpool::detail {
namespace {

// Below this sum of weights a query counts as far from all keys: above it neither the clamp at largest_exponent nor the rounding of large
// exponents shows. 2^-32 is met 6.7 bandwidths from a single key.
constexpr double smallest_sum = 0x1p-32;

// Keys per chunk: what a core's L2 cache keeps beside the queries, in whole tiles. At most 8192, so that key numbers are exact in float.
template <class T>
std::size_t keys_per_chunk(std::size_t dims, std::size_t cols) {
  const std::size_t fitting = (std::size_t{128} << 10) / ((dims + cols) * sizeof(T));
  return std::clamp<std::size_t>(fitting / tile_keys * tile_keys, tile_keys, 8192);
}

template <class T>
struct Scratch {
  std::vector<T> queries, visible, tile, sums;
  std::vector<double> totals, one_query;
};

template <class T>
struct Engine {
  MatrixView<const T> queries;
  MatrixView<const T> raw_keys;
  const PreparedKeys<T> keys;
  const PreparedValues<T>& values;
  const Gaussian& score;
  const Moments moments;
  const Options& options;
  const std::function<void(const QuerySums&)>& finish;
  const Kernels<T>& kernels = active_kernels<T>();

  const std::size_t parameters = moments == Moments::none ? 0 : moments == Moments::scalar ? 1 : keys.dims;
  const std::size_t sum_count = checked_product("values", 1 + parameters, 1 + values.cols);
  const std::size_t chunk = keys_per_chunk<T>(keys.dims, values.cols);
  const std::size_t chunks = (keys.count + chunk - 1) / chunk;
  const std::size_t blocks = (queries.rows + query_block - 1) / query_block;
  std::vector<char> far = std::vector<char>(queries.rows, 0);

  Scratch<T> scratch() const {
    Scratch<T> s;
    s.queries.resize(keys.dims * query_block);
    s.visible.resize(3 * query_block);
    s.tile.resize(2 * tile_keys * query_block);
    s.sums.resize(sum_count * 2 * query_block);
    s.totals.resize(sum_count * query_block);
    s.one_query.resize(sum_count);
    return s;
  }

  std::size_t queries_in(std::size_t block) const { return std::min(query_block, queries.rows - block * query_block); }

  // Lane-contiguous coordinates of a block; lanes beyond the last query repeat it, and a query that is not finite computes as the
  // centre (its row becomes NaN at the end). Returns whether no exponent can reach largest_exponent (dims = 1).
  bool load_queries(std::size_t block, std::size_t lanes, T* out) const {
    const std::size_t count = queries_in(block);
    double reach = 0;
    for (std::size_t d = 0; d < keys.dims; ++d)
      for (std::size_t i = 0; i < lanes; ++i) {
        const double x = static_cast<double>(queries(block * query_block + std::min(i, count - 1), d)) - keys.centre[d];
        const double limit = static_cast<double>(std::numeric_limits<T>::max()) / 4;
        const double scaled = x * keys.scale[d], y = keys.raw ? x : scaled;
        out[d * query_block + i] = std::isfinite(x) ? static_cast<T>(std::clamp(y, -limit, limit)) : T(0);
        reach = std::max(reach, std::isfinite(scaled) ? std::abs(scaled) : std::numeric_limits<double>::infinity());
      }
    const double largest = reach + keys.extent[0];
    return largest * largest < 0.999 * static_cast<double>(largest_exponent<T>);
  }

  // Bounds of the keys that each lane sees, counted from the chunk's first key. False if no lane sees any of the chunk.
  bool load_visible(std::size_t block, std::size_t lanes, std::size_t first, std::size_t count, T* out) const {
    const std::size_t last_query = queries_in(block) - 1;
    bool any = false;
    for (std::size_t i = 0; i < lanes; ++i) {
      const std::size_t q = block * query_block + std::min(i, last_query);
      const auto local = [&](std::size_t k) { return std::clamp<std::size_t>(k, first, first + count) - first; };
      const std::size_t begin = local(options.range.begin(q, keys.count)), end = local(options.range.end(q, keys.count));
      const std::size_t x = options.range.excluded(q, keys.count);
      any |= begin < end;
      out[i] = static_cast<T>(begin);
      out[query_block + i] = static_cast<T>(end);
      out[2 * query_block + i] = x != KeyRange::none && first <= x && x < first + count ? static_cast<T>(x - first) : T(-1);
    }
    return any;
  }

  // Adds the sums of one block against one chunk to totals [sum_count][query_block].
  void add_chunk(std::size_t block, std::size_t c, std::size_t lanes, bool in_range, Scratch<T>& s, double* totals) const {
    const std::size_t first = c * chunk, count = std::min(chunk, keys.count - first);
    const bool ranged = !(options.range.is_same_for_all_queries() && options.range.begin(0, keys.count) <= first &&
                          options.range.end(0, keys.count) >= first + count);
    if (ranged && !load_visible(block, lanes, first, count, s.visible.data())) return;
    BlockTask<T> task{};
    task.queries = s.queries.data();
    task.lane_count = lanes;
    task.keys = keys.keys.data() + first * keys.dims;
    task.values = values.values.data() + first * values.cols;
    task.key_count = count;
    task.dims = keys.dims;
    task.cols = values.cols;
    task.scale = keys.raw ? keys.raw_scale.data() : nullptr;
    task.in_range = in_range;
    task.visible = ranged ? s.visible.data() : nullptr;
    task.tile = s.tile.data();
    task.sums = s.sums.data();
    if (moments == Moments::none) {
      kernels.pool(task);
    } else {
      kernels.gradient(task, moments == Moments::per_dimension);
    }
    for (std::size_t i = 0; i < sum_count; ++i)
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        const T* hi = s.sums.data() + i * 2 * query_block + lane;
        totals[i * query_block + lane] += static_cast<double>(hi[0]) + static_cast<double>(hi[query_block]);
      }
  }

  std::size_t padded_lanes(std::size_t block) const {
    return (queries_in(block) + kernels.lanes - 1) / kernels.lanes * kernels.lanes;
  }

  bool is_finite(std::size_t q) const {
    for (std::size_t d = 0; d < keys.dims; ++d)
      if (!std::isfinite(queries(q, d))) return false;
    return true;
  }

  bool sees_nothing(std::size_t q) const {
    const std::size_t b = options.range.begin(q, keys.count), e = options.range.end(q, keys.count), x = options.range.excluded(q, keys.count);
    return e - b == (b <= x && x < e ? 1u : 0u);
  }

  void finish_block(std::size_t block, const double* totals, Scratch<T>& s) {
    for (std::size_t i = 0; i < queries_in(block); ++i) {
      const std::size_t q = block * query_block + i;
      for (std::size_t k = 0; k < sum_count; ++k) s.one_query[k] = totals[k * query_block + i];
      if (!is_finite(q)) {
        s.one_query[0] = std::numeric_limits<double>::quiet_NaN();
      } else if (!(s.one_query[0] >= smallest_sum) && !sees_nothing(q)) {
        far[q] = 1;
        continue;
      }
      finish({q, s.one_query.data(), 0});
    }
  }

  void run() {
    const double pairs = static_cast<double>(queries.rows) * static_cast<double>(keys.count);
    const int threads = threads_for(options.threads, pairs * static_cast<double>(keys.dims + values.cols * (1 + parameters) + 14));
    std::vector<Scratch<T>> scratches;
    for (int t = 0; t < threads; ++t) scratches.push_back(scratch());
    if (threads == 1 || chunks == 1 || blocks >= 2 * static_cast<std::size_t>(threads)) {
      parallel_for(blocks, threads, options.progress, [&](std::size_t block, int worker) {
        Scratch<T>& s = scratches[worker];
        const std::size_t lanes = padded_lanes(block);
        const bool in_range = load_queries(block, lanes, s.queries.data());
        std::fill(s.totals.begin(), s.totals.end(), 0.0);
        for (std::size_t c = 0; c < chunks; ++c) add_chunk(block, c, lanes, in_range, s, s.totals.data());
        finish_block(block, s.totals.data(), s);
      });
    } else {  // few queries, many keys: threads share the chunks, whose sums are then added in order
      const std::size_t size = sum_count * query_block;
      std::vector<double> parts(checked_product("values", blocks * chunks, size));
      parallel_for(blocks * chunks, threads, options.progress, [&](std::size_t task, int worker) {
        Scratch<T>& s = scratches[worker];
        const std::size_t block = task / chunks, lanes = padded_lanes(block);
        const bool in_range = load_queries(block, lanes, s.queries.data());
        add_chunk(block, task % chunks, lanes, in_range, s, parts.data() + task * size);
      });
      for (std::size_t block = 0; block < blocks; ++block) {
        Scratch<T>& s = scratches[0];
        std::fill(s.totals.begin(), s.totals.end(), 0.0);
        for (std::size_t c = 0; c < chunks; ++c)
          for (std::size_t i = 0; i < size; ++i) s.totals[i] += parts[(block * chunks + c) * size + i];
        finish_block(block, s.totals.data(), s);
      }
    }
    std::vector<std::size_t> far_queries;
    for (std::size_t q = 0; q < queries.rows; ++q)
      if (far[q]) far_queries.push_back(q);
    if (far_queries.empty()) return;
    const FarField<T> field(queries, raw_keys, values, score, moments, options.range);
    std::vector<FarScratch> far_scratches;
    for (int t = 0; t < threads; ++t) far_scratches.push_back(field.scratch());
    parallel_for(far_queries.size(), threads, options.progress,
                 [&](std::size_t i, int worker) { field.answer(far_queries[i], far_scratches[worker], finish); });
  }
};

}  // namespace

template <class T>
void for_each_query(MatrixView<const T> queries, MatrixView<const T> keys, const PreparedValues<T>& values, const Gaussian& score,
                    Moments moments, const Options& options, const std::function<void(const QuerySums&)>& finish) {
  if (queries.rows == 0) return;
  Engine<T>{queries, keys, PreparedKeys<T>(keys, score), values, score, moments, options, finish}.run();
}

template <class T>
double weighted_mean(const PreparedValues<T>& values, const KeyRange& range, const QuerySums& q, std::size_t v) {
  if (!(q.sums[0] > 0)) return std::numeric_limits<double>::quiet_NaN();
  const double irregular = values.irregular(range, q.query, v);
  if (irregular != 0) return irregular;
  const double mean = values.middle[v] + values.unit[v] * (q.sums[1 + v] / q.sums[0]);
  return std::clamp(mean, values.smallest[v], values.largest[v]);
}

#define ATTNPOOL_INSTANTIATE(T)                                                                                             \
  template void for_each_query(MatrixView<const T>, MatrixView<const T>, const PreparedValues<T>&, const Gaussian&, Moments, \
                               const Options&, const std::function<void(const QuerySums&)>&);                               \
  template double weighted_mean(const PreparedValues<T>&, const KeyRange&, const QuerySums&, std::size_t);
ATTNPOOL_INSTANTIATE(float)
ATTNPOOL_INSTANTIATE(double)

}  // namespace attnpool::detail
