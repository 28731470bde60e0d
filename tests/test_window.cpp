// The window plan against sums in long double: every kernel that it serves, wherever keys and queries lie.
#include <attnpool/gradient.hpp>
#include <attnpool/pool.hpp>
#include <cmath>
#include <cstring>

#include "buffers.hpp"
#include "inputs.hpp"

namespace attnpool::test {
namespace {

constexpr KernelShape shapes[] = {KernelShape::boxcar,   KernelShape::triangular, KernelShape::epanechnikov,
                                  KernelShape::biweight, KernelShape::triweight,  KernelShape::tricube};

long double weight(KernelShape shape, long double u) {
  u = std::abs(u);
  const long double rest = 1 - u * u;
  switch (shape) {
    case KernelShape::boxcar:
      return 1;
    case KernelShape::triangular:
      return 1 - u;
    case KernelShape::epanechnikov:
      return rest;
    case KernelShape::biweight:
      return rest * rest;
    case KernelShape::triweight:
      return rest * rest * rest;
    default:
      return std::pow(1 - u * u * u, 3.0L);
  }
}

// Keys within this of the bandwidth count as keys at its end, where weights are 0, in units of epsilon.
constexpr double edge = 9;

template <class T>
struct Case {
  Matrix<T> queries, keys, values;
  KernelShape shape = KernelShape::epanechnikov;
  double h = 1;
  Options options = {};
  std::vector<double> bounds = {};
  Report report = {};

  Matrix<T> pool() {
    Matrix<T> out(queries.rows(), values.cols());
    options.algorithm = Algorithm::window;
    options.report = &report;
    bounds.assign(queries.rows(), -1);
    options.error_bounds = bounds;
    attnpool::pool<T>(queries, keys, values, Kernel::from_bandwidth(shape, h), out.view(), options);
    EXPECT_EQ(report.algorithm, Algorithm::window);
    return out;
  }

  struct Exact {
    long double value = 0, weight = 0, conditioning = 1;
    bool at_edge = false;  // which side of the edge a key is on is a matter of rounding
  };
  Exact exact(std::size_t q, std::size_t v) const {
    long double s[3] = {}, y[2] = {};
    Exact e;
    for (std::size_t k = 0; k < keys.rows(); ++k) {
      if (!options.range.contains(q, k, keys.rows())) continue;
      const long double c = options.key_weights.empty() ? 1 : options.key_weights[k];
      const long double u = (static_cast<long double>(queries(q, 0)) - keys(k, 0)) / h;
      const long double from_edge = (1 - u * u) / std::numeric_limits<T>::epsilon();
      e.at_edge |= c > 0 && std::abs(from_edge - static_cast<long double>(edge)) < 9;
      if (from_edge < edge || c == 0) continue;
      const long double w = c * weight(shape, u), value = values(k, v);
      s[0] += w, s[1] += w * u, s[2] += w * u * u, y[0] += w * value, y[1] += w * u * value;
    }
    e.weight = s[0];
    e.value = y[0] / s[0];
    e.conditioning = s[2] > 0 ? 1 - s[1] * s[1] / (s[0] * s[2]) : 0;
    if (options.order == 1 && e.conditioning > 0) e.value = (s[2] * y[0] - s[1] * y[1]) / (s[0] * s[2] - s[1] * s[1]);
    return e;
  }

  // Every answer exact to `allowed` of the range of the values, unless it hangs on weights near the edge or on a line that is
  // hardly determined, and within its bound.
  void expect_exact(double allowed, const std::string& what) {
    const Matrix<T> out = pool();
    for (std::size_t q = 0; q < queries.rows(); ++q)
      for (std::size_t v = 0; v < values.cols(); ++v) {
        const Exact e = exact(q, v);
        const double x = out(q, v);
        if (e.at_edge && (shape == KernelShape::boxcar || e.weight < 1e-3L)) continue;
        if (e.weight == 0) {
          EXPECT_TRUE(std::isnan(x)) << what << " query " << q << " is " << x << ", nothing is in reach";
          continue;
        }
        const double error = static_cast<double>(std::abs(x - e.value));
        const double rounding = std::numeric_limits<T>::epsilon() * static_cast<double>(std::abs(e.value));
        if (options.order == 0) {
          ASSERT_LE(error, 2 * bounds[q] + 2 * rounding) << what << " query " << q;
        } else if (e.conditioning < 1e-3L) {
          continue;
        }
        const double left = static_cast<double>(std::min(1.0L, e.weight * e.conditioning * e.conditioning));
        ASSERT_LE(error, allowed / left) << what << " query " << q << " gave " << x << ", exactly "
                                         << static_cast<double>(e.value) << ", weight "
                                         << static_cast<double>(e.weight);
      }
  }
};

template <class T>
Case<T> case_of(std::size_t queries, std::size_t keys, std::size_t cols, double extent, std::uint64_t seed) {
  return {random_matrix<T>(queries, 1, -0.1 * extent, 1.1 * extent, 3 * seed),
          random_matrix<T>(keys, 1, 0, extent, 3 * seed + 1), random_matrix<T>(keys, cols, -1, 1, 3 * seed + 2)};
}

std::string describe(KernelShape shape, int order, double h, const std::string& more = "") {
  return std::string(to_string(shape)) + " order " + std::to_string(order) + " h " + std::to_string(h) + " " + more;
}

TEST(Window, ServesEveryKernelOrderAndBandwidth) {
  for (const KernelShape shape : shapes)
    for (const int order : {0, 1, 2})
      for (const double h : {1e-3, 0.1, 1.0, 7.0, 100.0, 900.0, 5e3, 1e6}) {  // of the spacing
        auto c = case_of<double>(200, scaled(2000, 500), 1, static_cast<double>(scaled(2000, 500)), 1);
        c.shape = shape;
        c.h = h;
        c.options.order = order;
        if (order < 2) c.expect_exact(1e-12, describe(shape, order, h));
        if (order == 2) {  // against the dense plan
          const auto out = c.pool();
          std::vector<double> bounds(200);
          Matrix<double> dense(200, 1);
          c.options.algorithm = Algorithm::dense;
          c.options.error_bounds = bounds;
          pool<double>(c.queries, c.keys, c.values, Kernel::from_bandwidth(shape, h), dense.view(), c.options);
          for (std::size_t q = 0; q < 200; ++q) {
            EXPECT_EQ(std::isnan(out(q, 0)), std::isnan(dense(q, 0)));
            if (std::isnan(out(q, 0)) || bounds[q] > 1e-8) continue;
            EXPECT_NEAR(out(q, 0), dense(q, 0), bounds[q] + c.bounds[q]) << describe(shape, order, h);
          }
        }
      }
}

TEST(Window, ServesKeyWeightsLeaveOneOutAndColumns) {
  for (const KernelShape shape : shapes)
    for (const int order : {0, 1})
      for (const std::size_t cols : {1, 2, 3})
        for (const bool weighted : {false, true})
          for (const bool leave_one_out : {false, true})
            for (const double h : {3.0, 60.0, 2e3}) {
              auto c = case_of<double>(300, 300, cols, 300, cols + 5);
              c.shape = shape;
              c.h = h;
              c.options.order = order;
              if (leave_one_out) c.queries = c.keys, c.options.range = KeyRange::all_but_self();
              std::vector<double> weights(300);
              Random random(7);
              for (double& w : weights) w = random.below(5) == 0 ? 0 : random.uniform(0.1, 3);
              if (weighted) c.options.key_weights = weights;
              c.expect_exact(1e-12, describe(shape, order, h, weighted ? "weighted" : ""));
            }
}

TEST(Window, KeepsItsDigitsFarFromZero) {
  for (const KernelShape shape : shapes)
    for (const int order : {0, 1})
      for (const double h : {0.5, 2.0, 10.0, 333.0, 1e5}) {
        Case<double> c{Matrix<double>(250, 1), Matrix<double>(scaled(3000, 500), 1),
                       random_matrix<double>(scaled(3000, 500), 1, -1, 1, 8)};
        for (std::size_t k = 0; k < c.keys.rows(); ++k) c.keys(k, 0) = 1e9 + static_cast<double>(k * 7919 % 3000);
        for (std::size_t q = 0; q < 250; ++q) c.queries(q, 0) = 1e9 - 20 + static_cast<double>(q) * 12.5;
        c.shape = shape;
        c.h = h;
        c.options.order = order;
        c.expect_exact(1e-12, describe(shape, order, h, "at 1e9"));
      }
}

TEST(Window, IsRightOnTiesClustersAndOutliers) {
  for (const KernelShape shape : shapes)
    for (const int order : {0, 1})
      for (const int layout : {0, 1, 2, 3, 4})
        for (const bool leave_one_out : {false, true})
          for (const double h : {0.01, 0.7, 30.0, 1e5}) {
            auto c = case_of<double>(1500, 1500, 1, 100, 11);
            for (std::size_t k = 0; k < 1500; ++k) {
              double& x = c.keys(k, 0);
              if (layout == 0) x = std::floor(x) / 3;
              if (layout == 1) x = std::floor(x / 20) * 20 + std::fmod(x, 20) / 1000;
              if (layout == 2) x = k == 77 ? 1e7 : k == 78 ? -1e8 : x;
              if (layout == 3) x = 2.5;
              if (layout == 4) x = std::exp(x);  // spacings of every size
            }
            c.queries = c.keys;
            if (leave_one_out) c.options.range = KeyRange::all_but_self();
            c.shape = shape;
            c.h = h;
            c.options.order = order;
            if (!leave_one_out) {  // every tenth query is enough for the oracle
              Matrix<double> some(150, 1);
              for (std::size_t q = 0; q < 150; ++q) some(q, 0) = c.keys(q * 10 + 7, 0) + (q % 3 == 0 ? 0.3 * h : 0);
              c.queries = some;
            }
            c.expect_exact(1e-12, describe(shape, order, h, "layout " + std::to_string(layout)));
          }
}

TEST(Window, HandsOverWhatItCannotAnswer) {
  auto c = case_of<double>(60, 500, 2, 100, 3);
  c.options.empty = Empty::nearest;
  c.h = 2;
  c.queries(0, 0) = std::numeric_limits<double>::quiet_NaN();
  c.queries(1, 0) = std::numeric_limits<double>::infinity();
  c.queries(2, 0) = -1e300;
  c.queries(3, 0) = 1e300;
  c.queries(4, 0) = 1e5;
  const auto out = c.pool();
  EXPECT_TRUE(std::isnan(out(0, 0)) && std::isnan(out(1, 1)));
  std::size_t first = 0, last = 0;
  for (std::size_t k = 0; k < 500; ++k) {
    if (c.keys(k, 0) < c.keys(first, 0)) first = k;
    if (c.keys(k, 0) > c.keys(last, 0)) last = k;
  }
  EXPECT_EQ(out(2, 1), c.values(first, 1));
  EXPECT_EQ(out(3, 1), c.values(last, 1));
  EXPECT_EQ(out(4, 0), c.values(last, 0));
  EXPECT_GE(c.report.fallback_queries, 3u);
  // The key left out lies among those whose sums are taken as they are.
  c = case_of<double>(400, 500, 1, 100, 4);
  c.h = 40;
  c.options.range = KeyRange::all_but_self(50);
  c.expect_exact(1e-12, "another key left out");
  // Key weights of any ratio.
  std::vector<double> weights(500);
  Random random(2);
  for (double& w : weights) w = std::exp(random.uniform(-300, 300));
  c.options.range = KeyRange::all();
  c.options.key_weights = weights;
  c.expect_exact(1e-9, "weights of any ratio");
}

TEST(Window, CountsNoKeyOnTheBoundary) {
  for (const double offset : {0.0, 1e9})
    for (const double spacing : {1.0, 0.125})
      for (const std::size_t h : {1, 3, 10, 49, 300}) {  // of the spacing
        Case<double> c{Matrix<double>(1001, 1), Matrix<double>(1001, 1), random_matrix<double>(1001, 1, -1, 1, 5)};
        for (std::size_t k = 0; k < 1001; ++k)
          c.queries(k, 0) = c.keys(k, 0) = offset + spacing * static_cast<double>(k * 389 % 1001);
        c.shape = KernelShape::boxcar;
        c.h = spacing * static_cast<double>(h);
        const auto out = c.pool();
        for (std::size_t q = 0; q < 1001; ++q) {
          double sum = 0, count = 0;
          for (std::size_t k = 0; k < 1001; ++k)
            if (std::abs(c.keys(k, 0) - c.queries(q, 0)) < c.h) sum += c.values(k, 0), count += 1;
          EXPECT_NEAR(out(q, 0), sum / count, 1e-14) << h << " " << q;
        }
      }
}

TEST(Window, GivesTheSameBitsOnAnyNumberOfThreads) {
  for (const KernelShape shape : shapes)
    for (const bool leave_one_out : {false, true}) {
      auto c = case_of<double>(20000, 20000, 1, 100, 2);
      if (leave_one_out) c.queries = c.keys, c.options.range = KeyRange::all_but_self();
      c.shape = shape;
      c.h = 3;
      c.options.order = leave_one_out;
      c.options.threads = 1;
      const auto one = c.pool();
      for (const int threads : {2, 3, 8}) {
        c.options.threads = threads;
        EXPECT_TRUE(same_bits(one, c.pool())) << to_string(shape) << " " << threads;
      }
    }
}

TEST(Window, ServesFloats) {
  for (const KernelShape shape : shapes)
    for (const double h : {0.05, 3.0, 50.0, 1e6}) {
      auto c = case_of<float>(200, 2000, 2, 100, 6);
      c.shape = shape;
      c.h = h;
      c.expect_exact(h < 0.1 ? 1e-5 : 1e-6, describe(shape, 0, h, "float"));
    }
}

TEST(Window, RefusesWhatItDoesNotServe) {
  auto c = case_of<double>(5, 20, 1, 10, 1);
  c.shape = KernelShape::cosine;
  EXPECT_THROW(c.pool(), std::invalid_argument);
  c.shape = KernelShape::gaussian;
  EXPECT_THROW(c.pool(), std::invalid_argument);
  c.shape = KernelShape::epanechnikov;
  c.options.range = KeyRange::causal();
  EXPECT_THROW(c.pool(), std::invalid_argument);
  Options options;
  options.algorithm = Algorithm::window;
  Matrix<double> out(5, 1), gradient(5, 1);
  EXPECT_THROW(pool_gradient<double>(c.queries, c.keys, c.values, Kernel(KernelShape::epanechnikov, 1.0), out.view(),
                                     gradient.view(), options),
               std::invalid_argument);
}

}  // namespace
}  // namespace attnpool::test
