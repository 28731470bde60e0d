// Keys that arrive in pieces, on two threads: each adds its pieces to a state of its own, and the states are merged.
#include <attnpool/attnpool.hpp>
#include <cmath>
#include <cstdio>
#include <thread>
#include <vector>

int main() {
  using View = attnpool::MatrixView<const double>;
  const std::vector<double> queries = {0.5, 1.5, 2.5};
  std::vector<double> keys, values;
  for (int i = 0; i < 3000; ++i) {
    keys.push_back(i / 1000.0);
    values.push_back(std::cos(keys.back()));
  }
  const attnpool::Gaussian score = attnpool::Gaussian::from_bandwidth(0.1);
  const View all_queries(queries.data(), queries.size(), 1);

  attnpool::PoolState<double> states[2] = {{all_queries, 1, score}, {all_queries, 1, score}};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t)
    threads.emplace_back([&, t] {
      for (int piece = t; piece < 10; piece += 2)  // 300 keys each
        states[t].update(View(keys.data() + 300 * piece, 300, 1), View(values.data() + 300 * piece, 300, 1));
    });
  for (std::thread& thread : threads) thread.join();
  states[0].merge(states[1]);

  std::vector<double> streamed(3), at_once(3);
  states[0].finish(attnpool::MatrixView<double>(streamed.data(), 3, 1));
  attnpool::pool<double>(all_queries, View(keys.data(), 3000, 1), View(values.data(), 3000, 1), score,
                         attnpool::MatrixView<double>(at_once.data(), 3, 1));
  bool same = true;
  for (int q = 0; q < 3; ++q) {
    std::printf("at %.1f: %.12f in pieces, %.12f at once\n", queries[q], streamed[q], at_once[q]);
    same = same && std::abs(streamed[q] - at_once[q]) < 1e-12;
  }
  return same ? 0 : 1;
}
