// attnpool_bench --table ... compares us with peers and machine (table.cpp), --plans and --plan-table the plans of pool
// (plans.cpp, crossover.cpp); otherwise this is Google Benchmark with its flags.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "families.hpp"
#include "plans.hpp"
#include "table.hpp"

int main(int argc, char** argv) {
  const auto has = [&](const char* flag) {
    return std::any_of(argv + 1, argv + argc, [&](const char* argument) { return std::strcmp(argument, flag) == 0; });
  };
  if (has("--plan-table")) return bench::plan_table(argc, argv);
  if (has("--plans")) return bench::crossover(argc, argv);
  if (has("--table")) return bench::table(argc, argv);
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--help") == 0)
      std::puts("attnpool_bench --table|--plans|--plan-table [--help]: comparisons. Otherwise:");
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  bench::register_exp();
  bench::register_softmax();
  bench::register_pool();
  bench::register_gradient();
  bench::register_fit();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
