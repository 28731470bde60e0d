#pragma once
// Random data with noise that grows along them, for the tests of what a prediction is worth.
#include <attnpool/attnpool.hpp>
#include <cmath>
#include <random>
#include <vector>

namespace attnpool::test {

using Real = long double;
struct NoisyData {
  std::size_t rows, dims, cols;
  std::vector<double> keys, values, weights;
  MatrixView<const double> key_view() const { return {keys.data(), rows, dims}; }
  MatrixView<const double> value_view() const { return {values.data(), rows, cols}; }
  double weight(std::size_t k) const { return weights.empty() ? 1 : weights[k]; }
  Inference inference(double w, Algorithm algorithm = Algorithm::automatic, int threads = 0) const {
    return Inference(key_view(), value_view(), Gaussian(w),
                     {.key_weights = weights, .algorithm = algorithm, .threads = threads});
  }
};

inline NoisyData random_data(std::size_t rows, std::size_t dims, std::size_t cols, bool weighted, unsigned seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> uniform(0, 1);
  std::normal_distribution<double> normal;
  NoisyData data{rows, dims, cols, {}, {}, {}};
  for (std::size_t k = 0; k < rows; ++k) {
    double sum = 0;
    for (std::size_t d = 0; d < dims; ++d) {
      data.keys.push_back(5 * uniform(random));
      sum += data.keys.back();
    }
    for (std::size_t v = 0; v < cols; ++v)
      data.values.push_back(100 * static_cast<double>(v) + std::sin(sum) + (0.1 + 0.1 * sum) * normal(random));
    if (weighted) data.weights.push_back(k % 7 == 3 ? 0 : 0.2 + 3 * uniform(random));
  }
  return data;
}

}  // namespace attnpool::test
