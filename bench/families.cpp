#include "families.hpp"

#include <memory>

namespace bench {

std::vector<Contender> contenders() {
  std::vector<Contender> result;
  for (attnpool::Isa isa : attnpool::supported_isas()) result.push_back({attnpool::to_string(isa), ours, isa});
  result.push_back({"reference", reference, {}});
  for (const Implementation& peer : peers())
    if (std::string(peer.name).starts_with("Eigen")) result.push_back({"eigen", peer, {}});
  return result;
}

void set_counters(benchmark::State& state, double pairs, double error) {
  state.counters["pairs_per_second"] = benchmark::Counter(pairs, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["max_error"] = error;
}

namespace {

template <class T>
void register_typed(const std::string& family, const std::string& size, const Workload& workload) {
  const auto data = std::make_shared<std::unique_ptr<Data<T>>>();  // made when the first of them runs
  for (const Contender& contender : contenders()) {
    if (!Data<T>::can(workload, contender.implementation)) continue;
    const std::string name = family + (workload.is_double ? "/double/" : "/float/") + size + "/" + contender.name;
    benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
      if (!*data) *data = std::make_unique<Data<T>>(workload);
      const UnderIsa scope(contender.implementation, contender.isa);
      for (auto _ : state) {
        (*data)->run(contender.implementation, 1);
        benchmark::ClobberMemory();
      }
      set_counters(state, workload.pairs(), (*data)->error());
    });
  }
}

}  // namespace

void register_workload(const std::string& family, const std::string& size, const Workload& workload) {
  if (workload.is_double) {
    register_typed<double>(family, size, workload);
  } else {
    register_typed<float>(family, size, workload);
  }
}

void register_exp() {
  for (bool is_double : {false, true})
    for (std::size_t n : {64, 4096, 4095})  // one call's overhead; L1; a tail
      register_workload("exp", std::to_string(n), {"", "", Kind::exp, is_double, 1, n, 0, 1, 1, 0});
}

void register_softmax() {
  for (bool is_double : {false, true})
    for (std::size_t cols : {16, 1000, 4096})  // a classifier's row; a tail; a row of an attention matrix
      register_workload("softmax", "64x" + std::to_string(cols),
                        {"", "", Kind::softmax, is_double, 1, 64, cols, 1, 1, 0});
}

void register_pool() {
  struct Size {
    std::size_t queries, keys, dims, values;
  };
  const Size sizes[] = {
      {32, 32, 1, 1},      // one call's overhead
      {1000, 1000, 1, 1},  // the base that the awkward ones are compared with
      {1001, 999, 1, 1},   // tails of queries and keys
      {1000, 1000, 1, 3},  // few value columns
      {1000, 1000, 3, 1},  // points in space
      {1000, 1000, 8, 1},  // a table of data
      {512, 512, 64, 64},  // an attention head
      {512, 512, 65, 63},  // and its awkward neighbour
      {1, 100000, 1, 1},   // one query, many keys
  };
  for (bool is_double : {false, true})
    for (const Size& s : sizes)
      register_workload(
          "pool",
          std::to_string(s.queries) + "x" + std::to_string(s.keys) + "_D" + std::to_string(s.dims) + "_V" +
              std::to_string(s.values),
          {"", "", Kind::pool, is_double, 1, s.queries, s.keys, s.dims, s.values, s.dims > 8 ? 0.35 : 2.0});
}

void register_gradient() {
  for (bool is_double : {false, true})
    for (std::size_t n : {50, 1000})  // the chapter's training set; a real one
      register_workload("gradient", std::to_string(n) + "x" + std::to_string(n),
                        {"", "", Kind::gradient, is_double, 1, n, n, 1, 1, 2});
}

}  // namespace bench
