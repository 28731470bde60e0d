#include "plans.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <attnpool/attnpool.hpp>
#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "implementations.hpp"
#include "layouts.hpp"
#include "report.hpp"

namespace bench {
namespace {

using attnpool::Algorithm;

constexpr double infinite = std::numeric_limits<double>::infinity();
constexpr double range = 5;     // of the coordinates
constexpr double patience = 4;  // times the cap: runs are cancelled
constexpr std::array<Algorithm, 3> algorithms = {Algorithm::dense, Algorithm::pruned, Algorithm::grid};

struct Options {
  int threads = 1, rounds = 3;
  double cap = 3;  // seconds
  std::string isa, json;
  std::vector<std::size_t> cases;

  // The flags that both tables have, parsed; an exit code where there is nothing more to do.
  std::optional<int> parse(CLI::App& app, int argc, char** argv) {
    bool unused = false;
    isa = attnpool::to_string(attnpool::active_isa());
    for (const char* flag : {"--table", "--plans", "--plan-table"}) app.add_flag(flag, unused)->group("");
    app.add_option("--isa", isa, "ISA for attnpool (default: " + isa + ")");
    app.add_option("--threads", threads, "threads (default: " + std::to_string(threads) + "); one: time on a core")
        ->check(CLI::PositiveNumber);
    app.add_option("--rounds", rounds, "rounds (default: " + std::to_string(rounds) + ")")->check(CLI::PositiveNumber);
    app.add_option("--cap", cap, "leave out what would take more seconds (default: 3)")->check(CLI::PositiveNumber);
    app.add_option("--json", json, "also write all figures to this file");
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return app.exit(error);
    }
    return {};
  }
};

/// Medians, run in turn, round after round. Runs of more than half a second are timed once, short ones repeated to fill
/// 5 ms. Infinite: not run, or cancelled.
struct Run {
  std::function<void()> run;
  bool elsewhere = false, cancelled = false;
  double seconds = infinite;
};
void measure(std::vector<Run>& runs, const Options& options) {
  const auto once = [&](const Run& r, int repeats) {
    const double start = seconds(options.threads, r.elsewhere);
    for (int i = 0; i < repeats; ++i) r.run();
    return (seconds(options.threads, r.elsewhere) - start) / repeats;
  };
  std::vector<std::vector<double>> samples(runs.size());
  std::vector<double> first(runs.size(), 0);
  for (std::size_t i = 0; i < runs.size(); ++i) try {
      if (runs[i].run) first[i] = once(runs[i], 1);
    } catch (const attnpool::Cancelled&) {
      runs[i].cancelled = true;
      runs[i].run = nullptr;
    }
  for (int round = 0; round < options.rounds; ++round)
    for (std::size_t i = 0; i < runs.size(); ++i)
      if (runs[i].run && first[i] < 0.5)
        samples[i].push_back(once(runs[i], std::clamp(static_cast<int>(0.005 / first[i]), 1, 1000)));
  for (std::size_t i = 0; i < runs.size(); ++i)
    if (runs[i].run) runs[i].seconds = samples[i].empty() ? first[i] : median(samples[i]);
}

struct Case {
  Layout layout;
  bool is_double;
  std::size_t dims, queries, keys;
  double bandwidth;      // of the range
  double tolerance = 0;  // 0: the default
};

template <class T>
struct Problem {
  explicit Problem(const Case& c) : score(attnpool::Gaussian::from_bandwidth(c.bandwidth * range)) {
    Random random;
    std::vector<double> point(c.dims);
    const auto fill = [&](std::vector<T>& x, std::size_t count, bool are_queries) {
      PointSource source(c.layout, c.dims, are_queries, random);
      for (std::size_t i = 0; i < count; ++i) {
        source.next(point.data());
        x.insert(x.end(), point.begin(), point.end());
        if (!are_queries) values_data.push_back(static_cast<T>(value_at(c.layout, point.data(), random)));
      }
    };
    fill(keys_data, c.keys, false);
    fill(queries_data, c.queries, true);
    out_data.resize(c.queries);
    queries = {queries_data.data(), c.queries, c.dims};
    keys = {keys_data.data(), c.keys, c.dims};
    values = {values_data.data(), c.keys, 1};
    out = {out_data.data(), c.queries, 1};
  }
  Problem(const Problem&) = delete;
  Problem& operator=(const Problem&) = delete;

  Pool<T> raw(double w, int threads) const {
    static std::size_t count = 1u << 20;  // apart from the numbers of Data
    return {queries.data, keys.data, values.data, out.data, queries.rows, keys.rows, keys.cols, 1, w,
            threads,      tolerance, false,       ++count};
  }

  double tolerance = 0;
  std::vector<T> queries_data, keys_data, values_data, out_data;
  attnpool::MatrixView<const T> queries{nullptr, 0, 1}, keys{nullptr, 0, 1}, values{nullptr, 0, 1};
  attnpool::MatrixView<T> out{nullptr, 0, 1};
  attnpool::Gaussian score;
};

// ---- the table of plans --------------------------------------------------------------------------------------------

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

std::string cell(const Run& run, double cap) {
  return std::isfinite(run.seconds) ? in_units(run.seconds) : run.cancelled ? "> " + in_units(patience * cap) : "-";
}

template <class T>
nlohmann::json run_case(std::size_t number, const Case& c, const Options& options, Totals& totals) {
  Problem<T> p(c);
  attnpool::Report report;
  const auto with = [&](Algorithm algorithm) {
    return attnpool::Options{.algorithm = algorithm, .tolerance = c.tolerance, .threads = options.threads};
  };
  const attnpool::Explanation automatic =
      attnpool::explain<T>(p.queries, p.keys, p.values, p.score, with(Algorithm::automatic));
  double best_predicted = infinite;
  for (const auto& cost : automatic.costs)
    if (cost.possible) best_predicted = std::min(best_predicted, cost.seconds);

  const auto run = [&](attnpool::Options o) {
    // Predictions can be wrong.
    o.progress = [start = seconds(options.threads), &options](double) {
      return seconds(options.threads) - start < patience * options.cap;
    };
    attnpool::pool<T>(p.queries, p.keys, p.values, p.score, p.out, o);
  };
  std::vector<Run> runs(algorithms.size() + 1);
  nlohmann::json by_plan;
  for (std::size_t i = 0; i < algorithms.size(); ++i) {
    const auto& cost = automatic.costs[i];
    by_plan[attnpool::to_string(algorithms[i])] = {{"possible", cost.possible}, {"seconds", nullptr}};
    if (!cost.possible) continue;
    auto& entry = by_plan[attnpool::to_string(algorithms[i])];
    entry["predicted"] = cost.seconds;
    entry["bytes"] = cost.bytes;
    attnpool::Options o = with(algorithms[i]);
    entry["details"] = attnpool::explain<T>(p.queries, p.keys, p.values, p.score, o).details;
    if (cost.seconds > options.cap || (cost.seconds > 20 * best_predicted && algorithms[i] != automatic.algorithm))
      continue;
    if (algorithms[i] == Algorithm::grid) try {
        o.report = &report;
        run(o);
        entry["fallback_queries"] = report.fallback_queries;
      } catch (const attnpool::Cancelled&) {
      }
    runs[i].run = [&run, o = with(algorithms[i])] { run(o); };
  }
  if (runs[static_cast<std::size_t>(automatic.algorithm) - 1].run)
    runs[algorithms.size()].run = [&run, o = with(Algorithm::automatic)] { run(o); };
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

// ---- time against n ------------------------------------------------------------------------------------------------

struct Curve {
  std::string name;
  std::vector<std::pair<double, double>> points = {};  // n, seconds
  bool ended = false;
};

/// log-log interpolation, at n within the curve.
double at(const Curve& c, double n) {
  for (std::size_t i = 1; i < c.points.size(); ++i)
    if (n <= c.points[i].first) {
      const auto [n0, s0] = c.points[i - 1];
      const auto [n1, s1] = c.points[i];
      return s0 * std::pow(s1 / s0, std::log(n / n0) / std::log(n1 / n0));
    }
  return infinite;
}

/// The smallest n from which `fast` stays below `slow`, as far as both go; 0: from the start; infinite: never.
double meeting(const Curve& fast, const Curve& slow) {
  const double last = std::min(fast.points.back().first, slow.points.back().first);
  double n = last;
  const double step = std::pow(10, 0.01), first = fast.points.front().first;
  if (at(fast, last) >= at(slow, last)) return infinite;
  while (n > first && at(fast, n) < at(slow, n)) n /= step;
  return n <= first ? 0 : n;
}

nlohmann::json run_curves(std::size_t dims, const Options& options, double tolerance) {
  const double bandwidth = 0.02, w = 1 / (bandwidth * range);
  std::vector<Curve> curves = {{"attnpool dense"}, {"attnpool pruned"}, {"attnpool grid"}, {"attnpool automatic"}};
  std::vector<Implementation> others;
  for (const Implementation& peer : peers())
    if (peer.name == std::string("libmvec loop") || (peer.elsewhere && dims == 1)) {
      others.push_back(peer);
      curves.push_back({peer.name});
    }
  std::printf("\n%zu dimension%s, double, n keys and n queries uniform, bandwidth %g of the range, tolerance %g\n%10s",
              dims, dims == 1 ? "" : "s", bandwidth, tolerance, "n");
  for (const Curve& curve : curves) std::printf(" %20s", curve.name.c_str());
  std::printf("\n");
  nlohmann::json list = nlohmann::json::array();
  for (const std::size_t n : {100, 300, 1000, 3000, 10000, 30000, 100000, 300000, 1000000}) {
    Problem<double> p({Layout::uniform, true, dims, n, n, bandwidth});
    const Pool<double> raw = p.raw(w, options.threads);
    std::vector<Run> runs(curves.size());
    for (std::size_t i = 0; i < curves.size(); ++i) {
      if (curves[i].ended) continue;
      if (i <= algorithms.size()) {
        const Algorithm algorithm = i < algorithms.size() ? algorithms[i] : Algorithm::automatic;
        runs[i].run = [&, algorithm] {
          attnpool::pool<double>(p.queries, p.keys, p.values, p.score, p.out,
                                 {.algorithm = algorithm, .tolerance = tolerance, .threads = options.threads});
        };
      } else {
        const Implementation& peer = others[i - algorithms.size() - 1];
        runs[i].elsewhere = peer.elsewhere;
        runs[i].run = [&] { peer.f64.pool(raw); };
      }
    }
    measure(runs, options);
    std::printf("%10zu", n);
    for (std::size_t i = 0; i < curves.size(); ++i) {
      std::printf(" %20s", cell(runs[i], options.cap).c_str());
      if (curves[i].ended) continue;
      auto& points = curves[i].points;
      points.push_back({static_cast<double>(n), runs[i].seconds});
      list.push_back({{"dims", dims},
                      {"n", n},
                      {"implementation", curves[i].name},
                      {"seconds", runs[i].seconds},
                      {"bandwidth", bandwidth},
                      {"tolerance", tolerance},
                      {"isa", options.isa},
                      {"threads", options.threads},
                      {"cpu", cpu_model()},
                      {"date", date()}});
      // The next n takes as much longer as this one did than the last, or as all pairs do.
      const double growth = points.size() < 2 ? 12 : points.back().second / points[points.size() - 2].second;
      curves[i].ended = runs[i].seconds * std::clamp(growth, 3.0, 12.0) > options.cap;
    }
    std::printf("\n");
    std::fflush(stdout);
  }
  for (std::size_t i = 1; i < curves.size(); ++i) {
    const double n = meeting(curves[i], curves[0]);
    std::printf("  %s %s", curves[i].name.c_str(),
                n == 0             ? "is quicker than dense throughout\n"
                : std::isfinite(n) ? "is quicker than dense from n = "
                                   : "is never quicker than dense\n");
    if (n > 0 && std::isfinite(n)) std::printf("%.2g\n", n);
  }
  return list;
}

int fail(const std::exception& error) {
  std::fprintf(stderr, "attnpool_bench: %s\n", error.what());
  return 1;
}

}  // namespace

int plan_table(int argc, char** argv) try {
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
  return fail(error);
}

int crossover(int argc, char** argv) try {
  Options options;
  options.threads = 2;
  CLI::App app("Times every plan and peer against n, in one and two dimensions.", "attnpool_bench --plans");
  if (const auto code = options.parse(app, argc, argv)) return *code;
  const attnpool::ScopedIsa scope(attnpool::from_string<attnpool::Isa>(options.isa.c_str()));
  JsonFile file(options.json);
  nlohmann::json list = run_curves(1, options, 1e-9);
  for (const auto& row : run_curves(2, options, 1e-6)) list.push_back(row);
  file.write(list);
  return 0;
} catch (const std::exception& error) {
  return fail(error);
}

}  // namespace bench
