#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bench {

/// SplitMix64: the same inputs everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed = 1) : state_(seed) {}
  double uniform();
  double normal();

 private:
  std::uint64_t state_;
};

/// Where the keys lie. The range is [0, 5] per dimension; queries are drawn like keys unless it says otherwise.
enum class Layout {
  chapter,    ///< uniform in one dimension, normal with deviation 1 in more
  uniform,    ///< uniform
  clustered,  ///< twenty clusters, each a normal 1/200 of the range wide
  deserts,    ///< the same keys; queries uniform, most of them far from all keys
  tied,       ///< 201 values a dimension, the low ones more often
  outlier,    ///< uniform, and the first key and the first query 10^6 ranges away
  equal,      ///< all keys the same point; queries uniform
  flights,    ///< two dimensions: times of day and distances of flights, heavily tied, in Scott's bandwidths
};
const char* name(Layout layout);

/// The chapter's curve.
double curve(double x);

/// Draws points, one after the other.
class PointSource {
 public:
  PointSource(Layout layout, std::size_t dims, bool queries, Random& random);
  void next(double* x);

 private:
  Layout layout_;
  std::size_t dims_;
  Random& random_;
  std::vector<double> centres_;
  bool first_ = true;
};

/// The value that belongs to a key: the curve of its first coordinate and noise; of flights a delay, with a long tail.
double value_at(Layout layout, const double* x, Random& random);

/// Columns 1 and 2 of a CSV file with a heading as keys, in Scott's bandwidths (deviation n^(-1/6)), column 3 as
/// values. Throws std::runtime_error that names the file and the line.
void read_flights(const std::string& path, std::vector<double>& keys, std::vector<double>& values);

}  // namespace bench
