#pragma once
#include <benchmark/benchmark.h>

#include <functional>
#include <string>
#include <vector>

#include "implementations.hpp"
#include "workloads.hpp"

// One family per operation: attnpool under every ISA of this CPU, its textbook reference, and Eigen. Names read
// family/type/size/implementation, so that --benchmark_filter=pool/float/.*avx2 picks what one expects.
namespace bench {

void register_exp();
void register_softmax();
void register_pool();
void register_gradient();
void register_fit();

/// An implementation and the ISA it is run under.
struct Contender {
  std::string name;
  Implementation implementation;
  attnpool::Isa isa;
};
std::vector<Contender> contenders();

/// pairs_per_second and max_error for what `state` has run.
void set_counters(benchmark::State& state, double pairs, double error);

/// Registers family/type/size/contender for every contender that can do the workload.
void register_workload(const std::string& family, const std::string& size, const Workload& workload);

}  // namespace bench
