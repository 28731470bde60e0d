#include "plan_runs.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "report.hpp"

namespace bench::plans {

std::optional<int> Options::parse(CLI::App& app, int argc, char** argv) {
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

std::string cell(const Run& run, double cap) {
  return std::isfinite(run.seconds) ? in_units(run.seconds) : run.cancelled ? "> " + in_units(patience * cap) : "-";
}

int fail(const std::exception& error) {
  std::fprintf(stderr, "attnpool_bench: %s\n", error.what());
  return 1;
}

}  // namespace bench::plans
