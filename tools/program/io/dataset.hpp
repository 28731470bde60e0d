#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "io/table.hpp"

/// The data of the chapter "Attention pooling: Nadaraya-Watson kernel regression" of Dive into Deep Learning.
namespace attnpool::program {

inline constexpr std::size_t chapter_points = 50;

/// f(x) = 2 sin x + x^0.8, for x >= 0.
double chapter_truth(double x);

/// 50 points x, y: x uniform in [0, 5) and sorted, y = f(x) + noise, noise normal with standard deviation 0.5.
/// The same bits on every platform.
Data chapter_data(std::uint64_t seed);

/// The test points 0, 0.1, ..., 4.9.
Matrix<double> chapter_queries();

/// Head acceleration in a simulated motorcycle crash (Silverman 1985), 133 rows: times (ms) and accel (g).
Data motorcycle_data();

}  // namespace attnpool::program
