#include <algorithm>
#include <attnpool/pool.hpp>
#include <charconv>
#include <cmath>

#include "base/threads.hpp"
#include "base/to_string.hpp"
#include "base/validate.hpp"
#include "plan/few_queries.hpp"
#include "plan/plan.hpp"

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
  std::string s = std::string(name(plan)) + (forced ? ", as asked" : ", the quickest by prediction") + ": " +
                  detail::to_string(queries) + " queries, " + detail::to_string(keys) + " keys, " +
                  detail::to_string(dims) + (dims == 1 ? " dimension, " : " dimensions, ") + detail::to_string(cols) +
                  (cols == 1 ? " value column, " : " value columns, ") + detail::to_string(threads) +
                  (threads == 1 ? " thread\n" : " threads\n") + "  extent   ";
  for (std::size_t d = 0; d < extent.size(); ++d) s += (d > 0 ? " x " : "") + rounded(extent[d]);
  s += " bandwidths\n";
  for (const Cost& cost : costs)
    s += "  " + padded(name(cost.plan), 9) +
         (cost.possible ? padded(seconds_text(cost.seconds), 9) + padded(bytes_text(cost.bytes), 9) + "error below " +
                              in_units(cost.error, {{1, "of the range of the values"}})
                        : "not possible") +
         "\n";
  return s + details;
}

template <class T>
Explanation explain(In<T> queries, In<T> keys, In<T> values, const Gaussian& score, const Options& options) {
  detail::check_inputs<T>(queries, keys, values, score);
  detail::check_options(options, queries.rows, keys.rows, keys.cols);
  detail::Workspace<T> workspace;
  workspace.prepare(values, options);
  const detail::PoolRequest<T> call{queries, keys, score, detail::Moments::none, options};
  const detail::Choice choice = detail::choose(call, workspace, true);
  Explanation e;
  e.plan = choice.plan;
  e.forced = options.plan != Plan::automatic;
  e.queries = queries.rows;
  e.keys = keys.rows;
  e.dims = keys.cols;
  e.cols = values.cols;
  e.threads = detail::threads_for(options.threads, static_cast<double>(queries.rows) * static_cast<double>(keys.rows));
  e.tolerance = choice.tolerance;
  const bool sees_keys = !workspace.box.low.empty();
  for (std::size_t d = 0; d < keys.cols && sees_keys; ++d)
    e.extent.push_back(2 * workspace.box.half(d) * std::abs(score.w_of(d)));
  for (const detail::PlanCost& c : choice.costs)
    e.costs.push_back({c.plan, c.possible, c.seconds / e.threads, c.bytes, c.error});
  switch (choice.plan) {
    case Plan::grid:
      e.details = "grid: " + detail::to_string(choice.grid.boxes) + " boxes " + detail::to_string(choice.grid.width) +
                  " bandwidths wide, " + detail::to_string(choice.grid.terms) +
                  " powers a dimension, neighbours up to " + detail::to_string(choice.grid.reach) + " boxes away\n";
      if (workspace.region.trimmed) e.details += "  some keys lie so far out that queries near them are handed over\n";
      break;
    case Plan::pruned:
      e.details = "pruned: about " + rounded(100 * choice.visited) + " % of all pairs of query and key are visited\n";
      break;
    default:
      e.details = detail::has_few_queries(queries.rows, keys.rows) && !e.forced
                      ? "stream: few queries on many keys, keys and values are read once as they lie; should a query "
                        "be far from every key, or an entry not finite, it is\n"
                      : "";
      e.details += detail::explain_dense(call, workspace.values, workspace.dense);
  }
  return e;
}

template <class T>
std::string explain_pool(In<T> queries, In<T> keys, In<T> values, const Gaussian& score, const Options& options) {
  return explain<T>(queries, keys, values, score, options).text();
}

#define ATTNPOOL_INSTANTIATE(T)                                                          \
  template Explanation explain<T>(In<T>, In<T>, In<T>, const Gaussian&, const Options&); \
  template std::string explain_pool<T>(In<T>, In<T>, In<T>, const Gaussian&, const Options&);
ATTNPOOL_INSTANTIATE(float)
ATTNPOOL_INSTANTIATE(double)

}  // namespace attnpool
