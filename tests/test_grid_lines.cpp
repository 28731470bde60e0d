// Local lines on the grid: within the bound of each query, which is within the tolerance, wherever queries and keys lie.
#include <attnpool/isa.hpp>
#include <attnpool/pool.hpp>
#include <attnpool/reference.hpp>
#include <cmath>
#include <iostream>
#include <map>

#include "buffers.hpp"
#include "inputs.hpp"

namespace attnpool::test {
namespace {

template <class T>
class GridLines : public ::testing::Test {
 public:
  GridLines() {
    options.order = 1;
    options.algorithm = Algorithm::grid;
    options.report = &report;
  }

  /// Keys that are correlated over the dimensions, so that mixed moments count; values with two columns of different range.
  void make(std::size_t query_count, std::size_t key_count, std::size_t dims) {
    keys = random_matrix<T>(key_count, dims, 0, 1, 31 + dims);
    queries = random_matrix<T>(query_count, dims, 0, 1, 41 + dims);
    for (Matrix<T>* m : {&keys, &queries})
      for (std::size_t i = 0; i < m->rows(); ++i)
        for (std::size_t d = 1; d < dims; ++d) (*m)(i, d) = T(0.5) * ((*m)(i, d) + (*m)(i, 0));
    values = random_matrix<T>(key_count, 2, -1, 1, 51);
    for (std::size_t k = 0; k < key_count; ++k) values(k, 1) = T(std::sin(9 * keys(k, 0))) + 3 + values(k, 1) / 10;
  }

  /// The largest error as a part of its bound.
  double check(const Kernel& kernel, const std::string& what) {
    std::vector<double> bounds(queries.rows());
    options.error_bounds = bounds;
    Matrix<T> out(queries.rows(), values.cols());
    pool<T>(queries, keys, values, kernel, out.view(), options);
    options.error_bounds = {};
    EXPECT_EQ(report.algorithm, Algorithm::grid) << what;
    Options plain;
    plain.order = 1;
    plain.range = options.range;
    plain.key_weights = options.key_weights;
    Matrix<double> exact(queries.rows(), values.cols());
    reference::pool<double>(in_double(queries), in_double(keys), in_double(values), kernel, exact.view(), plain);
    double worst = 0;
    std::size_t within = 0;
    const double tolerance = options.tolerance > 0 ? options.tolerance : sizeof(T) == 4 ? 1e-6 : 1e-11;
    for (std::size_t q = 0; q < queries.rows(); ++q) {
      within += bounds[q] <= tolerance;
      for (std::size_t v = 0; v < values.cols(); ++v) {
        double low = values(0, v), high = low;
        for (std::size_t k = 0; k < keys.rows(); ++k)
          low = std::min<double>(low, values(k, v)), high = std::max<double>(high, values(k, v));
        const double most = std::max(std::abs(low), std::abs(high)) * std::numeric_limits<T>::epsilon();
        const double error = std::abs(static_cast<double>(out(q, v)) - exact(q, v));
        // The reference weighs in double.
        EXPECT_LE(error, bounds[q] * (high - low) + most + 1e-14 * (1 + std::abs(exact(q, v))))
            << what << " query " << q;
        if (bounds[q] <= tolerance) worst = std::max(worst, (error - most) / (bounds[q] * (high - low)));
      }
    }
    EXPECT_GE(within + report.fallback_queries, queries.rows()) << what;
    return worst;
  }

  Matrix<T> queries, keys, values;
  Options options;
  Report report;

 private:
  static Matrix<double> in_double(const Matrix<T>& m) {
    Matrix<double> copy(m.rows(), m.cols());
    for (std::size_t r = 0; r < m.rows(); ++r)
      for (std::size_t c = 0; c < m.cols(); ++c) copy(r, c) = static_cast<double>(m(r, c));
    return copy;
  }
};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(GridLines, Types);

TYPED_TEST(GridLines, AreWithinTheirBounds) {
  for (const std::size_t dims : {1, 2, 3})
    for (const double h : {0.03, 0.2, 3.0}) {
      if (dims == 3 && h < 0.1) continue;  // too many boxes
      this->make(scaled(200, 20), scaled(3000, 300), dims);
      this->options.tolerance = dims == 3 ? 1e-4 : sizeof(TypeParam) == 4 ? 1e-6 : 1e-9;
      const std::string what = "D " + std::to_string(dims) + " h " + std::to_string(h);
      const double worst = this->check(Gaussian(1 / h), what);
      std::cout << "[ bounds ] " << what << ": at most " << worst << " of the bound, " << this->report.fallback_queries
                << " left, largest bound " << this->report.error_bound << "\n";
      if (h == 0.2 && dims == 1) {
        EXPECT_EQ(this->report.fallback_queries, 0u) << what;  // boundaries among them
      }
    }
}

TYPED_TEST(GridLines, ServeEveryTolerance) {
  for (const std::size_t dims : {1, 2, 3})
    for (const double tolerance : thinned({0.1, 1e-3, 1e-5, 1e-8, 1e-11})) {
      if ((sizeof(TypeParam) == 4 && tolerance < 1e-6) || (dims == 3 && tolerance < 1e-5)) continue;
      this->make(scaled(100, 20), scaled(2000, 300), dims);
      this->options.tolerance = tolerance;
      this->check(Gaussian(dims == 1 ? 10 : 3),
                  "D " + std::to_string(dims) + " tolerance " + std::to_string(tolerance));
      if (tolerance < 1e-10) continue;
      EXPECT_LT(this->report.fallback_queries, this->queries.rows() / 4) << dims << " " << tolerance;
    }
}

// Lanes are planes or powers; either way a sum is the same sequence of operations whatever the register width.
TYPED_TEST(GridLines, HoldOnEveryInstructionSet) {
  for (const std::size_t dims : {1, 2}) {
    this->make(70, 500, dims);  // a block of queries and a part of one
    this->options.tolerance = 1e-5;
    std::map<bool, Matrix<TypeParam>> of;  // with fused multiply-adds or without
    for (const Isa isa : supported_isas()) {
      const ScopedIsa scoped(isa);
      this->check(Gaussian(6), to_string(isa));
      Matrix<TypeParam> out(70, 2);
      pool<TypeParam>(this->queries, this->keys, this->values, Gaussian(6), out.view(), this->options);
      const bool fused = isa != Isa::scalar && isa != Isa::sse2;
      EXPECT_TRUE(same_bits(of.try_emplace(fused, out).first->second, out)) << to_string(isa) << " D " << dims;
    }
  }
}

TYPED_TEST(GridLines, LeaveOwnKeysOutAndWeighKeys) {
  for (const std::size_t dims : {1, 2, 3}) {
    this->options.key_weights = {};
    this->make(scaled(400, 100), scaled(400, 100), dims);
    std::vector<double> weights(this->keys.rows());
    Random random(5);
    for (double& c : weights) c = random.below(5) == 0 ? 0 : std::exp(random.uniform(-3, 3));
    this->options.tolerance = dims == 3 ? 1e-3 : 1e-5;
    this->options.range = KeyRange::all_but_self();
    this->check(Gaussian(5), "left out, D " + std::to_string(dims));  // queries that are not their own keys
    this->queries = this->keys;
    this->check(Gaussian(5), "own left out, D " + std::to_string(dims));
    EXPECT_LT(this->report.fallback_queries, this->queries.rows() / 4);
    this->options.key_weights = weights;
    this->check(Gaussian(5), "weighted and left out, D " + std::to_string(dims));
    this->options.range = KeyRange::all();
    this->check(Gaussian(5), "weighted, D " + std::to_string(dims));
  }
}

TYPED_TEST(GridLines, MeetOutliersAndTiesAndQueriesOutside) {
  using T = TypeParam;
  for (const std::size_t dims : {1, 2}) {
    this->make(scaled(200, 40), scaled(2000, 200), dims);
    this->options.tolerance = 1e-5;
    for (std::size_t q = 0; q < this->queries.rows(); q += 4)
      for (std::size_t d = 0; d < dims; ++d) this->queries(q, d) = this->queries(q, d) * 5 - 2;
    this->check(Gaussian(8), "queries outside");
    for (std::size_t d = 0; d < dims; ++d) this->keys(7, d) = T(1e4), this->keys(8, d) = T(-40);
    this->queries(1, 0) = T(-40);
    this->check(Gaussian(8), "outliers");
    // Three spots: between them keys determine a line, at one of them alone they hardly do.
    for (std::size_t k = 0; k < this->keys.rows(); ++k)
      for (std::size_t d = 0; d < dims; ++d) this->keys(k, d) = T((k >> d) % 3) / 2;
    this->check(Gaussian(2), "ties");
  }
}

// As the dense plan does; the reference fits a slope along such a dimension.
TYPED_TEST(GridLines, PassOverDimensionsWithoutInfluence) {
  using T = TypeParam;
  this->make(scaled(100, 20), scaled(1000, 200), 3);
  this->options.tolerance = 1e-4;
  const Kernel kernel = Gaussian({3.0, 0.0, 2.0});
  Matrix<T> out(this->queries.rows(), 2), dense(this->queries.rows(), 2);
  pool<T>(this->queries, this->keys, this->values, kernel, out.view(), this->options);
  EXPECT_EQ(this->report.fallback_queries, 0u);
  Options plain{.algorithm = Algorithm::dense, .order = 1};
  pool<T>(this->queries, this->keys, this->values, kernel, dense.view(), plain);
  for (std::size_t q = 0; q < out.rows(); ++q)
    for (std::size_t v = 0; v < 2; ++v) EXPECT_NEAR(out(q, v), dense(q, v), 3e-4);
}

// As the dense plan says, and not by the errors of moments that vanish.
TYPED_TEST(GridLines, GiveWayToTheMeanWhereKeysAreOnOneSpot) {
  this->make(20, 300, 1);
  for (std::size_t k = 0; k < 300; ++k) this->keys(k, 0) = TypeParam(0.5);
  std::vector<QueryStatus> status(20);
  this->options.status = status;
  Matrix<TypeParam> out(20, 2);
  pool<TypeParam>(this->queries, this->keys, this->values, Gaussian(2), out.view(), this->options);
  double mean = 0;
  for (std::size_t k = 0; k < 300; ++k) mean += static_cast<double>(this->values(k, 0)) / 300;
  for (std::size_t q = 0; q < 20; ++q) EXPECT_NEAR(out(q, 0), mean, 1e-6);
  this->options.status = {};
  EXPECT_EQ(this->report.fallback_queries, 20u);
}

TEST(GridLinesOrder, ParabolasAreRefused) {
  Matrix<double> x(5, 1), y(5, 1), out(5, 1);
  x.fill(1), y.fill(1);
  Options options{.algorithm = Algorithm::grid, .order = 2};
  EXPECT_THROW(pool<double>(x, x, y, Gaussian(1.0), out.view(), options), std::invalid_argument);
}

}  // namespace
}  // namespace attnpool::test
