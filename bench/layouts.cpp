#include "layouts.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <numbers>
#include <stdexcept>

namespace bench {

double Random::uniform() {
  std::uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
}
double Random::normal() {
  const double radius = std::sqrt(-2 * std::log1p(-uniform()));
  return radius * std::cos(2 * std::numbers::pi * uniform());
}

const char* name(Layout layout) {
  switch (layout) {
    case Layout::chapter:
      return "chapter";
    case Layout::uniform:
      return "uniform";
    case Layout::clustered:
      return "clustered";
    case Layout::deserts:
      return "deserts";
    case Layout::tied:
      return "heavy-tied";
    case Layout::outlier:
      return "one far outlier";
    case Layout::equal:
      return "all equal";
    case Layout::flights:
      return "flights";
  }
  return "unknown";
}

double curve(double x) { return 2 * std::sin(x) + std::pow(std::abs(x), 0.8); }

namespace {
constexpr double range = 5;
constexpr std::size_t clusters = 20;
}  // namespace

PointSource::PointSource(Layout layout, std::size_t dims, bool queries, Random& random)
    : layout_(queries && (layout == Layout::deserts || layout == Layout::equal) ? Layout::uniform : layout),
      dims_(dims),
      random_(random) {
  Random own(7);  // keys and queries share their centres
  for (std::size_t i = 0; i < clusters * dims; ++i) centres_.push_back(range * own.uniform());
}

void PointSource::next(double* x) {
  switch (layout_) {
    case Layout::chapter:
      for (std::size_t d = 0; d < dims_; ++d) x[d] = dims_ == 1 ? range * random_.uniform() : random_.normal();
      break;
    case Layout::uniform:
    case Layout::outlier:
      for (std::size_t d = 0; d < dims_; ++d) x[d] = range * random_.uniform();
      if (first_ && layout_ == Layout::outlier) std::fill_n(x, dims_, 1e6 * range);
      break;
    case Layout::clustered:
    case Layout::deserts: {
      const std::size_t cluster = static_cast<std::size_t>(clusters * random_.uniform());
      for (std::size_t d = 0; d < dims_; ++d) x[d] = centres_[cluster * dims_ + d] + range / 200 * random_.normal();
      break;
    }
    case Layout::tied:
      for (std::size_t d = 0; d < dims_; ++d) {
        const double u = random_.uniform();
        x[d] = range * std::round(200 * u * u) / 200;
      }
      break;
    case Layout::equal:
      std::fill_n(x, dims_, range / 2);
      break;
    case Layout::flights: {
      // Minutes of the day, most of them in fives; miles of a thousand routes, the frequent ones short. Deviations of
      // 5 hours and 570 miles, times n^(-1/6) of 200,000 rows.
      const double step = random_.uniform() < 0.7 ? 5 : 1, hour = std::clamp(13.7 + 4.9 * random_.normal(), 0.0, 23.98);
      Random route(1 + static_cast<std::uint64_t>(1000 * std::pow(random_.uniform(), 1.3)));
      const double miles = std::clamp(std::round(std::exp(6.35 + 0.75 * route.normal())), 30.0, 4962.0);
      x[0] = std::floor(hour * 60 / step) * step / 60 / (4.9 * 0.131);
      x[1] = miles / (570 * 0.131);
      break;
    }
  }
  first_ = false;
}

double value_at(Layout layout, const double* x, Random& random) {
  if (layout != Layout::flights) return curve(x[0]) + 0.5 * random.normal();
  const double late = random.uniform() < 0.25 ? -40 * std::log1p(-random.uniform()) : 0;
  return std::round(-3 + x[0] / 5 + 10 * random.normal() + late);
}

void read_flights(const std::string& path, std::vector<double>& keys, std::vector<double>& values) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::string line;
  std::getline(file, line);
  double sum[2] = {}, squares[2] = {};
  for (std::size_t number = 2; std::getline(file, line); ++number) {
    double x[2], value;
    if (std::sscanf(line.c_str(), "%lf,%lf,%lf", &x[0], &x[1], &value) != 3)
      throw std::runtime_error(path + " line " + std::to_string(number) + ": not three numbers: " + line);
    for (int d = 0; d < 2; ++d) keys.push_back(x[d]), sum[d] += x[d], squares[d] += x[d] * x[d];
    values.push_back(value);
  }
  if (values.size() < 2) throw std::runtime_error(path + " has fewer than two rows");
  const double n = static_cast<double>(values.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::size_t d = i % 2;
    const double deviation = std::sqrt(squares[d] / n - sum[d] / n * (sum[d] / n));
    if (!(deviation > 0)) throw std::runtime_error(path + ": column " + std::to_string(d + 1) + " is constant");
    keys[i] /= deviation * std::pow(n, -1.0 / 6);
  }
}

}  // namespace bench
