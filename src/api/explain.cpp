#include <algorithm>
#include <attnpool/isa.hpp>
#include <attnpool/pool.hpp>
#include <charconv>
#include <cmath>

#include "base/threads.hpp"
#include "base/to_string.hpp"
#include "base/validate.hpp"
#include "plan/choose.hpp"
#include "plan/few_queries.hpp"

namespace attnpool {
namespace {

// Three digits, in a unit that suits.
std::string in_units(double x, std::initializer_list<std::pair<double, const char*>> units) {
  double factor = 1;
  const char* unit = "";
  for (const auto& [f, u] : units)
    if (unit[0] == 0 || x >= f) factor = f, unit = u;
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, x / factor, std::chars_format::general, 3);
  return std::string(buffer, end) + ' ' + unit;
}
std::string seconds_text(double s) { return in_units(s, {{1e-6, "us"}, {1e-3, "ms"}, {1, "s"}}); }
std::string bytes_text(double b) { return in_units(b, {{1e3, "kB"}, {1e6, "MB"}, {1e9, "GB"}}); }
std::string padded(std::string s, std::size_t width) { return s.append(width - std::min(width, s.size()), ' '); }
std::string rounded(double x) { return detail::to_string(std::round(100 * x) / 100); }

}  // namespace

std::string Explanation::text() const {
  std::string s = std::string(to_string(algorithm)) + (forced ? ", as asked" : ", the quickest by prediction") + ": " +
                  detail::to_string(queries) + " queries, " + detail::to_string(keys) + " keys, " +
                  detail::to_string(dims) + (dims == 1 ? " dimension, " : " dimensions, ") + detail::to_string(cols) +
                  (cols == 1 ? " value column, " : " value columns, ") + detail::to_string(threads) +
                  (threads == 1 ? " thread\n" : " threads\n") + "  extent   ";
  for (std::size_t d = 0; d < extent.size(); ++d) s += (d > 0 ? " x " : "") + rounded(extent[d]);
  s += " bandwidths\n";
  for (const Cost& cost : costs)
    s += "  " + padded(to_string(cost.algorithm), 9) +
         (cost.possible ? padded(seconds_text(cost.seconds), 9) + padded(bytes_text(cost.bytes), 9) + "error below " +
                              in_units(cost.error, {{1, "of the range of the values"}})
                        : "not possible") +
         "\n";
  return s + details;
}

namespace {

std::string dense_text(const detail::DenseOutline& o, std::size_t dims) {
  using detail::to_string;
  if (o.blocks == 0) return "nothing to do: no queries\n";
  const char* form = o.form == detail::DistanceForm::scaled ? "scaled beforehand"
                     : o.form == detail::DistanceForm::raw  ? "raw, scaled after the subtraction"
                                                            : "scaled, as products |q|^2 + |k|^2 - 2 q.k";
  std::string s = "dense on " + std::string(to_string(active_isa())) + ": every query against every key it may see\n";
  s += "  work     " + to_string(o.blocks) + (o.blocks == 1 ? " block" : " blocks") + " of " +
       to_string(detail::query_block) + " queries x " + to_string(o.chunks) + (o.chunks == 1 ? " chunk" : " chunks") +
       " of " + to_string(o.chunk_keys) + " keys, " + to_string(o.threads) +
       (o.threads == 1    ? " thread"
        : o.shares_chunks ? " threads sharing the chunks"
                          : " threads sharing the blocks") +
       "\n";
  s += "  distance " + std::string(form) + ": the keys reach " + rounded(o.reach) + " bandwidths from their centre\n";
  s += "  routine  " + to_string(o.lanes) + " queries a register, ";
  if (dims == 1) s += to_string(o.unclamped) + " of " + to_string(o.blocks) + " blocks need no clamp, ";
  s += o.planes == 1
           ? "sums stay in registers"
           : "weights of " + to_string(detail::tile_keys) + " keys at a time, then " + to_string(o.planes) + " columns";
  return s + "\n";
}

std::string window_text(const detail::WindowLayout& layout) {
  using detail::to_string;
  std::string s = "window: " + to_string(layout.cells) + " cells, " + to_string(layout.reach) +
                  " a bandwidth; a query meets about " + rounded(layout.visited) + " keys one by one";
  if (layout.reach > 1)
    s += ", and those between as sums of " + to_string(layout.whole) + " groups of " + to_string(layout.group) +
         " cells on either side and of parts of two more";
  if (layout.trimmed) s += "; some keys lie so far out that queries near them are handed over";
  return s + "\n";
}

std::string grid_text(const detail::Resolution& r, bool trimmed) {
  using detail::to_string;
  std::string s = "grid: " + to_string(r.boxes) + " boxes " + to_string(r.width) + " bandwidths wide, " +
                  to_string(r.terms) + " powers a dimension, neighbours up to " + to_string(r.reach) + " boxes away\n";
  if (trimmed) s += "  some keys lie so far out that queries near them are handed over\n";
  return s;
}

}  // namespace

template <class T>
Explanation explain(In<T> queries, In<T> keys, In<T> values, const Kernel& kernel, const Options& options) {
  detail::check_inputs<T>(queries, keys, values, kernel);
  detail::check_options(options, queries.rows, keys.rows, keys.cols, kernel.profile());
  detail::Workspace<T> workspace;
  workspace.prepare(values, options);
  const detail::PoolRequest<T> request{queries, keys, kernel, detail::moments_of_order(options.order), options};
  const detail::Choice choice = detail::choose(request, workspace, true);
  Explanation e;
  e.algorithm = choice.cost.algorithm;
  e.forced = options.algorithm != Algorithm::automatic;
  e.queries = queries.rows;
  e.keys = keys.rows;
  e.dims = keys.cols;
  e.cols = values.cols;
  e.threads = detail::threads_for(options.threads, static_cast<double>(queries.rows) * static_cast<double>(keys.rows));
  e.tolerance = detail::tolerance_of<T>(options);
  const bool sees_keys = !workspace.box.low.empty();
  for (std::size_t d = 0; d < keys.cols && sees_keys; ++d)
    e.extent.push_back(2 * workspace.box.half(d) * std::abs(kernel.w_of(d)));
  for (const detail::Plan<T>& plan : detail::plans<T>()) {
    const auto same = [&](const detail::PlanCost& c) { return c.algorithm == plan.algorithm; };
    const auto found = std::find_if(choice.costs.begin(), choice.costs.end(), same);
    const detail::PlanCost none{.algorithm = plan.algorithm};
    const detail::PlanCost& c = found != choice.costs.end() ? *found : same(choice.cost) ? choice.cost : none;
    e.costs.push_back({c.algorithm, c.possible, c.seconds / e.threads, c.bytes, c.error});
  }
  switch (e.algorithm) {
    case Algorithm::grid:
      e.details = grid_text(choice.cost.resolution, workspace.region.trimmed);
      break;
    case Algorithm::window:
      e.details = window_text(choice.cost.layout);
      break;
    case Algorithm::pruned:
      e.details =
          "pruned: about " + rounded(100 * choice.sample.visited) + " % of all pairs of query and key are visited\n";
      break;
    default:
      if (detail::has_few_queries(queries.rows, keys.rows) && !e.forced)
        e.details =
            "stream: few queries on many keys, keys and values are read once as they lie; should a query "
            "be far from every key, or an entry not finite, it is\n";
      e.details += dense_text(detail::outline_dense(request, workspace.values, workspace.dense), keys.cols);
  }
  return e;
}

template <class T>
std::string explain_pool(In<T> queries, In<T> keys, In<T> values, const Kernel& kernel, const Options& options) {
  return explain<T>(queries, keys, values, kernel, options).text();
}

#define ATTNPOOL_INSTANTIATE(T)                                                        \
  template Explanation explain<T>(In<T>, In<T>, In<T>, const Kernel&, const Options&); \
  template std::string explain_pool<T>(In<T>, In<T>, In<T>, const Kernel&, const Options&);
ATTNPOOL_INSTANTIATE(float)
ATTNPOOL_INSTANTIATE(double)

}  // namespace attnpool
