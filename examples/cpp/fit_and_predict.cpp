// A bandwidth found from the data, predictions, and what they are worth.
#include <attnpool/attnpool.hpp>
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

int main() {
  // y = sin x and noise, at 200 random places.
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> place(0, 6);
  std::normal_distribution<double> noise(0, 0.2);
  std::vector<double> x, y;
  for (int i = 0; i < 200; ++i) {
    x.push_back(place(random));
    y.push_back(std::sin(x.back()) + noise(random));
  }
  const attnpool::MatrixView<const double> keys(x.data(), x.size(), 1), values(y.data(), y.size(), 1);

  const attnpool::Selection found = attnpool::select_bandwidth<double>(keys, values);
  std::printf("bandwidth %.3f, leave-one-out error %.4f, %.1f effective parameters\n", 1 / found.w[0], found.value,
              found.trace);

  const double at[] = {1, 2, 3, 50};
  const attnpool::Inference inference(keys, values, attnpool::Gaussian(found.w));
  const attnpool::Prediction p =
      inference.predict(attnpool::MatrixView<const double>(at, 4, 1), {.level = 0.9, .slopes = true});
  for (int q = 0; q < 4; ++q)
    std::printf("at %4.0f: %6.3f, 90 %% band [%6.3f, %6.3f], slope %6.3f +- %.3f, %s\n", at[q], p.mean[q], p.lower[q],
                p.upper[q], p.slope[q], p.slope_error[q], attnpool::to_string(p.status[q]));
  return p.status[3] == attnpool::QueryStatus::far ? 0 : 1;
}
