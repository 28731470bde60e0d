#include "plan/dense.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/dispatch.hpp"
#include "base/threads.hpp"
#include "base/validate.hpp"
#include "data/units.hpp"
#include "plan/nearest.hpp"
#include "result/local_polynomial.hpp"

namespace attnpool::detail {
namespace {

// Bytes of a chunk: what a core's L2 cache keeps beside the queries.
constexpr std::size_t chunk_bytes = std::size_t{512} << 10;

template <class T>
struct DensePlan {
  const PoolRequest<T>& request;
  const ScaledValues<T>& values;
  DenseWorkspace<T>& workspace;
  const Sink& sink;
  const Selection* selection;

  const MatrixView<const T> queries = request.queries;
  const KeyRange& range = request.options.range;
  const Routines<T>& routines = active_routines<T>();
  const typename Routines<T>::OfProfile& profile_routines = routines_of(request);
  const BlockKeys<T>& keys = workspace.keys;
  const std::size_t parameters = parameter_count(request.moments, keys.dims);
  const std::size_t sum_count = checked_product("values", 1 + parameters, 1 + values.planes);
  const std::size_t chunk = keys_filling<T>(chunk_bytes, keys.dims, values.planes);
  const std::size_t chunks = (keys.count + chunk - 1) / chunk;
  const std::size_t blocks = (queries.rows + query_block - 1) / query_block;

  // Queries farther than this from the centre are answered in double, unless they have no weight at all.
  static constexpr double far = static_cast<double>(farthest_difference<T>) / 4;

  static const typename Routines<T>::OfProfile& routines_of(const PoolRequest<T>& request) {
    const Routines<T>& routines = active_routines<T>();
    if (request.custom) return routines.profiles[custom_profile];
    const auto shape = static_cast<std::size_t>(request.profile().shape);
    return shape == 0 ? routines.gaussian : routines.profiles[shape];
  }

  // The caller's number of a query, and the number here of the key that it does not see.
  std::size_t caller_index(std::size_t q) const { return selection ? selection->query_order[q] : q; }
  std::size_t excluded(std::size_t q) const {
    const std::size_t k = range.excluded(caller_index(q), selection ? selection->key_count : keys.count);
    return selection && selection->key_position && k != KeyRange::none ? selection->key_position[k] : k;
  }

  void make_scratch(std::size_t threads) const {
    if (workspace.scratch.size() < threads) workspace.scratch.resize(threads);
    for (Scratch<T>& s : workspace.scratch) {
      s.far.clear();
      s.empty.clear();
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
    const bool gaussian = request.profile().is_gaussian() && !request.custom;
    const std::size_t last_query = queries_in(block) - 1;
    const bool scaled = keys.form != DistanceForm::raw;
    // Also a NaN becomes a number; its row becomes NaN at the end.
    const auto saturated = [](double y) { return y > -limit ? (y < limit ? y : limit) : -limit; };
    if (keys.dims == 1) {
      // Short loops, each of which the compiler vectorises.
      const T* x = queries.row(block * query_block);
      const std::size_t count = last_query + 1;
      const double to_exponent = scaled ? 1 : keys.scale[0], centre = keys.centre[0],
                   factor = scaled ? keys.scale[0] : 1;
      const double reach =
          gaussian ? std::sqrt(0.999 * static_cast<double>(largest_exponent<T>)) - keys.extent[0] : far;
      double y[query_block];
      if (queries.row_stride == 1) {
        for (std::size_t i = 0; i < count; ++i) y[i] = (static_cast<double>(x[i]) - centre) * factor;
      } else {
        for (std::size_t i = 0; i < count; ++i)
          y[i] = (static_cast<double>(x[i * queries.row_stride]) - centre) * factor;
      }
      std::size_t beyond = 0;
      for (std::size_t i = 0; i < count; ++i) beyond += !(std::abs(y[i]) * to_exponent < reach);
      const double farthest = gaussian ? limit : std::min(limit, far / std::max(to_exponent, far / limit));
      if (beyond > 0)
        for (std::size_t i = 0; i < count; ++i)
          y[i] = y[i] > -farthest ? (y[i] < farthest ? y[i] : farthest) : -farthest;
      for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<T>(y[i]);
      for (std::size_t i = last_query + 1; i < lanes; ++i) out[i] = out[last_query];
      return beyond == 0;
    }
    double norms[query_block];
    for (std::size_t i = 0; i < lanes; ++i) {
      const T* x = queries.row(block * query_block + std::min(i, last_query));
      norms[i] = 0;
      for (std::size_t d = 0; d < keys.dims; ++d) {
        const double y = saturated((static_cast<double>(x[d]) - keys.centre[d]) * (scaled ? keys.scale[d] : 1));
        out[d * query_block + i] = static_cast<T>(y);
        norms[i] += y * y;
      }
    }
    if (keys.form == DistanceForm::product)
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
      const std::size_t begin = local(range.begin(q, keys.count)), end = local(range.end(q, keys.count));
      const std::size_t x = excluded(q);
      any |= begin < end;
      out[i] = static_cast<T>(begin);
      out[query_block + i] = static_cast<T>(end);
      out[2 * query_block + i] =
          x != KeyRange::none && first <= x && x < first + count ? static_cast<T>(x - first) : T(-1);
    }
    return any;
  }

  // Adds the sums of one block against keys [first, first + count), at most a chunk, to totals
  // [sum_count][query_block].
  void add_keys(std::size_t block, std::size_t first, std::size_t count, std::size_t lanes, bool in_range,
                Scratch<T>& s, double* totals) const {
    const bool ranged = !(range.is_same_for_all_queries() && range.begin(0, keys.count) <= first &&
                          range.end(0, keys.count) >= first + count);
    if (ranged && !load_visible(block, lanes, first, count, s.visible.data())) return;
    BlockTask<T> task{};
    task.queries = s.queries.data();
    task.lane_count = lanes;
    task.keys = keys.keys.data() + first * keys.dims;
    task.values = values.values.data() + first * values.planes;
    task.key_count = count;
    task.dims = keys.dims;
    task.cols = values.planes;
    task.form = keys.form;
    task.scale = keys.raw_scale.data();
    task.key_norms = keys.form == DistanceForm::product ? keys.norms.data() + first : nullptr;
    task.in_range = in_range;
    task.visible = ranged ? s.visible.data() : nullptr;
    task.tile = s.tile.data();
    task.sums = s.sums.data();
    task.edge = keys.edge;
    task.alpha = static_cast<T>(request.profile().alpha);
    task.product = request.profile().product && keys.dims > 1;
    if (request.custom) {
      task.custom = request.custom->weigh;
      task.context = request.custom->context;
    }
    if (request.moments == Moments::none) {
      profile_routines.pool(task);
    } else {
      profile_routines.moments(task, request.moments);
    }
    for (std::size_t i = 0; i < sum_count; ++i)
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        const T* hi = s.sums.data() + i * 2 * query_block + lane;
        totals[i * query_block + lane] += static_cast<double>(hi[0]) + static_cast<double>(hi[query_block]);
      }
  }
  void add_chunk(std::size_t block, std::size_t c, std::size_t lanes, bool in_range, Scratch<T>& s,
                 double* totals) const {
    add_keys(block, c * chunk, std::min(chunk, keys.count - c * chunk), lanes, in_range, s, totals);
  }

  // A whole block by one thread.
  void answer_block(std::size_t block, Scratch<T>& s) {
    const std::size_t lanes = padded_lanes(block);
    const bool in_range = load_queries(block, lanes, s.queries.data());
    std::fill(s.totals.begin(), s.totals.end(), 0.0);
    if (selection && selection->select) {
      selection->select(block * query_block, queries_in(block), s.runs);
      for (const Interval& run : s.runs)
        for (std::size_t k = run.begin; k < run.end; k += chunk)
          add_keys(block, k, std::min(chunk, run.end - k), lanes, in_range, s, s.totals.data());
    } else {
      for (std::size_t c = 0; c < chunks; ++c) add_chunk(block, c, lanes, in_range, s, s.totals.data());
    }
    finish_block(block, s);
  }

  std::size_t padded_lanes(std::size_t block) const {
    return (queries_in(block) + routines.lanes - 1) / routines.lanes * routines.lanes;
  }

  bool is_finite(std::size_t q) const {
    for (std::size_t d = 0; d < keys.dims; ++d)
      if (!std::isfinite(queries(q, d))) return false;
    return true;
  }

  bool all_finite(std::size_t first, std::size_t count) const {
    if (keys.dims > 1 || queries.row_stride > 1) {
      bool finite = true;
      for (std::size_t q = first; q < first + count; ++q) finite &= is_finite(q);
      return finite;
    }
    std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t> others = 0;  // as wide as T, so that it vectorises
    for (std::size_t q = first; q < first + count; ++q) others += !(queries.data[q] * T(0) == 0);
    return others == 0;
  }

  bool sees_nothing(std::size_t q) const {
    const std::size_t b = range.begin(q, keys.count), e = range.end(q, keys.count), x = excluded(q);
    return e - b == (b <= x && x < e ? 1u : 0u);
  }

  // Hands over the sums of a block, but for the queries that are far from all keys: those are listed.
  void finish_block(std::size_t block, Scratch<T>& s) {
    const std::size_t first = block * query_block, count = queries_in(block);
    QuerySums q{.count = count,
                .first = selection ? 0 : first,
                .order = selection ? selection->query_order + first : nullptr,
                .sums = s.totals.data(),
                .stride = query_block,
                .columns = 1 + values.planes,
                .first_column = values.weighted,
                .reference = static_cast<double>(-values.weight_exponent)};
    double* weight = s.totals.data() + (values.weighted ? query_block : 0);
    // The caller's function is not known at other places.
    const double least = request.is_compact() ? std::numeric_limits<double>::denorm_min() : smallest_sum;
    std::size_t small = 0;
    for (std::size_t i = 0; i < count; ++i) small += !(weight[i] >= least);
    const bool plain = !is_local(request.moments) && !may_be_out_of_range;
    if (small == 0 && plain && all_finite(first, count)) return sink(q);
    bool keep[query_block];
    for (std::size_t i = 0; i < count; ++i) {
      const bool finite = is_finite(first + i);
      if (!finite) weight[i] = std::numeric_limits<double>::quiet_NaN();
      const bool empty = request.is_compact() && weight[i] == 0;
      keep[i] = !finite || sees_nothing(first + i) || (empty && !fills_in_empty) ||
                (weight[i] >= least && !is_out_of_range(first + i) && is_well_conditioned(q, i));
      if (!keep[i]) (empty ? s.empty : s.far).push_back(first + i);
    }
    std::uint32_t order[query_block];
    keep_lanes(q, keep, s.totals.data(), sum_count, nullptr, order);
    if (q.count > 0) sink(q);
  }

  // Local polynomials whose sums have kept fewer digits than this are computed again, from the nearest key.
  bool is_well_conditioned(const QuerySums& q, std::size_t lane) const {
    constexpr double least = sizeof(T) == sizeof(float) ? 0.02 : 1e-6;
    return !is_local(request.moments) ||
           LocalPolynomial(q, lane, request.moments, keys.dims, nullptr).conditioning() > least;
  }

  const bool fills_in_empty = request.options.empty == Empty::nearest || request.options.empty == Empty::mean;
  // Of all kernels but the Gaussian only the rational quadratic one has weights at such distances.
  const bool may_be_out_of_range = keys.out_of_range || request.profile().shape == KernelShape::rational_quadratic;
  bool is_out_of_range(std::size_t q) const {
    if (keys.out_of_range || !may_be_out_of_range) return keys.out_of_range;
    for (std::size_t d = 0; d < keys.dims; ++d)
      if (!(std::abs(static_cast<double>(queries(q, d)) - keys.centre[d]) * keys.scale[d] < far)) return true;
    return false;
  }

  int threads() const {
    const double pairs = static_cast<double>(queries.rows) * static_cast<double>(keys.count);
    return threads_for(request.options.threads,
                       pairs * static_cast<double>(keys.dims + values.planes * (1 + parameters) + 14));
  }
  // Few blocks of queries, many keys: then threads share the chunks.
  bool shares_chunks(int thread_count) const {
    return !selection && thread_count > 1 && chunks > 1 && blocks < 2 * static_cast<std::size_t>(thread_count);
  }

  DenseOutline outline() const {
    make_scratch(1);
    DenseOutline o{.blocks = blocks,
                   .chunks = chunks,
                   .chunk_keys = std::min(chunk, keys.count),
                   .planes = values.planes,
                   .lanes = routines.lanes,
                   .form = keys.form,
                   .threads = threads()};
    o.shares_chunks = shares_chunks(o.threads);
    for (std::size_t b = 0; b < blocks && keys.dims == 1; ++b)
      o.unclamped += load_queries(b, padded_lanes(b), workspace.scratch[0].queries.data());
    for (std::size_t d = 0; d < keys.dims; ++d)
      o.reach = std::max(o.reach, keys.box.half(d) * keys.scale[d] / exponent_scale);
    return o;
  }

  void run() {
    const int threads = this->threads();
    make_scratch(static_cast<std::size_t>(threads));
    std::vector<Scratch<T>>& scratches = workspace.scratch;
    if (!shares_chunks(threads)) {
      parallel_for(blocks, threads, request.options.progress, [&](std::size_t block, int worker) {
        answer_block(block, scratches[static_cast<std::size_t>(worker)]);
      });
    } else {  // the sums of the chunks are then added in order
      const std::size_t size = sum_count * query_block;
      std::vector<double> parts(checked_product("values", blocks * chunks, size));
      parallel_for(blocks * chunks, threads, request.options.progress, [&](std::size_t task, int worker) {
        Scratch<T>& s = scratches[static_cast<std::size_t>(worker)];
        const std::size_t block = task / chunks, lanes = padded_lanes(block);
        const bool in_range = load_queries(block, lanes, s.queries.data());
        add_chunk(block, task % chunks, lanes, in_range, s, parts.data() + task * size);
      });
      for (std::size_t block = 0; block < blocks; ++block) {
        Scratch<T>& s = scratches[0];
        std::fill(s.totals.begin(), s.totals.end(), 0.0);
        for (std::size_t c = 0; c < chunks; ++c)
          for (std::size_t i = 0; i < size; ++i) s.totals[i] += parts[(block * chunks + c) * size + i];
        finish_block(block, s);
      }
    }
    answer_far(threads);
  }

  // The keys that a query sees which a plan could not answer.
  std::vector<Interval> runs_of(std::size_t q, bool is_empty) const {
    if (!selection) {
      const auto visible = visible_keys(range, q, keys.count);
      return {visible.begin(), visible.end()};
    }
    std::vector<Interval> runs{{0, keys.count}};
    if (is_empty && selection->select_nearest) {
      selection->select_nearest(q, runs);
    } else if (selection->select) {
      selection->select(q, 1, runs);
    }
    const std::size_t x = excluded(q);
    for (std::size_t r = 0; r < runs.size(); ++r)
      if (runs[r].begin <= x && x < runs[r].end) {
        runs.push_back({x + 1, runs[r].end});
        runs[r].end = x;
        break;
      }
    return runs;
  }

  void answer_far(int threads) {
    std::vector<std::size_t> far_queries, empty_queries;
    for (const Scratch<T>& s : workspace.scratch) {
      far_queries.insert(far_queries.end(), s.far.begin(), s.far.end());
      empty_queries.insert(empty_queries.end(), s.empty.begin(), s.empty.end());
    }
    const std::size_t count = far_queries.size() + empty_queries.size();
    if (count == 0) return;
    const NearestSolver<T> solver(request, values);
    std::vector<NearestScratch> scratches;
    for (int t = 0; t < threads; ++t) scratches.push_back(solver.scratch());
    parallel_for(count, threads, request.options.progress, [&](std::size_t i, int worker) {
      const bool is_empty = i >= far_queries.size();
      const std::size_t q = is_empty ? empty_queries[i - far_queries.size()] : far_queries[i];
      solver.answer(q, caller_index(q), runs_of(q, is_empty), scratches[static_cast<std::size_t>(worker)], sink);
    });
  }
};

}  // namespace

template <class T>
void run_dense(const PoolRequest<T>& request, const ScaledValues<T>& values, DenseWorkspace<T>& workspace,
               const Sink& sink, const Selection* selection) {
  workspace.keys.prepare(request.keys, request.kernel, request.moments == Moments::none && !request.custom);
  if (request.queries.rows > 0) DensePlan<T>{request, values, workspace, sink, selection}.run();
}

template <class T>
DenseOutline outline_dense(const PoolRequest<T>& request, const ScaledValues<T>& values, DenseWorkspace<T>& workspace) {
  workspace.keys.prepare(request.keys, request.kernel, true);
  if (request.queries.rows == 0) return {};
  const Sink none;
  return DensePlan<T>{request, values, workspace, none, nullptr}.outline();
}

#define ATTNPOOL_INSTANTIATE(T)                                                                           \
  template void run_dense(const PoolRequest<T>&, const ScaledValues<T>&, DenseWorkspace<T>&, const Sink&, \
                          const Selection*);                                                              \
  template DenseOutline outline_dense(const PoolRequest<T>&, const ScaledValues<T>&, DenseWorkspace<T>&);
ATTNPOOL_INSTANTIATE(float)
ATTNPOOL_INSTANTIATE(double)

}  // namespace attnpool::detail
