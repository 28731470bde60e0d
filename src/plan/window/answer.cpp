#include <algorithm>
#include <cmath>
#include <limits>

#include "base/dispatch.hpp"
#include "base/threads.hpp"
#include "data/interval.hpp"
#include "plan/window/queries.hpp"
#include "plan/window/window.hpp"
#include "result/local_polynomial.hpp"

namespace attnpool::detail {

namespace {

constexpr std::size_t chunk_keys = 4096;        // that meet a run of queries at a time
constexpr std::size_t queries_per_task = 4096;  // about
constexpr std::size_t margin = 8;               // doubles behind queries that evaluate() may read
constexpr double least_weight = 1e-280;         // below, products with key weights may have lost digits
// Lines whose sums have kept fewer digits are computed again from their nearest key, as in the dense plan.
constexpr double least_conditioning = 1e-6;

}  // namespace

template <class T>
struct Window<T>::Task {
  const Window& window;
  const PoolRequest<T>& request;
  const ScaledValues<T>& values;
  const WindowQueries& queries;
  const double tolerance;
  const Sink& sink;
  char* unanswered;

  const WindowLayout& layout = window.layout_;
  const PowerSums& shape = window.sums_;
  const KernelPolynomial kernel{request.profile().shape};
  const QueryPolynomials polynomials{kernel, request.moments};
  const Routines<double>& routines = active_routines<double>();
  const bool through = passes_through(request.profile(), request.options.range);
  const bool even = kernel.is_even(), with_sums = layout.reach > 1;
  const bool leaves_out = request.options.range.excludes_self();
  // Differences are taken before they are scaled where cells may be many bandwidths wide, and where, as in the dense plan, a
  // rounding decides who is in reach.
  const bool raw = layout.reach == 1 || request.profile().shape == KernelShape::boxcar;
  const std::size_t planes = window.planes_, columns = 1 + planes, rows = polynomials.powers() * columns;

  void prepare(WindowScratch& s) const {
    for (auto& x : s.whole) x.resize(shape.size());
    for (auto& x : s.part) x.resize(layout.group * shape.size());
    for (auto& x : s.own) x.resize(layout.group * shape.size());
    s.moved.resize(shape.size());
    s.side.resize(shape.size());
    s.coefficients.resize(polynomials.count() * shape.planes);
    s.places.resize(query_block + margin);
    s.queries.resize(2 * query_block);
    s.keys.resize(chunk_keys);
    s.values.resize(chunk_keys * planes);
    s.visible.resize(3 * query_block);
    s.tile.resize(2 * tile_keys * query_block);
    s.sums.resize(rows * 2 * query_block);
    s.totals.resize(rows * query_block);
  }

  double to_group(std::ptrdiff_t from, std::ptrdiff_t group) const {
    return (window.group_centre(from) - window.group_centre(group)) * window.scale_;
  }

  // The sums that all queries of a group share, and those of the parts of groups.
  void prepare_group(std::ptrdiff_t g, WindowScratch& s) const {
    const auto groups = static_cast<std::ptrdiff_t>(layout.groups()), whole = static_cast<std::ptrdiff_t>(layout.whole);
    const std::size_t size = shape.size();
    for (const int side : {0, 1}) {
      std::fill(s.whole[side].begin(), s.whole[side].end(), 0.0);
      const std::ptrdiff_t first =
                               side == 0 ? std::max<std::ptrdiff_t>(0, g - whole) : std::max<std::ptrdiff_t>(0, g + 1),
                           last = side == 0 ? std::min(groups, g) : std::min(groups, g + whole + 1);
      for (std::ptrdiff_t from = first; from < last; ++from)
        if (const double* sums = window.sums_of_group(static_cast<std::size_t>(from)); sums[0] != 0)
          shape.add_moved(sums, to_group(from, g), s.whole[side].data(), s.moved.data());
      add_up(side == 0 ? g - whole - 1 : g + whole + 1, side == 0, false, s.part[side].data());
      if (!through) add_up(g, side == 1, true, s.own[side].data());
    }
    if (through && window.is_group(g))
      for (std::size_t i = 0; i < size; ++i) s.whole[0][i] += window.sums_of_group(static_cast<std::size_t>(g))[i];
  }

  // out[r] = the sums of the cells of a group from r on (`down`), or up to r, with cell r or without.
  void add_up(std::ptrdiff_t g, bool down, bool without, double* out) const {
    const std::size_t size = shape.size(), count = layout.group;
    std::fill_n(out, count * size, 0.0);
    if (!window.is_group(g)) return;
    const double* cells = window.sums_of_cell(static_cast<std::size_t>(g) * count);
    for (std::size_t n = 0; n < count; ++n) {
      const std::size_t r = down ? count - 1 - n : n, before = down ? r + 1 : r - 1;
      for (std::size_t i = 0; i < size; ++i) {
        double sum = n == 0 ? 0 : out[before * size + i];
        if (without ? n > 0 : true) sum += cells[(without ? before : r) * size + i];
        out[r * size + i] = sum;
      }
    }
  }

  // The polynomials of the queries of cell r of group g. Returns the weight of the keys behind them.
  double prepare_cell(std::ptrdiff_t g, std::size_t r, WindowScratch& s) const {
    const auto whole = static_cast<std::ptrdiff_t>(layout.whole);
    const std::size_t size = shape.size();
    double weight = 0;
    std::fill(s.coefficients.begin(), s.coefficients.end(), 0.0);
    for (const int side : {0, 1}) {
      if (side == 0 || !even) std::fill(s.side.begin(), s.side.end(), 0.0);
      const double *all = s.whole[side].data(), *own = s.own[side].data() + r * size,
                   *part = s.part[side].data() + r * size;
      for (std::size_t i = 0; i < size; ++i) s.side[i] += through ? all[i] : all[i] + own[i];
      if (part[0] != 0)
        shape.add_moved(part, to_group(side == 0 ? g - whole - 1 : g + whole + 1, g), s.side.data(), s.moved.data());
      if (side == 0 && even) continue;
      weight += s.side[0];
      polynomials.add(side == 0 ? QueryPolynomials::Side::below : QueryPolynomials::Side::above, s.side.data(),
                      shape.planes, s.coefficients.data());
    }
    return weight;
  }

  // The stretches of keys that queries of a cell meet one by one.
  void find_runs(std::ptrdiff_t cell, WindowScratch& s) const {
    s.runs.clear();
    const auto cells = static_cast<std::ptrdiff_t>(layout.cells), reach = static_cast<std::ptrdiff_t>(layout.reach),
               beyond = static_cast<std::ptrdiff_t>(layout.beyond);
    const double edge = layout.low + static_cast<double>(cell) * layout.width, bandwidth = (1 + 1e-9) / window.scale_;
    const auto add = [&](std::ptrdiff_t c) {
      if (c < 0 || c >= cells) return;
      const auto i = static_cast<std::size_t>(c);
      if (window.begin_[i] == window.begin_[i + 1]) return;
      if (c < cell && !(edge - window.largest_[i] < bandwidth)) return;
      if (c > cell && !(window.least_[i] - (edge + layout.width) < bandwidth)) return;
      s.runs.push_back({window.begin_[i], window.begin_[i + 1]});
    };
    for (std::ptrdiff_t c = cell - reach - beyond; c <= cell - reach; ++c) add(c);
    if (!through || !with_sums) add(cell);
    for (std::ptrdiff_t c = cell + reach; c <= cell + reach + beyond; ++c) add(c);
  }

  // Where the key that a query does not see lies in the order of the keys; none: nowhere. False if it is one of those whose sums
  // the query takes.
  bool find_excluded(std::ptrdiff_t cell, std::size_t query, const WindowScratch& s, std::size_t& at) const {
    at = KeyRange::none;
    const std::size_t k = request.options.range.excluded(query, request.keys.rows);
    if (k == KeyRange::none) return true;
    const std::size_t position = window.position_[k];
    for (const Interval& run : s.runs)
      if (run.begin <= position && position < run.end) {
        at = position;
        return true;
      }
    const auto cells = static_cast<std::ptrdiff_t>(layout.cells), reach = static_cast<std::ptrdiff_t>(layout.reach);
    const auto begin = [&](std::ptrdiff_t c) {
      return window.begin_[static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(c, 0, cells))];
    };
    return !with_sums || position < begin(cell - reach + 1) || position >= begin(cell + reach);
  }

  // Queries first .. first + count - 1 of one cell, which become lanes `lane` on of the block.
  void add_run(std::ptrdiff_t cell, std::size_t first, std::size_t count, std::size_t lane, double weight,
               WindowScratch& s) const {
    const auto group = static_cast<std::ptrdiff_t>(layout.group);
    const std::ptrdiff_t g = cell >= 0 ? cell / group : -((group - 1 - cell) / group);
    const double centre = window.group_centre(g);
    for (std::size_t i = 0; i < count; ++i) s.places[i] = (queries.x[first + i] - centre) * window.scale_;
    std::fill_n(s.places.begin() + static_cast<std::ptrdiff_t>(count), margin, s.places[count - 1]);
    if (with_sums)
      polynomials.evaluate(s.coefficients.data(), shape.planes, s.places.data(), count,
                           [&](std::size_t p, std::size_t v) {
                             return s.totals.data() + (p * columns + window.first_plane_ + v) * query_block + lane;
                           });
    std::fill_n(s.far + lane, count, weight);
    std::fill_n(s.near + lane, count, 0.0);
    std::fill_n(s.certain + lane, count, true);
    meet_keys(cell, first, count, lane, centre, s);
  }

  void meet_keys(std::ptrdiff_t cell, std::size_t first, std::size_t count, std::size_t lane, double centre,
                 WindowScratch& s) const {
    const std::size_t lanes = (count + routines.lanes - 1) / routines.lanes * routines.lanes;
    for (std::size_t i = 0; i < lanes; ++i) {
      const std::size_t from = std::min(i, count - 1);
      s.queries[i] = raw ? queries.x[first + from] : s.places[from];
      s.visible[i] = 0;
    }
    std::size_t excluded[query_block];
    for (std::size_t i = 0; i < count && leaves_out; ++i)
      s.certain[lane + i] = find_excluded(cell, queries.order[first + i], s, excluded[i]);
    for (std::size_t r = 0, at = 0; r < s.runs.size();) {
      std::size_t keys = 0;
      double weight = 0;
      bool hides = false;
      for (std::size_t i = 0; i < lanes && leaves_out; ++i) s.visible[2 * query_block + i] = -1;
      // The routines take twice the time over keys of which some are hidden: with leave-one-out each cell goes alone.
      while (r < s.runs.size() && keys < (leaves_out ? 1 : chunk_keys)) {
        const std::size_t begin = s.runs[r].begin + at, end = std::min(s.runs[r].end, begin + chunk_keys - keys);
        weight += gather(begin, end, centre, keys, s);
        for (std::size_t i = 0; i < count && leaves_out; ++i)
          if (begin <= excluded[i] && excluded[i] < end) {
            s.visible[2 * query_block + i] = static_cast<double>(keys + excluded[i] - begin);
            hides = true;
          }
        keys += end - begin;
        at = end == s.runs[r].end ? 0 : end - s.runs[r].begin;
        r += at == 0;
      }
      add_keys(keys, lanes, count, lane, hides, s);
      for (std::size_t i = 0; i < count; ++i) s.near[lane + i] += weight;
    }
  }

  // Copies keys behind the first `to`. Returns their weight.
  double gather(std::size_t begin, std::size_t end, double centre, std::size_t to, WindowScratch& s) const {
    const double* x = window.keys_.data();
    double* keys = s.keys.data() + to;
    for (std::size_t k = begin; k < end; ++k) keys[k - begin] = raw ? x[k] : (x[k] - centre) * window.scale_;
    const double* from = window.values_.data() + begin * planes;
    std::copy_n(from, (end - begin) * planes, s.values.data() + to * planes);
    double weight = static_cast<double>(end - begin);
    if (values.weighted) {
      weight = 0;
      for (std::size_t k = 0; k < end - begin; ++k) weight += from[k * planes];
    }
    return weight;
  }

  void add_keys(std::size_t keys, std::size_t lanes, std::size_t count, std::size_t lane, bool hides,
                WindowScratch& s) const {
    BlockTask<double> task{};
    task.queries = s.queries.data();
    task.lane_count = lanes;
    task.keys = s.keys.data();
    task.values = s.values.data();
    task.key_count = keys;
    task.dims = 1;
    task.cols = planes;
    task.form = raw ? DistanceForm::raw : DistanceForm::scaled;
    task.scale = &window.scale_;
    task.in_range = true;
    if (hides) {
      std::fill_n(s.visible.begin() + query_block, lanes, static_cast<double>(keys));
      task.visible = s.visible.data();
    }
    task.tile = s.tile.data();
    task.sums = s.sums.data();
    task.edge = 1 - 9 * static_cast<double>(std::numeric_limits<T>::epsilon());  // see BlockKeys: 8 + D roundings
    const auto& routine = routines.profiles[static_cast<std::size_t>(request.profile().shape)];
    request.moments == Moments::none ? routine.pool(task) : routine.moments(task, request.moments);
    for (std::size_t row = 0; row < rows; ++row) {
      const double* hi = s.sums.data() + row * 2 * query_block;
      double* total = s.totals.data() + row * query_block + lane;
      for (std::size_t i = 0; i < count; ++i) total[i] += hi[i] + hi[query_block + i];
    }
  }

  bool is_well_conditioned(const QuerySums& q, std::size_t lane) const {
    if (request.moments == Moments::none) return true;
    if (request.moments == Moments::parabola)
      return LocalPolynomial(q, lane, request.moments, 1, nullptr).conditioning() > least_conditioning;
    // The same of a line: the variance of delta as a part of its square.
    const double first = q.weight(1, lane), second = q.weight(0, lane) * q.weight(2, lane);
    return second - first * first > least_conditioning * second;
  }

  // Hands over a block of queries first .. first + count - 1.
  void finish(std::size_t first, std::size_t count, WindowScratch& s) const {
    constexpr double epsilon = static_cast<double>(std::numeric_limits<T>::epsilon());
    const std::uint32_t* order = queries.order.data() + first;
    double bounds[query_block];
    QuerySums q{.count = count,
                .order = order,
                .sums = s.totals.data(),
                .stride = query_block,
                .columns = columns,
                .first_column = window.first_plane_,
                .reference = static_cast<double>(-values.weight_exponent),
                .bounds = request.wants_bounds() ? bounds : nullptr};
    bool keep[query_block];
    std::size_t kept = 0;
    const bool fills_in_empty = request.options.empty == Empty::nearest || request.options.empty == Empty::mean;
    for (std::size_t i = 0; i < count; ++i) {
      const double weight = q.weight(0, i), rounding = 2 * window.rounding_ * s.far[i];
      keep[i] = s.certain[i] && weight >= least_weight && rounding <= tolerance * weight && is_well_conditioned(q, i);
      if (s.certain[i] && weight == 0 && s.far[i] == 0 && !values.weighted) keep[i] = !fills_in_empty;
      // A weight met one by one is off by some roundings of 1 in units of T: of the edge.
      bounds[i] = (rounding + 100 * epsilon * s.near[i]) / weight + 4 * epsilon;
      unanswered[order[i]] = !keep[i];
      kept += keep[i];
    }
    std::uint32_t kept_order[query_block];
    if (kept < count) keep_lanes(q, keep, s.totals.data(), rows, request.wants_bounds() ? bounds : nullptr, kept_order);
    if (kept > 0) sink(q);
    std::fill(s.totals.begin(), s.totals.end(), 0.0);
  }

  // The queries of groups [first, last), counted with the padding.
  void answer_groups(std::size_t first, std::size_t last, WindowScratch& s) const {
    std::fill(s.totals.begin(), s.totals.end(), 0.0);
    const auto pad = static_cast<std::ptrdiff_t>(queries.pad);
    std::size_t begin = queries.begin[first * layout.group], count = 0;  // of the block
    for (std::size_t group = first; group < last; ++group) {
      const std::size_t cell = group * layout.group;
      if (queries.begin[cell] == queries.begin[cell + layout.group]) continue;
      const std::ptrdiff_t g = static_cast<std::ptrdiff_t>(group) - pad / static_cast<std::ptrdiff_t>(layout.group);
      if (with_sums) prepare_group(g, s);
      for (std::size_t r = 0; r < layout.group; ++r) {
        std::size_t q = queries.begin[cell + r];
        const std::size_t end = queries.begin[cell + r + 1];
        if (q == end) continue;
        const std::ptrdiff_t c = static_cast<std::ptrdiff_t>(cell + r) - pad;
        const double weight = with_sums ? prepare_cell(g, r, s) : 0;
        find_runs(c, s);
        while (q < end) {
          const std::size_t now = std::min(end - q, query_block - count);
          add_run(c, q, now, count, weight, s);
          q += now;
          count += now;
          if (count < query_block) continue;
          finish(begin, count, s);
          begin += count;
          count = 0;
        }
      }
    }
    if (count > 0) finish(begin, count, s);
  }

  // Queries without a cell: those that are not finite are answered, NaN; the others left.
  void answer_others() const {
    std::vector<double> sums(rows, 0.0);
    sums[window.first_plane_] = std::numeric_limits<double>::quiet_NaN();
    for (std::size_t i = queries.begin[queries.cells]; i < queries.order.size(); ++i) {
      const std::uint32_t query = queries.order[i];
      unanswered[query] = std::isfinite(queries.x[i]);
      if (unanswered[query]) continue;
      const double bound = std::numeric_limits<double>::quiet_NaN();
      sink({.count = 1,
            .first = query,
            .sums = sums.data(),
            .stride = 1,
            .columns = columns,
            .first_column = window.first_plane_,
            .bounds = request.wants_bounds() ? &bound : nullptr});
    }
  }
};

template <class T>
std::vector<std::uint32_t> Window<T>::answer(const PoolRequest<T>& request, const ScaledValues<T>& values,
                                             double tolerance, int threads, const Sink& sink) const {
  const WindowQueries queries = sort_queries(request, threads);
  std::vector<char> unanswered(request.queries.rows, 0);
  const Task task{.window = *this,
                  .request = request,
                  .values = values,
                  .queries = queries,
                  .tolerance = tolerance,
                  .sink = sink,
                  .unanswered = unanswered.data()};
  std::vector<WindowScratch> scratch(static_cast<std::size_t>(threads));
  for (WindowScratch& s : scratch) task.prepare(s);
  // Tasks are runs of groups with about as many queries each, the same for any number of threads.
  const std::size_t groups = queries.cells / layout_.group, tasks = queries.order.size() / queries_per_task + 1;
  const auto boundary = [&](std::size_t t) {
    if (t == 0 || t == tasks) return t == 0 ? std::size_t{0} : groups;
    const auto at = std::upper_bound(queries.begin.begin(), queries.begin.end() - 1, queries.order.size() * t / tasks);
    const auto cell = static_cast<std::size_t>(at - queries.begin.begin());
    return std::min(groups, cell / layout_.group);
  };
  parallel_for(tasks, threads, request.options.progress, [&](std::size_t t, int worker) {
    task.answer_groups(boundary(t), boundary(t + 1), scratch[static_cast<std::size_t>(worker)]);
  });
  task.answer_others();
  std::vector<std::uint32_t> rest;
  for (std::size_t q = 0; q < unanswered.size(); ++q)
    if (unanswered[q]) rest.push_back(static_cast<std::uint32_t>(q));
  return rest;
}

template std::vector<std::uint32_t> Window<float>::answer(const PoolRequest<float>&, const ScaledValues<float>&, double,
                                                          int, const Sink&) const;
template std::vector<std::uint32_t> Window<double>::answer(const PoolRequest<double>&, const ScaledValues<double>&,
                                                           double, int, const Sink&) const;

}  // namespace attnpool::detail
