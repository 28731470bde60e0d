// attnpool_bench --plan-table.
#include "plans.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "plan_runs.hpp"
#include "report.hpp"

namespace bench {
namespace plans {
namespace {

std::vector<Case> all_cases() {
  using enum Layout;
  constexpr std::size_t e2 = 100, e3 = 1000, e4 = 10000, e5 = 100000, e6 = 1000000;
  return {
      // layout, double, D, Q, K, bandwidth, tolerance
      {uniform, true, 1, e2, e2, 0.1},
      {uniform, true, 1, e3, e3, 0.1},
      {uniform, true, 1, e3, e3, 1e-4},
      {uniform, true, 1, e4, e4, 1e-4},
      {uniform, true, 1, e4, e4, 1e-2},
      {uniform, true, 1, e4, e4, 0.02, 1e-9},
      {uniform, true, 1, e4, e4, 10},
      {uniform, true, 1, e5, e5, 1e-4},
      {uniform, true, 1, e5, e5, 0.02, 1e-9},
      {uniform, true, 1, e5, e5, 1},
      {uniform, true, 1, e6, e6, 1e-4},
      {uniform, true, 1, e6, e6, 0.02, 1e-9},
      {uniform, true, 1, e6, e6, 10},
      {uniform, true, 1, e2, e6, 0.01},
      {uniform, true, 1, e6, e2, 0.01},
      {uniform, true, 1, e6, e4, 0.1},
      {uniform, true, 1, e3, e5, 1e-3},
      {clustered, true, 1, e4, e4, 1e-3},
      {clustered, true, 1, e5, e5, 1e-2},
      {deserts, true, 1, e4, e4, 1e-3},
      {tied, true, 1, e4, e4, 1e-3},
      {tied, true, 1, e5, e5, 0.1},
      {outlier, true, 1, e4, e4, 0.01},
      {outlier, true, 1, e5, e5, 0.1},
      {equal, true, 1, e5, e5, 1},
      {uniform, false, 1, e3, e3, 0.01},
      {uniform, false, 1, e4, e4, 0.1},
      {uniform, false, 1, e5, e5, 1e-4},
      {uniform, false, 1, e6, e6, 0.02},
      {clustered, false, 1, e5, e5, 1e-3},
      {tied, false, 1, e5, e5, 1e-2},
      {outlier, false, 1, e4, e4, 1e-2},
      {uniform, true, 2, e2, e2, 0.1},
      {uniform, true, 2, e3, e3, 0.1},
      {uniform, true, 2, e4, e4, 1e-3},
      {uniform, true, 2, e4, e4, 0.02},
      {uniform, true, 2, e4, e4, 0.1, 1e-6},
      {uniform, true, 2, e5, e5, 1e-4},
      {uniform, true, 2, e5, e5, 0.02},
      {uniform, true, 2, e5, e5, 10},
      {uniform, true, 2, e6, e6, 1e-4},
      {uniform, true, 2, e6, e6, 0.02, 1e-6},
      {uniform, true, 2, e6, e6, 1},
      {uniform, true, 2, e3, e6, 0.01},
      {clustered, true, 2, e5, e5, 1e-3},
      {clustered, true, 2, e4, e4, 0.02},
      {tied, true, 2, e5, e5, 0.01},
      {outlier, true, 2, e4, e4, 0.02},
      {equal, true, 2, e4, e4, 1},
      {flights, true, 2, 2 * e5, 2 * e5, 0.2},
      {uniform, false, 2, e4, e4, 0.02},
      {uniform, false, 2, e5, e5, 0.1},
      {uniform, false, 2, e5, e5, 1e-3},
      {uniform, true, 3, e3, e3, 0.1},
      {uniform, true, 3, e4, e4, 0.01},
      {uniform, true, 3, e4, e4, 0.1},
      {uniform, true, 3, e4, e4, 10},
      {uniform, true, 3, e5, e5, 0.01},
      {uniform, true, 3, e5, e5, 0.1, 1e-4},
      {uniform, true, 3, e6, e6, 0.05, 1e-4},
      {uniform, true, 3, e6, e6, 10},
      {uniform, true, 3, e6, e6, 1e-4},
      {clustered, true, 3, e5, e5, 1e-3},
      {tied, true, 3, e4, e4, 0.1},
      {outlier, true, 3, e4, e4, 0.1, 1e-4},
      {uniform, false, 3, e4, e4, 0.05},
      {uniform, false, 3, e5, e5, 0.2, 1e-3},
      {uniform, false, 8, e3, e3, 0.5},
      {uniform, false, 8, e4, e4, 10},
      {uniform, false, 8, e4, e4, 0.1},
      {uniform, false, 8, e5, e5, 1e-3},
      {uniform, false, 8, e2, e6, 0.01},
      {clustered, false, 8, e5, e5, 0.01},
      {clustered, true, 8, e4, e4, 0.01},
      {tied, true, 8, e4, e4, 0.1},
      {outlier, false, 8, e4, e4, 0.5},
      {equal, false, 8, e4, e4, 1},
  };
}

struct Totals {
  std::size_t cases = 0, within = 0;
  double worst = 1;
  std::array<std::vector<double>, algorithms.size()> measured_by_predicted;
};

// A line of the table.
void print(std::size_t number, const Case& c, const Options& options, const attnpool::Explanation& automatic,
           const std::vector<Run>& runs, double ratio) {
  char ratio_text[16] = "-";
  if (std::isfinite(ratio)) std::snprintf(ratio_text, sizeof ratio_text, "%.2f", ratio);
  std::string predicted;
  for (const auto& cost : automatic.costs)
    predicted += (predicted.empty() ? "" : " / ") + (cost.possible ? in_units(cost.seconds) : "-");
  std::printf("| %zu | %s | %zu | %s | %zu | %zu | %g | %g | %s | %s | %s | %s | %s | %s | %s |\n", number,
              name(c.layout), c.dims, c.is_double ? "double" : "float", c.queries, c.keys, c.bandwidth,
              automatic.tolerance, cell(runs[0], options.cap).c_str(), cell(runs[1], options.cap).c_str(),
              cell(runs[2], options.cap).c_str(), cell(runs[3], options.cap).c_str(),
              attnpool::to_string(automatic.algorithm), ratio_text, predicted.c_str());
  std::fflush(stdout);
}

nlohmann::json row_of(std::size_t number, const Case& c, const Options& options, const attnpool::Explanation& automatic,
                      const std::vector<Run>& runs, double ratio, const nlohmann::json& by_plan) {
  nlohmann::json row = {{"case", number},
                        {"layout", name(c.layout)},
                        {"type", c.is_double ? "double" : "float"},
                        {"dims", c.dims},
                        {"queries", c.queries},
                        {"keys", c.keys},
                        {"bandwidth", c.bandwidth},
                        {"tolerance", automatic.tolerance},
                        {"chosen", attnpool::to_string(automatic.algorithm)},
                        {"plans", by_plan},
                        {"automatic_seconds", nullptr},
                        {"ratio", nullptr},
                        {"isa", options.isa},
                        {"threads", options.threads},
                        {"cpu", cpu_model()},
                        {"date", date()}};
  if (std::isfinite(ratio)) row["ratio"] = ratio, row["automatic_seconds"] = runs[algorithms.size()].seconds;
  return row;
}

// Predictions can be wrong, so a run is given up when it takes too long.
template <class T>
void run(Problem<T>& p, const Options& options, attnpool::Options with) {
  with.progress = [start = seconds(options.threads), &options](double) {
    return seconds(options.threads) - start < patience * options.cap;
  };
  attnpool::pool<T>(p.queries, p.keys, p.values, p.score, p.out, with);
}

// A run for each plan that is worth one, and the choice between them last; what is known beforehand goes into by_plan.
template <class T>
std::vector<Run> runs_of(Problem<T>& p, const Options& options, attnpool::Options with,
                         const attnpool::Explanation& automatic, nlohmann::json& by_plan) {
  double best_predicted = infinite;
  for (const auto& cost : automatic.costs)
    if (cost.possible) best_predicted = std::min(best_predicted, cost.seconds);
  std::vector<Run> runs(algorithms.size() + 1);
  for (std::size_t i = 0; i < algorithms.size(); ++i) {
    const auto& cost = automatic.costs[i];
    auto& entry = by_plan[attnpool::to_string(algorithms[i])] = {{"possible", cost.possible}, {"seconds", nullptr}};
    if (!cost.possible) continue;
    entry["predicted"] = cost.seconds;
    entry["bytes"] = cost.bytes;
    with.algorithm = algorithms[i];
    entry["details"] = attnpool::explain<T>(p.queries, p.keys, p.values, p.score, with).details;
    if (cost.seconds > options.cap || (cost.seconds > 20 * best_predicted && algorithms[i] != automatic.algorithm))
      continue;
    if (algorithms[i] == Algorithm::grid) try {
        attnpool::Report report;
        attnpool::Options reporting = with;
        reporting.report = &report;
        run(p, options, reporting);
        entry["fallback_queries"] = report.fallback_queries;
      } catch (const attnpool::Cancelled&) {
      }
    runs[i].run = [&p, &options, with] { run(p, options, with); };
  }
  with.algorithm = Algorithm::automatic;
  if (runs[static_cast<std::size_t>(automatic.algorithm) - 1].run)
    runs[algorithms.size()].run = [&p, &options, with] { run(p, options, with); };
  return runs;
}

template <class T>
nlohmann::json run_case(std::size_t number, const Case& c, const Options& options, Totals& totals) {
  Problem<T> p(c);
  const attnpool::Options with{.tolerance = c.tolerance, .threads = options.threads};
  const attnpool::Explanation automatic = attnpool::explain<T>(p.queries, p.keys, p.values, p.score, with);
  nlohmann::json by_plan;
  std::vector<Run> runs = runs_of(p, options, with, automatic, by_plan);
  measure(runs, options);

  double best = infinite;
  for (std::size_t i = 0; i < algorithms.size(); ++i) {
    best = std::min(best, runs[i].seconds);
    if (runs[i].cancelled) by_plan[attnpool::to_string(algorithms[i])]["longer_than"] = patience * options.cap;
    if (!std::isfinite(runs[i].seconds)) continue;
    by_plan[attnpool::to_string(algorithms[i])]["seconds"] = runs[i].seconds;
    totals.measured_by_predicted[i].push_back(runs[i].seconds / automatic.costs[i].seconds);
  }
  const double ratio = runs[static_cast<std::size_t>(automatic.algorithm) - 1].seconds / best;
  ++totals.cases;
  totals.within += ratio <= 1.3;  // false if nothing could be timed
  if (std::isfinite(ratio)) totals.worst = std::max(totals.worst, ratio);
  print(number, c, options, automatic, runs, ratio);
  return row_of(number, c, options, automatic, runs, ratio, by_plan);
}

}  // namespace
}  // namespace plans

int plan_table(int argc, char** argv) try {
  using namespace plans;
  Options options;
  CLI::App app("Times every plan on many cases, beside the prediction and the choice, as a Markdown table.",
               "attnpool_bench --plan-table");
  app.add_option("--cases", options.cases, "numbers of cases, separated by commas (default: all)")->delimiter(',');
  if (const auto code = options.parse(app, argc, argv)) return *code;
  const attnpool::ScopedIsa scope(attnpool::from_string<attnpool::Isa>(options.isa.c_str()));
  JsonFile file(options.json);
  std::printf(
      "%s, %s, %s, threads: %d. -: not possible, or predicted to take more than %g s or 20 times the best.\n"
      "Ratio and choice by the times of forced plans; automatic: the choosing included.\n\n",
      cpu_model().c_str(), date().c_str(), options.isa.c_str(), options.threads, options.cap);
  std::printf(
      "| | layout | D | type | queries | keys | bandwidth / range | tolerance | dense | pruned | grid | automatic | "
      "chosen | chosen / best | predicted dense / pruned / grid |\n"
      "|--:|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|---|--:|---|\n");
  nlohmann::json list = nlohmann::json::array();
  Totals totals;
  const std::vector<Case> cases = all_cases();
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (!options.cases.empty() && std::find(options.cases.begin(), options.cases.end(), i + 1) == options.cases.end())
      continue;
    list.push_back(cases[i].is_double ? run_case<double>(i + 1, cases[i], options, totals)
                                      : run_case<float>(i + 1, cases[i], options, totals));
  }
  std::printf("\n%zu of %zu choices within 1.3 of the best plan; worst %.2f.\n", totals.within, totals.cases,
              totals.worst);
  for (std::size_t i = 0; i < algorithms.size(); ++i) {
    const auto& x = totals.measured_by_predicted[i];
    if (!x.empty())
      std::printf("Measured / predicted, %s: median %.2f, from %.2f to %.2f.\n", attnpool::to_string(algorithms[i]),
                  median(x), *std::min_element(x.begin(), x.end()), *std::max_element(x.begin(), x.end()));
  }
  file.write(list);
  return 0;
} catch (const std::exception& error) {
  return plans::fail(error);
}

}  // namespace bench
