// The trainer: five epochs of gradient descent with every point left out of its own prediction, as in the chapter.
#include <attnpool/attnpool.hpp>
#include <cmath>

#include "families.hpp"

namespace bench {
namespace {

constexpr int epochs = 5;
constexpr double learning_rate = 0.5;

/// What fit() does, from the textbook's loss and gradient.
template <class T>
double textbook_fit(attnpool::MatrixView<const T> keys, attnpool::MatrixView<const T> values) {
  double w = 1;
  for (int epoch = 0; epoch < epochs; ++epoch)
    w -= learning_rate * attnpool::reference::loss_gradient<T>(keys, keys, values, values, attnpool::Gaussian(w),
                                                               attnpool::Loss::mean,
                                                               {.range = attnpool::KeyRange::all_but_self()})
                             .gradient[0];
  return w;
}

template <class T>
void register_typed(const char* type, std::size_t n) {
  std::vector<T> x(n), y(n);
  for (std::size_t i = 0; i < n; ++i) {
    x[i] = static_cast<T>(5.0 * static_cast<double>(i * 37 % n) / static_cast<double>(n));
    y[i] = static_cast<T>(2 * std::sin(x[i]) + std::pow(x[i], T(0.8)));
  }
  for (const Contender& contender : contenders()) {
    if (contender.name == "eigen") continue;
    const bool textbook = contender.name == "reference";
    const std::string name = "fit/" + std::string(type) + "/" + std::to_string(n) + "/" + contender.name;
    benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
      const UnderIsa scope(contender.implementation, contender.isa);
      const attnpool::MatrixView<const T> keys(x.data(), n, 1), values(y.data(), n, 1);
      attnpool::FitOptions options;
      options.w0 = {1.0};
      options.learning_rate = learning_rate;
      options.epochs = epochs;
      options.threads = 1;
      double w = 0;
      for (auto _ : state) w = textbook ? textbook_fit(keys, values) : attnpool::fit(keys, values, options).w[0];
      const double pairs = static_cast<double>(n) * static_cast<double>(n);
      set_counters(state, epochs * pairs, std::abs(w - textbook_fit(keys, values)));
    });
  }
}

}  // namespace

void register_fit() {
  for (std::size_t n : {50, 1000}) {
    register_typed<float>("float", n);
    register_typed<double>("double", n);
  }
}

}  // namespace bench
