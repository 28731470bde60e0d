#include "table.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <attnpool/attnpool.hpp>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "implementations.hpp"
#include "report.hpp"
#include "workloads.hpp"

namespace bench {
namespace {

struct Options {
  std::vector<std::string> workloads, isas = {"avx2", "avx512"};
  std::vector<int> threads = {1, 2};
  bool threads_given = false;
  int rounds = 7;
  std::string json, data;
};

/// One line of the table.
struct Row {
  Implementation implementation;
  std::string isa;
  int threads;
  attnpool::Isa under{};  // for implementations that follow the library's ISA
  int repeats = 1;        // runs per sample, so that a sample is long against the clock
  double error = 0;
  std::vector<double> seconds = {}, peaks = {};  // per round
};

double least(const std::vector<double>& x) { return *std::min_element(x.begin(), x.end()); }

/// The FMA slots of one core that a pair took.
double slots(const Row& row, const Workload& workload) {
  return median(row.peaks) * median(row.seconds) * row.threads / workload.pairs();
}

/// Seconds per run; short runs are timed together.
template <class T>
double sample(Data<T>& data, const Row& row) {
  const UnderIsa scope(row.implementation, row.under);
  data.restore();
  const bool elsewhere = row.implementation.elsewhere;
  const double start = seconds(row.threads, elsewhere);
  for (int i = 0; i < row.repeats; ++i) data.run(row.implementation, row.threads);
  return (seconds(row.threads, elsewhere) - start) / row.repeats;
}

template <class T>
std::vector<Row> measure(const Workload& workload, const Options& options) {
  constexpr double patience = 2;  // seconds of a run, on two threads
  Data<T> data(workload, options.data);
  std::vector<Row> rows;
  const auto wanted = [&](const Implementation& implementation, int threads) {
    return Data<T>::can(workload, implementation) &&
           !(workload.linear && data.predicted(implementation, threads) * threads > 2 * patience);
  };
  const bool one_thread = workload.kind == Kind::exp || workload.kind == Kind::exp_nonpositive;
  std::vector<int> thread_counts = options.threads;
  if (workload.linear && !options.threads_given) thread_counts = {thread_counts.back()};
  for (int threads : thread_counts) {
    if (one_thread && threads > 1) continue;
    // The other workloads measure the dense plan, and the one that would be chosen too where that is another.
    if (!workload.linear && data.has_a_better_plan())
      for (const std::string& isa : options.isas)
        rows.push_back({ours_dense, isa, threads, attnpool::from_string<attnpool::Isa>(isa.c_str())});
    for (const std::string& isa : options.isas)
      for (const Implementation* own : {&ours, &ours_nonpositive})
        if (Data<T>::can(workload, *own) && !(own == &ours && workload.kind == Kind::exp_nonpositive))
          rows.push_back({*own, isa, threads, attnpool::from_string<attnpool::Isa>(isa.c_str())});
    if (workload.linear)
      for (const std::string& isa : options.isas)
        for (const Implementation* own : {&ours_dense, &ours_pruned})
          if (wanted(*own, threads))
            rows.push_back({*own, isa, threads, attnpool::from_string<attnpool::Isa>(isa.c_str())});
    for (const Implementation& peer : peers())
      if (wanted(peer, threads)) rows.push_back({peer, peer.isa, threads});
  }
  for (Row& row : rows) {  // a warm-up, the error, and how long a run takes
    const double first = sample(data, row);
    row.error = row.implementation.limit ? 0 : data.error();
    // A second softmax in place would be one of another matrix.
    row.repeats = workload.kind == Kind::softmax_in_place ? 1 : std::clamp(static_cast<int>(0.01 / first), 1, 100000);
  }
  // All implementations in turn, round after round, so that a disturbance or a change of clock meets them all. The peak
  // is measured right before each, so that the ratio of the two is free of the clock.
  for (int round = 0; round < options.rounds; ++round)
    for (Row& row : rows) {
      row.peaks.push_back(fma_peak(row.isa.c_str(), workload.is_double));
      row.seconds.push_back(sample(data, row));
    }
  return rows;
}

bool is_ours(const Row& row) { return row.implementation.isa == nullptr; }

/// Time of the best peer in the same workload with as many threads, whose registers are not wider; infinite if there is
/// none.
double best_peer(const std::vector<Row>& rows, const Row& mine) {
  double best = INFINITY;
  for (const Row& row : rows)
    if (!is_ours(row) && !row.implementation.limit && row.threads == mine.threads &&
        !(row.isa == "avx512" && mine.isa != "avx512"))
      best = std::min(best, median(row.seconds));
  return best;
}

void print(const Workload& workload, const std::vector<Row>& rows) {
  std::printf("\n%s: %s\n", workload.name, workload.description);
  std::printf("  %-28s %-7s %7s %10s %10s %11s %10s %10s\n", "implementation", "isa", "threads", "median", "least",
              "slots/pair", "best peer", "max error");
  for (const Row& row : rows) {
    const double best = best_peer(rows, row);
    char ratio[32] = "";
    if (is_ours(row) && std::isfinite(best)) std::snprintf(ratio, sizeof ratio, "%.2fx", best / median(row.seconds));
    std::printf("  %-28s %-7s %7d %10s %10s %11.2f %10s", row.implementation.name, row.isa.c_str(), row.threads,
                in_units(median(row.seconds)).c_str(), in_units(least(row.seconds)).c_str(), slots(row, workload),
                ratio);
    if (row.implementation.limit) {
      std::printf("\n");
    } else {
      std::printf(" %10.2g\n", row.error);
    }
  }
  std::fflush(stdout);
}

void append(nlohmann::json& list, const Workload& workload, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    nlohmann::json entry = {{"workload", workload.name},
                            {"implementation", row.implementation.name},
                            {"isa", row.isa},
                            {"threads", row.threads},
                            {"seconds_median", median(row.seconds)},
                            {"seconds_min", least(row.seconds)},
                            {"pairs", workload.pairs()},
                            {"slots_per_pair", slots(row, workload)},
                            {"max_error", nullptr},
                            {"peak", median(row.peaks)},
                            {"description", workload.description},
                            {"cpu", cpu_model()},
                            {"date", date()}};
    if (!row.implementation.limit) entry["max_error"] = row.error;
    list.push_back(entry);
  }
}

void add_options(CLI::App& app, Options& options) {
  app.add_option("--workloads", options.workloads, "names, separated by commas (default: all)")->delimiter(',');
  app.add_option("--isas", options.isas, "ISAs for attnpool (default: avx2 and avx512 where supported)")
      ->delimiter(',');
  app.add_option("--threads", options.threads, "numbers of threads (default: 1,2; of the L workloads 2)")
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  app.add_option("--rounds", options.rounds, "rounds over all implementations (default: 7)")
      ->check(CLI::PositiveNumber);
  app.add_option("--data", options.data, "the CSV file of L8 (columns time, distance, delay) instead of random rows")
      ->check(CLI::ExistingFile);
  app.add_option("--json", options.json, "also write all rows to this file");
}

/// What was not asked for is what this machine has.
void choose_defaults(const CLI::App& app, Options& options) {
  std::vector<std::string> supported;
  for (attnpool::Isa isa : attnpool::supported_isas()) supported.push_back(attnpool::to_string(isa));
  if (app.count("--isas") == 0) {
    std::erase_if(options.isas, [&](const std::string& isa) {
      return std::find(supported.begin(), supported.end(), isa) == supported.end();
    });
    if (options.isas.empty()) options.isas = {supported.back()};
  }
  options.threads_given = app.count("--threads") > 0;
  std::erase_if(options.threads, [&](int n) {
    return !options.threads_given && n > static_cast<int>(std::thread::hardware_concurrency());
  });
}

void print_header(const Options& options) {
  std::printf("attnpool %s; peak of one core, lane-FMAs per second:", attnpool::version());
  for (const std::string& isa : options.isas)
    std::printf(" %s %.3g (float) %.3g (double)", isa.c_str(), fma_peak(isa.c_str(), false),
                fma_peak(isa.c_str(), true));
  std::printf(
      "\nMedian and least of %d interleaved rounds; one thread: its time on a core, more: time on the wall.\n"
      "slots/pair: lane-FMAs that one core could have done per query-key pair (per element for softmax and exp).\n"
      "best peer: its median / ours. max error: pool of the range of the values, gradient relative, softmax in "
      "epsilons, "
      "exp in ULP.\n",
      options.rounds);
}

}  // namespace

int table(int argc, char** argv) {
  Options options;
  bool unused = false;
  CLI::App app("Compares attnpool with its peers and with the machine, side by side.", "attnpool_bench");
  app.add_flag("--table", unused, "this table; without it the benchmarks of Google Benchmark run");
  add_options(app, options);
  std::string names;
  for (const Workload& workload : workloads())
    names += "\n  " + std::string(workload.name) + std::string(5 - std::string(workload.name).size(), ' ') +
             workload.description;
  app.footer("Workloads:" + names);
  CLI11_PARSE(app, argc, argv);

  choose_defaults(app, options);
  std::optional<JsonFile> file;
  try {
    for (const std::string& isa : options.isas) attnpool::from_string<attnpool::Isa>(isa.c_str());
    for (const std::string& name : options.workloads)
      if (std::none_of(workloads().begin(), workloads().end(), [&](const Workload& w) { return w.name == name; }))
        throw std::invalid_argument("no workload " + name + "; there are:" + names);
    file.emplace(options.json);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "attnpool_bench: %s\n", error.what());
    return 2;
  }

  print_header(options);
  nlohmann::json list = nlohmann::json::array();
  try {
    for (const Workload& workload : workloads()) {
      if (!options.workloads.empty() &&
          std::find(options.workloads.begin(), options.workloads.end(), workload.name) == options.workloads.end())
        continue;
      const std::vector<Row> rows =
          workload.is_double ? measure<double>(workload, options) : measure<float>(workload, options);
      print(workload, rows);
      append(list, workload, rows);
    }
    file->write(list);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "attnpool_bench: %s\n", error.what());
    return 1;
  }
  return 0;
}

}  // namespace bench
