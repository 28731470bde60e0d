#include "engine.hpp"

#include <algorithm>
#include <attnpool/isa.hpp>
#include <cmath>
#include <limits>

#include "dispatch.hpp"
#include "far.hpp"
#include "text.hpp"
#include "threads.hpp"
#include "validate.hpp"

namespace attnpool::detail {
namespace {

// Bytes of a chunk: what a core's L2 cache keeps beside the queries.
constexpr std::size_t chunk_bytes = std::size_t{512} << 10;

template <class T>
struct Engine {
  const MatrixView<const T> queries, raw_keys;
  const Gaussian& score;
  const Moments moments;
  const Options& options;
  Workspace<T>& workspace;
  const std::function<void(const QuerySums&)>& finish;
  const Kernels<T>& kernels = active_kernels<T>();

  const PreparedKeys<T>& keys = workspace.keys;
  const PreparedValues<T>& values = workspace.values;
  const std::size_t parameters = moments == Moments::none ? 0 : moments == Moments::scalar ? 1 : keys.dims;
  const std::size_t sum_count = checked_product("values", 1 + parameters, 1 + values.cols);
  const std::size_t chunk = keys_filling<T>(chunk_bytes, keys.dims, values.cols);
  const std::size_t chunks = (keys.count + chunk - 1) / chunk;
  const std::size_t blocks = (queries.rows + query_block - 1) / query_block;

  void make_scratch(std::size_t threads) const {
    workspace.far.assign(queries.rows, 0);
    if (workspace.scratch.size() < threads) workspace.scratch.resize(threads);
    for (Scratch<T>& s : workspace.scratch) {
      s.queries.resize((keys.dims + 1) * query_block);
      s.visible.resize(3 * query_block);
      s.tile.resize(2 * tile_keys * query_block);
      s.sums.resize(sum_count * 2 * query_block);
      s.totals.resize(sum_count * query_block);
    }
  }

  std::size_t queries_in(std::size_t block) const { return std::min(query_block, queries.rows - block * query_block); }

  // Lane-contiguous coordinates of a block; lanes beyond the last query repeat it. Returns whether no exponent can
  // reach largest_exponent (dims = 1).
  bool load_queries(std::size_t block, std::size_t lanes, T* out) const {
    constexpr double limit = static_cast<double>(std::numeric_limits<T>::max()) / 4;
    const std::size_t last_query = queries_in(block) - 1;
    const bool scaled = keys.form != Form::raw;
    const auto coordinate = [&](std::size_t d, T x) {
      const double y = (static_cast<double>(x) - keys.centre[d]) * (scaled ? keys.scale[d] : 1);
      // Also a NaN becomes a number; its row becomes NaN at the end.
      return y > -limit ? (y < limit ? y : limit) : -limit;
    };
    if (keys.dims == 1) {
      const T* x = queries.row(block * query_block);
      const double to_exponent = scaled ? 1 : keys.scale[0];
      const double reach = std::sqrt(0.999 * static_cast<double>(largest_exponent<T>)) - keys.extent[0];
      std::size_t beyond = 0;
      for (std::size_t i = 0; i <= last_query; ++i) {
        const double y = coordinate(0, x[i * queries.row_stride]);
        out[i] = static_cast<T>(y);
        beyond += !(std::abs(y) * to_exponent < reach);
      }
      for (std::size_t i = last_query + 1; i < lanes; ++i) out[i] = out[last_query];
      return beyond == 0;
    }
    double norms[query_block];
    for (std::size_t i = 0; i < lanes; ++i) {
      const T* x = queries.row(block * query_block + std::min(i, last_query));
      norms[i] = 0;
      for (std::size_t d = 0; d < keys.dims; ++d) {
        const double y = coordinate(d, x[d]);
        out[d * query_block + i] = static_cast<T>(y);
        norms[i] += y * y;
      }
    }
    if (keys.form == Form::product)
      for (std::size_t i = 0; i < lanes; ++i) {
        // A query this far from the centre is far from every key; at the centre the product form cannot overflow.
        const bool too_far = !(norms[i] <= 1e30);
        for (std::size_t d = 0; d < keys.dims; ++d) out[d * query_block + i] *= too_far ? T(0) : T(-2);
        out[keys.dims * query_block + i] = static_cast<T>(too_far ? 1e30 : norms[i]);
      }
    return false;
  }

  // Bounds of the keys that each lane sees, counted from the chunk's first key. False if no lane sees any of the chunk.
  bool load_visible(std::size_t block, std::size_t lanes, std::size_t first, std::size_t count, T* out) const {
    const std::size_t last_query = queries_in(block) - 1;
    bool any = false;
    for (std::size_t i = 0; i < lanes; ++i) {
      const std::size_t q = block * query_block + std::min(i, last_query);
      const auto local = [&](std::size_t k) { return std::clamp<std::size_t>(k, first, first + count) - first; };
      const std::size_t begin = local(options.range.begin(q, keys.count)),
                        end = local(options.range.end(q, keys.count));
      const std::size_t x = options.range.excluded(q, keys.count);
      any |= begin < end;
      out[i] = static_cast<T>(begin);
      out[query_block + i] = static_cast<T>(end);
      out[2 * query_block + i] =
          x != KeyRange::none && first <= x && x < first + count ? static_cast<T>(x - first) : T(-1);
    }
    return any;
  }

  // Adds the sums of one block against one chunk to totals [sum_count][query_block].
  void add_chunk(std::size_t block, std::size_t c, std::size_t lanes, bool in_range, Scratch<T>& s,
                 double* totals) const {
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
    task.form = keys.form;
    task.scale = keys.raw_scale.data();
    task.key_norms = keys.form == Form::product ? keys.norms.data() + first : nullptr;
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
    const std::size_t b = options.range.begin(q, keys.count), e = options.range.end(q, keys.count),
                      x = options.range.excluded(q, keys.count);
    return e - b == (b <= x && x < e ? 1u : 0u);
  }

  void finish_block(std::size_t block, double* totals) {
    const std::size_t first = block * query_block, count = queries_in(block);
    for (std::size_t i = 0; i < count; ++i) {
      if (!is_finite(first + i)) {
        totals[i] = std::numeric_limits<double>::quiet_NaN();
      } else if (!(totals[i] >= smallest_sum)) {
        workspace.far[first + i] = !sees_nothing(first + i);
      }
    }
    finish({first, count, totals, query_block, 0});
  }

  int threads() const {
    const double pairs = static_cast<double>(queries.rows) * static_cast<double>(keys.count);
    return threads_for(options.threads, pairs * static_cast<double>(keys.dims + values.cols * (1 + parameters) + 14));
  }
  // Few blocks of queries, many keys: then threads share the chunks.
  bool shares_chunks(int thread_count) const {
    return thread_count > 1 && chunks > 1 && blocks < 2 * static_cast<std::size_t>(thread_count);
  }

  std::string explain() const {
    const int thread_count = threads();
    make_scratch(1);
    std::size_t unclamped = 0;
    double reach = 0;
    for (std::size_t b = 0; b < blocks && keys.dims == 1; ++b)
      unclamped += load_queries(b, padded_lanes(b), workspace.scratch[0].queries.data());
    for (std::size_t d = 0; d < keys.dims; ++d)
      reach = std::max(reach, keys.box.half(d) * keys.scale[d] / exponent_scale);
    const char* form = keys.form == Form::scaled ? "scaled beforehand"
                       : keys.form == Form::raw  ? "raw, scaled after the subtraction"
                                                 : "scaled, as products |q|^2 + |k|^2 - 2 q.k";
    std::string s = "dense on " + std::string(name(active_isa())) + ": every query against every key it may see\n";
    s += "  work     " + text(blocks) + (blocks == 1 ? " block" : " blocks") + " of " + text(query_block) +
         " queries x " + text(chunks) + (chunks == 1 ? " chunk" : " chunks") + " of " +
         text(std::min(chunk, keys.count)) + " keys, " + text(thread_count) +
         (thread_count == 1             ? " thread"
          : shares_chunks(thread_count) ? " threads sharing the chunks"
                                        : " threads sharing the blocks") +
         "\n";
    s += "  distance " + std::string(form) + ": the keys reach " + text(std::round(100 * reach) / 100) +
         " bandwidths from their centre\n";
    s += "  kernel   " + text(kernels.lanes) + " queries a register, ";
    if (keys.dims == 1) s += text(unclamped) + " of " + text(blocks) + " blocks need no clamp, ";
    s += values.cols == 1 ? "sums stay in registers"
                          : "weights of " + text(tile_keys) + " keys at a time, then " + text(values.cols) + " columns";
    return s + "\n";
  }

  void run() {
    const int threads = this->threads();
    make_scratch(static_cast<std::size_t>(threads));
    std::vector<Scratch<T>>& scratches = workspace.scratch;
    if (!shares_chunks(threads)) {
      parallel_for(blocks, threads, options.progress, [&](std::size_t block, int worker) {
        Scratch<T>& s = scratches[worker];
        const std::size_t lanes = padded_lanes(block);
        const bool in_range = load_queries(block, lanes, s.queries.data());
        std::fill(s.totals.begin(), s.totals.end(), 0.0);
        for (std::size_t c = 0; c < chunks; ++c) add_chunk(block, c, lanes, in_range, s, s.totals.data());
        finish_block(block, s.totals.data());
      });
    } else {  // the sums of the chunks are then added in order
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
        finish_block(block, s.totals.data());
      }
    }
    std::vector<std::size_t> far_queries;
    for (std::size_t q = 0; q < queries.rows; ++q)
      if (workspace.far[q]) far_queries.push_back(q);
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
void for_each_query(MatrixView<const T> queries, MatrixView<const T> keys, const Gaussian& score, Moments moments,
                    const Options& options, Workspace<T>& workspace,
                    const std::function<void(const QuerySums&)>& finish) {
  workspace.keys.prepare(keys, score, moments == Moments::none);
  if (queries.rows > 0) Engine<T>{queries, keys, score, moments, options, workspace, finish}.run();
}

template <class T>
std::string explain_dense(MatrixView<const T> queries, MatrixView<const T> keys, const Gaussian& score,
                          const Options& options, Workspace<T>& workspace) {
  workspace.keys.prepare(keys, score, true);
  if (queries.rows == 0) return "nothing to do: no queries\n";
  const std::function<void(const QuerySums&)> none;
  return Engine<T>{queries, keys, score, Moments::none, options, workspace, none}.explain();
}

template <class T>
void weighted_means(const PreparedValues<T>& values, const KeyRange& range, const QuerySums& q, std::size_t v,
                    double* mean) {
  const double middle = values.middle[v], unit = values.unit[v], low = values.smallest[v], high = values.largest[v];
  for (std::size_t i = 0; i < q.count; ++i) {
    const double x = middle + unit * (q.of(1 + v, i) / q.of(0, i));  // 0 / 0 is NaN, as wanted where nothing was seen
    const double not_above = x > high ? high : x;
    mean[i] = not_above < low ? low : not_above;
  }
  if (values.all_finite()) return;
  for (std::size_t i = 0; i < q.count; ++i)
    if (const double irregular = values.irregular(range, q.first + i, v); irregular != 0 && q.of(0, i) > 0)
      mean[i] = irregular;
}

#define ATTNPOOL_INSTANTIATE(T)                                                                                    \
  template void for_each_query(MatrixView<const T>, MatrixView<const T>, const Gaussian&, Moments, const Options&, \
                               Workspace<T>&, const std::function<void(const QuerySums&)>&);                       \
  template std::string explain_dense(MatrixView<const T>, MatrixView<const T>, const Gaussian&, const Options&,    \
                                     Workspace<T>&);                                                               \
  template void weighted_means(const PreparedValues<T>&, const KeyRange&, const QuerySums&, std::size_t, double*);
ATTNPOOL_INSTANTIATE(float)
ATTNPOOL_INSTANTIATE(double)

}  // namespace attnpool::detail
