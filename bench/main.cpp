// attnpool_bench --table ... compares us with peers and machine (table.cpp); otherwise this is Google Benchmark with
// its flags.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstring>

#include "families.hpp"
#include "table.hpp"

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--table") == 0) return bench::table(argc, argv);
    if (std::strcmp(argv[i], "--help") == 0)
      std::puts("attnpool_bench --table [--help]: comparison with peers. Otherwise:");
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
