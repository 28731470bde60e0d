// Local lines and parabolas in every plan that serves them: exact on polynomials, and equal to weighted least squares.
#include <attnpool/pool.hpp>
#include <attnpool/reference.hpp>
#include <cmath>

#include "buffers.hpp"
#include "inputs.hpp"
#include "isa_param.hpp"

namespace attnpool::test {
namespace {

constexpr KernelShape shapes[] = {KernelShape::gaussian, KernelShape::epanechnikov, KernelShape::tricube,
                                  KernelShape::laplace, KernelShape::rational_quadratic};

template <class T>
struct Local {
  Matrix<T> pool(const Kernel& kernel, int order, std::vector<double>* bounds = nullptr) {
    Matrix<T> out(queries.rows(), values.cols());
    options.order = order;
    if (bounds) {
      bounds->resize(queries.rows());
      options.error_bounds = *bounds;
    }
    attnpool::pool<T>(queries, keys, values, kernel, out.view(), options);
    options.error_bounds = {};
    return out;
  }
  Matrix<T> queries{1, 1}, keys{1, 1}, values{1, 1};
  Options options;
};

class LocalPolynomials : public IsaTest {};
ATTNPOOL_ON_EVERY_ISA(LocalPolynomials);

TEST_P(LocalPolynomials, AreWeightedLeastSquares) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    Local<T> local;
    for (const KernelShape shape : shapes)
      for (const Algorithm algorithm : {Algorithm::dense, Algorithm::pruned})
        for (const std::size_t dims : {1, 2, 4})
          for (const int order : {1, 2}) {
            if (order == 2 && dims > 1) continue;
            local.keys = random_matrix<T>(400, dims, 0, 5, 11 + dims);
            local.queries = random_matrix<T>(100, dims, 0, 5, 12 + dims);
            local.values = random_matrix<T>(400, 2, -1, 1, 13);
            local.options.algorithm = algorithm;
            const Kernel kernel = Kernel::from_bandwidth({shape, 2}, dims == 1 ? 0.5 : dims == 2 ? 1.2 : 4);
            std::vector<double> bounds;
            const Matrix<T> out = local.pool(kernel, order, &bounds);
            Options plain;
            plain.order = order;
            Matrix<T> exact(100, 2);
            reference::pool<T>(local.queries, local.keys, local.values, kernel, exact.view(), plain);
            for (std::size_t q = 0; q < 100; ++q)
              for (std::size_t v = 0; v < 2; ++v) {
                EXPECT_NEAR(out(q, v), exact(q, v), 2 * bounds[q] + 1e-6 * (sizeof(T) == 4))
                    << to_string(shape) << " D " << dims << " order " << order;
                EXPECT_NEAR(out(q, v), exact(q, v), sizeof(T) == 4 ? 3e-4 : 1e-10)
                    << to_string(shape) << " D " << dims << " order " << order << " " << to_string(algorithm);
              }
          }
  });
}

TEST_P(LocalPolynomials, ReproducePolynomialsOfTheirDegree) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    Local<T> local;
    for (const KernelShape shape : shapes)
      for (const int order : {1, 2})
        for (const double offset : {0.0, 1e6}) {
          if (sizeof(T) == 4 && offset > 0) continue;
          local.keys = random_matrix<T>(300, 1, 0, 5, 21);
          local.queries = random_matrix<T>(50, 1, -1, 6, 22);  // beyond the keys too
          for (std::size_t k = 0; k < 300; ++k) local.keys(k, 0) += T(offset);
          for (std::size_t q = 0; q < 50; ++q) local.queries(q, 0) += T(offset);
          local.values = Matrix<T>(300, 1);
          const auto f = [&](T x) {
            return T(3) * (x - T(offset)) + 2 + (order == 2 ? (x - T(offset)) * (x - T(offset)) : 0);
          };
          for (std::size_t k = 0; k < 300; ++k) local.values(k, 0) = f(local.keys(k, 0));
          const Matrix<T> out = local.pool(Kernel::from_bandwidth({shape, 2}, 2), order);
          for (std::size_t q = 0; q < 50; ++q)
            EXPECT_NEAR(out(q, 0), f(local.queries(q, 0)), sizeof(T) == 4 ? 2e-3 : 1e-8)
                << to_string(shape) << " order " << order << " at " << local.queries(q, 0);
        }
  });
}

TEST_P(LocalPolynomials, FallBackToTheOrderThatKeysDetermine) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    Local<T> local;
    std::vector<QueryStatus> status(2);
    local.options.status = status;
    local.queries = Matrix<T>(2, 1);
    local.queries(0, 0) = T(0.3);
    local.queries(1, 0) = T(0.1);
    local.keys = Matrix<T>(4, 1);
    local.values = Matrix<T>(4, 1);
    for (std::size_t k = 0; k < 4; ++k) {
      local.keys(k, 0) = T(0.1);  // all on one spot
      local.values(k, 0) = T(k);
    }
    for (const KernelShape shape : shapes)
      for (const int order : {1, 2}) {
        const Matrix<T> out = local.pool(Kernel(shape, 1.0), order);
        EXPECT_NEAR(out(0, 0), 1.5, 1e-6) << to_string(shape);
        EXPECT_NEAR(out(1, 0), 1.5, 1e-6) << to_string(shape);
        EXPECT_EQ(status[0], QueryStatus::lower_order) << to_string(shape);
      }
    local.keys(3, 0) = T(0.2);  // two spots: a line, no parabola
    for (const KernelShape shape : shapes) {
      local.pool(Kernel(shape, 1.0), 1);
      EXPECT_EQ(status[0], QueryStatus::answered) << to_string(shape);
      const Matrix<T> out = local.pool(Kernel(shape, 1.0), 2);
      EXPECT_EQ(status[0], QueryStatus::lower_order) << to_string(shape);
      EXPECT_NEAR(out(0, 0), 5, 1e-3) << to_string(shape);  // the line through (0.1, 1) and (0.2, 3)
    }
  });
}

TEST_P(LocalPolynomials, ExtendTheLineOfTheNearestKeysFarAway) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    Local<T> local;
    local.keys = Matrix<T>(3, 1);
    local.values = Matrix<T>(3, 1);
    for (std::size_t k = 0; k < 3; ++k) {
      local.keys(k, 0) = T(k);
      local.values(k, 0) = T(2 * k);
    }
    local.queries = Matrix<T>(1, 1);
    local.queries(0, 0) = 30;
    // Forty bandwidths from the nearest key, which has all but e^-60 of the weight.
    EXPECT_NEAR(local.pool(Gaussian(1.5), 1)(0, 0), 60, 1e-3);
  });
}

TEST(LocalLines, ReproducePlanes) {
  Matrix<double> x = random_matrix<double>(200, 2, -3, 3, 31), y(200, 1), out(200, 1);
  for (std::size_t k = 0; k < 200; ++k) y(k, 0) = 0.3 + 1.2 * x(k, 0) + 3.7 * x(k, 1);
  Options options;
  options.order = 1;
  pool<double>(x, x, y, Gaussian(std::vector<double>{0.6, 2.0}), out.view(), options);
  for (std::size_t k = 0; k < 200; ++k) EXPECT_NEAR(out(k, 0), y(k, 0), 1e-11);
}

TEST(LocalLines, RefuseOrdersThatAreNot) {
  Matrix<double> x(5, 2), y(5, 1), out(5, 1);
  Options options;
  options.order = 2;
  EXPECT_THROW(pool<double>(x, x, y, Gaussian(1.0), out.view(), options), std::invalid_argument);
  options.order = 3;
  EXPECT_THROW(pool<double>(x, x, y, Gaussian(1.0), out.view(), options), std::invalid_argument);
  options.order = -1;
  EXPECT_THROW(pool<double>(x, x, y, Gaussian(1.0), out.view(), options), std::invalid_argument);
}

}  // namespace
}  // namespace attnpool::test
