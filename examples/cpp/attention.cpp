// Attention weights, and which keys a query may see.
#include <attnpool/attnpool.hpp>
#include <cmath>
#include <cstdio>
#include <vector>

int main() {
  using attnpool::KeyRange;
  const std::vector<double> times = {0, 1, 2, 3, 4};
  const std::vector<double> importance = {1, 1, 0, 2, 1};  // a key of weight 0 is not seen
  const attnpool::MatrixView<const double> t(times.data(), 5, 1);
  const attnpool::Gaussian score = attnpool::Gaussian::from_bandwidth(1.0);
  bool good = true;
  const auto print = [&](const char* title, const attnpool::Options& options) {
    std::vector<double> weights(25);
    attnpool::attention_weights<double>(t, t, score, attnpool::MatrixView<double>(weights.data(), 5, 5), options);
    std::printf("%s\n", title);
    for (int q = 0; q < 5; ++q) {
      double sum = 0;
      for (int k = 0; k < 5; ++k) {
        std::printf(" %.3f", weights[5 * q + k]);
        sum += weights[5 * q + k];
      }
      std::puts("");
      good = good && std::abs(sum - 1) < 1e-12;
    }
  };
  print("every key", {});
  print("keys up to the query's own", {.range = KeyRange::causal()});
  print("all but the query's own", {.range = KeyRange::all_but_self()});
  print("weighted keys", {.key_weights = importance});
  return good ? 0 : 1;
}
