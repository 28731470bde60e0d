// One set of keys for many calls: what the algorithms compute from it is kept. explain() says which one is taken and why.
#include <attnpool/attnpool.hpp>
#include <cmath>
#include <cstdio>
#include <vector>

int main() {
  const std::size_t n = 200'000;
  std::vector<float> keys, values;
  for (std::size_t i = 0; i < n; ++i) {
    keys.push_back(static_cast<float>(i % 9973) / 9973);
    values.push_back(std::sin(20 * keys.back()));
  }
  const attnpool::MatrixView<const float> k(keys.data(), n, 1), v(values.data(), n, 1);
  const attnpool::Gaussian score = attnpool::Gaussian::from_bandwidth(0.01);
  std::fputs(attnpool::explain<float>(k, k, v, score).text().c_str(), stdout);

  const attnpool::PoolPlan<float> plan(k, v);
  float largest = 0;
  for (int call = 0; call < 100; ++call) {
    std::vector<float> queries, out(50);
    for (int i = 0; i < 50; ++i) queries.push_back(static_cast<float>(call * 50 + i) / 5000);
    attnpool::Report report;
    plan.pool(attnpool::MatrixView<const float>(queries.data(), 50, 1), score,
              attnpool::MatrixView<float>(out.data(), 50, 1), {.report = &report});
    for (int i = 0; i < 50; ++i) largest = std::max(largest, std::abs(out[i]));
    if (call == 0)
      std::printf("first call: %s, error at most %.1e of the range\n", attnpool::to_string(report.algorithm),
                  report.error_bound);
  }
  return largest > 0.9F && largest <= 1 ? 0 : 1;
}
