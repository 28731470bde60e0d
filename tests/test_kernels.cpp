// Every smoothing kernel, in every plan that serves it, against the definition in double.
#include <attnpool/custom_kernel.hpp>
#include <attnpool/gradient.hpp>
#include <attnpool/pool.hpp>
#include <attnpool/reference.hpp>
#include <cmath>
#include <cstring>

#include "buffers.hpp"
#include "inputs.hpp"
#include "isa_param.hpp"

namespace attnpool::test {
namespace {

constexpr KernelShape shapes[] = {KernelShape::gaussian,          KernelShape::boxcar,   KernelShape::triangular,
                                  KernelShape::epanechnikov,      KernelShape::biweight, KernelShape::triweight,
                                  KernelShape::tricube,           KernelShape::cosine,   KernelShape::laplace,
                                  KernelShape::rational_quadratic};

bool is_polynomial(KernelShape shape) { return KernelShape::boxcar <= shape && shape <= KernelShape::tricube; }

template <class T>
struct Case {
  Matrix<T> queries, keys, values;
  Options options = {};

  Case(std::size_t query_count, std::size_t key_count, std::size_t dims, std::size_t cols, std::uint64_t seed = 1)
      : queries(random_matrix<T>(query_count, dims, -0.5, 5.5, 3 * seed)),
        keys(random_matrix<T>(key_count, dims, 0, 5, 3 * seed + 1)),
        values(random_matrix<T>(key_count, cols, -1, 1, 3 * seed + 2)) {}

  Matrix<T> pool(const Kernel& kernel) const {
    Matrix<T> out(queries.rows(), values.cols());
    attnpool::pool<T>(queries, keys, values, kernel, out.view(), options);
    return out;
  }
  bool has_key_at_the_edge(const Kernel& kernel, std::size_t q) const {
    for (std::size_t k = 0; k < keys.rows(); ++k) {
      double square = 0;
      for (std::size_t d = 0; d < keys.cols(); ++d) {
        const double u = kernel.w_of(d) * (double(queries(q, d)) - double(keys(k, d)));
        if (std::abs(u * u - 1) < 20 * std::numeric_limits<T>::epsilon()) return true;
        square += u * u;
      }
      if (std::abs(square - 1) < 20 * std::numeric_limits<T>::epsilon()) return true;
    }
    return false;
  }
  Matrix<T> reference(const Kernel& kernel) const {
    Options plain;
    plain.range = options.range;
    plain.key_weights = options.key_weights;
    plain.order = options.order;
    Matrix<T> out(queries.rows(), values.cols());
    reference::pool<T>(queries, keys, values, kernel, out.view(), plain);
    return out;
  }
};

// Every answer within its own bound of the reference, and NaN where that is.
template <class T>
void expect_within_bounds(Case<T>& c, const Kernel& kernel, const std::string& what) {
  std::vector<double> bounds(c.queries.rows());
  c.options.error_bounds = bounds;
  const Matrix<T> out = c.pool(kernel), exact = c.reference(kernel);
  double largest = 0;
  for (std::size_t q = 0; q < c.queries.rows(); ++q)
    for (std::size_t v = 0; v < c.values.cols(); ++v) {
      const double x = out(q, v), y = exact(q, v);
      if (std::isnan(y)) {
        EXPECT_TRUE(std::isnan(x)) << what << " query " << q << " is " << x << ", nothing is in reach";
        continue;
      }
      // A distance within a few roundings of one bandwidth counts as one.
      if (kernel.profile().shape == KernelShape::boxcar && c.has_key_at_the_edge(kernel, q)) continue;
      ASSERT_LE(std::abs(x - y), 2 * bounds[q] + 2 * std::numeric_limits<T>::epsilon() * std::abs(y))
          << what << " query " << q << " gave " << x << ", exactly " << y;
      largest = std::max(largest, std::abs(x - y));
    }
  EXPECT_LE(largest, sizeof(T) == 4 ? 2e-3 : 1e-10) << what;
}

class Kernels : public IsaTest {};
ATTNPOOL_ON_EVERY_ISA(Kernels);

TEST_P(Kernels, OfEveryShapeAgreeWithTheirDefinition) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    struct Size {
      std::size_t dims, cols;
    };
    for (const KernelShape shape : shapes)
      for (const Size size : {Size{1, 1}, Size{1, 2}, Size{1, 5}, Size{2, 1}, Size{3, 2}, Size{5, 1}})
        for (const bool product : {false, true})
          for (const Algorithm algorithm : {Algorithm::dense, Algorithm::pruned, Algorithm::window}) {
            if (product && size.dims == 1) continue;
            if (algorithm == Algorithm::window && !(size.dims == 1 && is_polynomial(shape))) continue;
            Case<T> c(100, scaled(500, 200), size.dims, size.cols, size.dims + size.cols);
            c.options.algorithm = algorithm;
            const double h = size.dims == 1 ? 0.3 : size.dims == 2 ? 0.8 : 2;
            const Kernel kernel = Kernel::from_bandwidth({shape, 1.5, product}, h);
            expect_within_bounds(c, kernel,
                                 std::string(to_string(shape)) + (product ? " product" : "") + " D " +
                                     std::to_string(size.dims) + " V " + std::to_string(size.cols) + " " +
                                     to_string(algorithm));
          }
  });
}

TEST_P(Kernels, OfEveryShapeObeyRangesAndKeyWeights) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const KernelShape shape : shapes)
      for (const std::size_t dims : {1, 2}) {
        Case<T> c(130, 300, dims, 1, 9);
        c.queries = c.keys;
        std::vector<double> weights(c.keys.rows());
        Random random(5);
        for (double& w : weights) w = random.below(7) == 0 ? 0 : std::exp(random.uniform(-30, 30));
        c.options.key_weights = weights;
        const Kernel kernel = Kernel::from_bandwidth({shape, 0.7}, 0.7);
        for (const KeyRange& range : {KeyRange::all_but_self(), KeyRange::causal(), KeyRange::window(20, 5)}) {
          c.options.range = range;
          expect_within_bounds(c, kernel, to_string(shape));
        }
      }
  });
}

TEST_P(Kernels, WithoutCompactSupportAnswerFarFromEveryKey) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const KernelProfile profile :
         {KernelProfile(KernelShape::laplace), KernelProfile(KernelShape::rational_quadratic, 0.5),
          KernelProfile(KernelShape::rational_quadratic, 40), KernelProfile(KernelShape::laplace, 1, true)})
      for (const std::size_t dims : {1, 2}) {
        Case<T> c(40, 100, dims, 1, 4);
        for (std::size_t q = 0; q < 40; ++q) c.queries(q, 0) = static_cast<T>(std::pow(10.0, double(q) / 8));
        const Kernel kernel = Kernel::from_bandwidth(profile, 0.01);
        const Matrix<T> out = c.pool(kernel), exact = c.reference(kernel);
        for (std::size_t q = 0; q < 40; ++q)
          EXPECT_NEAR(out(q, 0), exact(q, 0), sizeof(T) == 4 ? 2e-4 : 1e-7)
              << to_string(profile.shape) << " alpha " << profile.alpha << " at " << c.queries(q, 0);
      }
  });
}

TEST_P(Kernels, DoNotCountKeysOnTheBoundary) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    // Integers: a key exactly one bandwidth away has no weight, whatever rounding does to 1 / h.
    Case<T> c(1, 201, 1, 1);
    for (std::size_t k = 0; k < 201; ++k) {
      c.keys(k, 0) = static_cast<T>(k);
      c.values(k, 0) = static_cast<T>(k * k % 17);
    }
    c.queries(0, 0) = 100;
    for (const KernelShape shape : shapes) {
      if (!KernelProfile(shape).is_compact()) continue;
      for (std::size_t h = 1; h < 100; ++h) {
        double sum = 0, weighted = 0;
        for (std::size_t k = 100 - h + 1; k < 100 + h; ++k) {
          const double u = (double(k) - 100) / double(h), w = kernel_weight(shape, u * u);
          sum += w;
          weighted += w * c.values(k, 0);
        }
        EXPECT_NEAR(c.pool(Kernel::from_bandwidth(shape, double(h)))(0, 0), weighted / sum,
                    sizeof(T) == 4 ? 2e-4 : 1e-11)
            << to_string(shape) << " h " << h;
      }
    }
  });
}

TEST_P(Kernels, WithoutAKeyInReachAnswerAsAsked) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const std::size_t dims : {1, 2})
      for (const Algorithm algorithm : {Algorithm::dense, Algorithm::pruned}) {
        Case<T> c(3, 300, dims, 1, 6);
        c.options.algorithm = algorithm;
        for (std::size_t d = 0; d < dims; ++d) {
          c.queries(0, d) = T(2.5);
          c.queries(1, d) = 50;
          c.queries(2, d) = std::numeric_limits<T>::quiet_NaN();
          c.keys(7, d) = 6;  // the nearest to query 1
        }
        std::vector<QueryStatus> status(3);
        c.options.status = status;
        const Kernel kernel = Kernel::from_bandwidth(KernelShape::epanechnikov, 1.0);
        EXPECT_TRUE(std::isnan(c.pool(kernel)(1, 0)));
        EXPECT_EQ(status, (std::vector{QueryStatus::answered, QueryStatus::empty, QueryStatus::unseen}));
        c.options.empty = Empty::nearest;
        EXPECT_EQ(c.pool(kernel)(1, 0), c.values(7, 0));
        EXPECT_EQ(status[1], QueryStatus::empty);
        c.options.empty = Empty::mean;
        double mean = 0;
        for (std::size_t k = 0; k < 300; ++k) mean += c.values(k, 0) / 300.0;
        EXPECT_NEAR(c.pool(kernel)(1, 0), mean, 1e-6);
        c.options.empty = Empty::error;
        try {
          c.pool(kernel);
          FAIL() << "an empty query must be refused";
        } catch (const std::invalid_argument& error) {
          EXPECT_NE(std::string(error.what()).find("queries[1]"), std::string::npos) << error.what();
        }
      }
  });
}

TEST_P(Kernels, HaveTheGradientOfTheirDifferences) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    if (sizeof(T) == 4) return;  // differences need double
    for (const KernelShape shape : shapes) {
      if (!KernelProfile(shape).is_differentiable()) continue;
      for (const std::size_t dims : {1, 2}) {
        Case<double> c(20, 400, dims, 2, 8);
        const std::vector<double> w = dims == 1 ? std::vector{2.0} : std::vector{0.8, 1.1};
        Matrix<double> out(20, 2), gradient(20, 2 * dims);
        pool_gradient<double>(c.queries, c.keys, c.values, Kernel({shape, 2.5}, w), out.view(), gradient.view(), {});
        for (std::size_t p = 0; p < dims; ++p) {
          const double step = 1e-6;
          std::vector<double> up = w, down = w;
          up[p] += step;
          down[p] -= step;
          const Matrix<double> a = c.pool(Kernel({shape, 2.5}, up)), b = c.pool(Kernel({shape, 2.5}, down));
          for (std::size_t q = 0; q < 20; ++q)
            for (std::size_t v = 0; v < 2; ++v)
              // The triangular kernel has kinks: a key crosses the boundary now and then.
              EXPECT_NEAR(gradient(q, p * 2 + v), (a(q, v) - b(q, v)) / (2 * step), 2e-5)
                  << to_string(shape) << " D " << dims << " query " << q;
        }
      }
    }
  });
}

TEST_P(Kernels, GiveTheSameBitsOnAnyNumberOfThreads) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const KernelShape shape : shapes)
      for (const int order : {0, 1}) {
        Case<T> c(300, 5000, 1, 1, 3);
        c.options.order = order;
        c.options.threads = 1;
        const Kernel kernel = Kernel::from_bandwidth(shape, 0.2);
        const Matrix<T> one = c.pool(kernel);
        c.options.threads = 4;
        const Matrix<T> four = c.pool(kernel);
        for (std::size_t q = 0; q < 300; ++q)
          ASSERT_EQ(std::memcmp(&one(q, 0), &four(q, 0), sizeof(T)), 0) << to_string(shape);
      }
  });
}

TEST(Kernel, RefusesWhatIsNoKernel) {
  EXPECT_THROW(Kernel({KernelShape::rational_quadratic, 0.0}, 1.0), std::invalid_argument);
  EXPECT_THROW(Kernel({KernelShape::rational_quadratic, 1e9}, 1.0), std::invalid_argument);
  EXPECT_THROW(Kernel(static_cast<KernelShape>(77), 1.0), std::invalid_argument);
  EXPECT_THROW(Kernel::from_bandwidth(KernelShape::boxcar, 0.0), std::invalid_argument);
  Case<double> c(5, 20, 1, 1);
  Matrix<double> gradient(5, 1), out(5, 1);
  EXPECT_THROW(pool_gradient<double>(c.queries, c.keys, c.values, Kernel(KernelShape::boxcar, 1.0), out.view(),
                                     gradient.view(), {}),
               std::invalid_argument);
  c.options.algorithm = Algorithm::grid;
  EXPECT_THROW(c.pool(Kernel(KernelShape::cosine, 1.0)), std::invalid_argument);
}

// A function may be any kernel: here the Gaussian, and one of compact support with its own reach.
TEST(CustomKernel, IsThatOfTheCaller) {
  Case<double> c(60, 300, 2, 2, 12);
  const std::vector<double> w{1.5, 2.0};
  Matrix<double> out(60, 2);
  pool_custom<double>(
      c.queries, c.keys, c.values, w, [](double e) { return std::exp(-e / 2); }, out.view(), c.options);
  const Matrix<double> gaussian = c.pool(Gaussian(w));
  for (std::size_t q = 0; q < 60; ++q)
    for (std::size_t v = 0; v < 2; ++v) EXPECT_NEAR(out(q, v), gaussian(q, v), 1e-12);
  std::vector<double> halved{0.75, 1.0};  // the biweight kernel at twice the bandwidth
  const auto wide = [](double e) { return e < 4 ? (1 - e / 4) * (1 - e / 4) : 0.0; };
  pool_custom<double>(c.queries, c.keys, c.values, w, wide, out.view(), c.options);
  const Matrix<double> biweight = c.pool(Kernel(KernelShape::biweight, halved));
  for (std::size_t q = 0; q < 60; ++q) EXPECT_NEAR(out(q, 1), biweight(q, 1), 1e-12);
  c.options.empty = Empty::error;
  EXPECT_THROW(pool_custom<double>(
                   c.queries, c.keys, c.values, w, [](double) { return 0.0; }, out.view(), c.options),
               std::invalid_argument);
  c.options.empty = Empty::mean;
  EXPECT_THROW(pool_custom<double>(c.queries, c.keys, c.values, w, wide, out.view(), c.options), std::invalid_argument);
}

// fda.usc's matrix of weights, as printed in scikit-fda's tests (points 1 to 5, bandwidth 10).
TEST(Kernel, GaussianWeightsAreThoseOfFdaUsc) {
  Matrix<double> x(5, 1), weights(5, 5);
  for (std::size_t i = 0; i < 5; ++i) x(i, 0) = double(i + 1);
  attention_weights<double>(x, x, Gaussian::from_bandwidth(10), weights.view());
  const double expected[2][5] = {{0.206001865, 0.204974427, 0.201922755, 0.196937264, 0.190163689},
                                 {0.198003042, 0.200995474, 0.202002968, 0.200995474, 0.198003042}};
  for (std::size_t k = 0; k < 5; ++k) {
    EXPECT_NEAR(weights(0, k), expected[0][k], 1e-9);
    EXPECT_NEAR(weights(2, k), expected[1][k], 1e-9);
  }
}

TEST(Kernel, AttentionWeightsAreThoseOfTheReference) {
  for (const KernelShape shape : shapes)
    for (const std::size_t dims : {1, 2}) {
      Case<double> c(30, 80, dims, 1);
      const Kernel kernel = Kernel::from_bandwidth({shape, 3}, 0.9);
      Matrix<double> weights(30, 80), exact(30, 80);
      attention_weights<double>(c.queries, c.keys, kernel, weights.view());
      reference::attention_weights<double>(c.queries, c.keys, kernel, exact.view());
      for (std::size_t q = 0; q < 30; ++q)
        for (std::size_t k = 0; k < 80; ++k)
          EXPECT_NEAR(weights(q, k), std::isnan(exact(q, k)) ? 0 : exact(q, k), 1e-12) << to_string(shape);
    }
}

}  // namespace
}  // namespace attnpool::test
