#include "io/dataset.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>
#include <sstream>

#include "motorcycle_csv.hpp"

namespace attnpool::program {
namespace {

/// The bits of std::mt19937_64 are fixed by the C++ standard; its distributions are not, and sin, pow and log may
/// differ in the last place from one C library to the next. Hence our own distributions, and every number rounded to a
/// multiple of 2^-20, far coarser than such a difference.
double rounded(double x) { return std::nearbyint(x * 0x1p20) * 0x1p-20; }

class Random {
 public:
  explicit Random(std::uint64_t seed) : bits_(seed) {}

  /// In [0, 1), a multiple of 2^-53.
  double uniform() { return static_cast<double>(bits_() >> 11) * 0x1p-53; }

  /// Mean 0, standard deviation 1 (Box and Muller 1958).
  double normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

 private:
  std::mt19937_64 bits_;
};

}  // namespace

double chapter_truth(double x) { return rounded(2 * std::sin(x) + std::pow(x, 0.8)); }

Data chapter_data(std::uint64_t seed) {
  Random random(seed);
  Data data{{"x"}, {"y"}, {chapter_points, 1}, {chapter_points, 1}};
  for (double& x : data.keys.cells)
    x = std::floor(random.uniform() * 5 * 0x1p20) * 0x1p-20;  // down: 5 is not in [0, 5)
  std::sort(data.keys.cells.begin(), data.keys.cells.end());
  for (std::size_t i = 0; i < chapter_points; ++i) {
    data.values.cells[i] = rounded(chapter_truth(data.keys.cells[i]) + 0.5 * random.normal());
  }
  return data;
}

Matrix<double> chapter_queries() {
  Matrix<double> queries(chapter_points, 1);
  for (std::size_t i = 0; i < chapter_points; ++i) queries.cells[i] = static_cast<double>(i) / 10;
  return queries;
}

Data motorcycle_data() {
  std::istringstream lines{std::string(motorcycle_csv)};
  std::string line;
  std::getline(lines, line);
  Data data{{"times"}, {"accel"}, {}, {}};
  while (std::getline(lines, line)) {
    const std::size_t comma = line.find(',');
    data.keys.cells.push_back(parse_number(std::string_view(line).substr(0, comma)).value);
    data.values.cells.push_back(parse_number(std::string_view(line).substr(comma + 1)).value);
  }
  data.keys = {std::move(data.keys.cells), 1};
  data.values = {std::move(data.values.cells), 1};
  return data;
}

}  // namespace attnpool::program
