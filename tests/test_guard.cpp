// No byte outside the caller's buffers is read or written: every count of keys, dimensions and value columns up to four
// registers and three more, every buffer ending (then beginning) at a page that may not be touched, outputs NaN before.
#include <attnpool/attnpool.hpp>

#include "isa_param.hpp"
#include "problem.hpp"

namespace attnpool::test {
namespace {

class Guard : public IsaTest {};
ATTNPOOL_ON_EVERY_ISA(Guard);

/// Four registers of the widest ISA and three more.
template <class T>
constexpr std::size_t most = 4 * (64 / sizeof(T)) + 3;

/// Counts 1 .. most; every 13th of them where the tests are scaled down (13 meets every remainder by 16).
template <class T>
std::vector<std::size_t> counts() {
  std::vector<std::size_t> result;
  for (std::size_t n = 1; n <= most<T>; n += test_scale() < 100 ? 1 : 13) result.push_back(n);
  return result;
}

template <class T>
bool all_written(const Matrix<T>& m) {
  for (std::size_t r = 0; r < m.rows(); ++r)
    for (std::size_t c = 0; c < m.cols(); ++c)
      if (std::isnan(m(r, c))) return false;
  return m.gaps_untouched();
}

/// Every function that takes matrices, on buffers of exactly this size. The bits must not depend on the edge. Rows are
/// a little apart on the second edge, so that alignments differ too.
template <class T>
void call_all(std::size_t query_count, std::size_t key_count, std::size_t dims, std::size_t cols) {
  const auto packed = Problem<T>::random(query_count, key_count, dims, cols, 1 + key_count + dims + cols);
  std::vector<Matrix<T>> first;
  for (const Edge edge : {Edge::end, Edge::begin}) {
    const std::size_t gap = edge == Edge::end ? 0 : 1;
    Problem<T> p = packed;
    p.queries = packed.queries.restrided(dims + gap, edge);
    p.keys = packed.keys.restrided(dims + gap, edge);
    p.values = packed.values.restrided(cols + gap, edge);
    p.score = Gaussian(0.5);
    Matrix<T> out(query_count, cols, cols + gap, edge), predicted = out, mean = out, streamed = out;
    Matrix<T> gradient(query_count, cols, cols + gap, edge);
    Matrix<T> weights(query_count, key_count, key_count + gap, edge), soft(key_count, cols, cols + gap, edge);
    Matrix<T> sums(key_count, 1, 1, edge), mass(query_count, 1, 1, edge);
    pool<T>(p.queries, p.keys, p.values, p.score, out.view());
    pool_gradient<T>(p.queries, p.keys, p.values, p.score, predicted.view(), gradient.view());
    attention_weights<T>(p.queries, p.keys, p.score, weights.view());
    average_pool<T>(p.values, mean.view());
    softmax<T>(p.values, soft.view());
    log_sum_exp<T>(p.values, sums.data());
    PoolState<T> state(p.queries, cols, p.score);
    state.update(p.keys, p.values);
    state.finish(streamed.view());
    state.log_sum_exp(mass.data());
    if (dims <= 3) {  // the plans that reorder keys give the same answer within their bounds
      for (const Algorithm algorithm : {Algorithm::pruned, Algorithm::grid}) {
        Matrix<T> planned(query_count, cols, cols + gap, edge);
        std::vector<double> bounds(query_count);
        Options options;
        options.algorithm = algorithm;
        options.error_bounds = bounds;
        pool<T>(p.queries, p.keys, p.values, p.score, planned.view(), options);
        EXPECT_TRUE(all_written(planned)) << to_string(algorithm) << ", " << p.shape();
        for (std::size_t q = 0; q < query_count; ++q)
          EXPECT_NEAR(planned(q, 0), out(q, 0), 4 * bounds[q] + 1e-4) << to_string(algorithm) << ", " << p.shape();
      }
    }
    const auto loss = loss_gradient<T>(p.queries, p.keys, p.values, out, p.score, Loss::mean);
    EXPECT_TRUE(std::isfinite(loss.loss)) << p.shape();
    const std::vector<Matrix<T>> results = {out, predicted, gradient, weights, mean, soft, sums, streamed, mass};
    for (std::size_t i = 0; i < results.size(); ++i) {
      EXPECT_TRUE(all_written(results[i])) << "result " << i << ", " << p.shape();
      if (edge == Edge::begin) {
        EXPECT_TRUE(same_bits(results[i], first[i])) << "result " << i << ", " << p.shape();
      }
    }
    if (edge == Edge::end) first = results;
  }
}

TEST_P(Guard, EveryCountOfKeys) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const std::size_t n : counts<T>()) {
      call_all<T>(3, n, 1, 1);
      call_all<T>(1, n, 3, 2);
    }
  });
}
TEST_P(Guard, EveryCountOfDimensions) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const std::size_t n : counts<T>()) {
      call_all<T>(2, 5, n, 1);
      call_all<T>(1, 17, n, 3);
    }
  });
}
TEST_P(Guard, EveryCountOfValueColumns) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const std::size_t n : counts<T>()) {
      call_all<T>(2, 5, 1, n);
      call_all<T>(1, 17, 4, n);
    }
  });
}
TEST_P(Guard, EveryCountOfQueries) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const std::size_t n : counts<T>()) {
      call_all<T>(n, 4, 1, 1);
      call_all<T>(n, 7, 5, 2);
    }
  });
}

TEST_P(Guard, FewQueriesOnManyKeys) {  // read as they lie: the last tile of keys has every length
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const std::size_t step = test_scale() < 100 ? 7 : 61;
    for (std::size_t n = 0; n < 128; n += step)
      for (const auto& [dims, cols] : {std::pair<std::size_t, std::size_t>{1, 1}, {2, 3}, {17, 18}}) {
        if (dims > 2 && test_scale() >= 100 && n > 0) continue;
        const auto packed = Problem<T>::random(1, 32'768 + n, dims, cols, 1 + n);
        Matrix<T> first;
        for (const Edge edge : {Edge::end, Edge::begin}) {
          Matrix<T> out(1, cols, cols, edge);
          pool<T>(packed.queries.restrided(dims, edge), packed.keys.restrided(dims, edge),
                  packed.values.restrided(cols, edge), Gaussian(0.5), out.view());
          EXPECT_TRUE(all_written(out)) << packed.shape();
          if (edge == Edge::begin) {
            EXPECT_TRUE(same_bits(out, first)) << packed.shape();
          }
          first = out;
        }
      }
  });
}

}  // namespace
}  // namespace attnpool::test
