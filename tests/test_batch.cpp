// pool_batch(): every problem gives the bits of pool() of it alone, whatever its neighbours, the range and the threads.
#include <cmath>

#include "isa_param.hpp"
#include "problem.hpp"

namespace attnpool::test {
namespace {

class Batch : public IsaTest {};
ATTNPOOL_ON_EVERY_ISA(Batch);

/// The rows of one problem, as a problem of its own.
template <class T>
Problem<T> part(const Problem<T>& batch, std::size_t count, std::size_t i) {
  const auto rows_of = [&](const Matrix<T>& m) {
    const std::size_t rows = m.rows() / count;
    Matrix<T> out(rows, m.cols());
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t c = 0; c < m.cols(); ++c) out(r, c) = m(i * rows + r, c);
    return out;
  };
  return {rows_of(batch.queries), rows_of(batch.keys), rows_of(batch.values), batch.score, batch.options};
}

template <class T>
void expect_parts(const Problem<T>& batch, std::size_t count) {
  Matrix<T> out(batch.queries.rows(), batch.values.cols());
  pool_batch<T>(count, batch.queries, batch.keys, batch.values, batch.score, out.view(), batch.options);
  const std::size_t rows = batch.queries.rows() / count;
  for (std::size_t i = 0; i < count; ++i) {
    const Matrix<T> alone = part(batch, count, i).pool();
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t v = 0; v < out.cols(); ++v) {
        const T got = out(i * rows + r, v), want = alone(r, v);
        ASSERT_TRUE(got == want || (std::isnan(got) && std::isnan(want)))
            << batch.shape() << " count=" << count << " problem " << i << " row " << r << ": " << got << " != " << want;
      }
  }
}

TEST_P(Batch, GivesTheBitsOfEachProblemAlone) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const std::size_t count : {1, 2, 7})
      for (const std::size_t queries : {1, 5, 64, 100})
        for (const std::size_t keys : {1, 3, 100, 200})
          for (const std::size_t dims : {1, 2, 5})
            expect_parts(Problem<T>::random(count * queries, count * keys, dims, 2), count);
  });
}

TEST_P(Batch, RangesCountWithinAProblem) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const KeyRange range :
         {KeyRange::all_but_self(), KeyRange::causal(-1), KeyRange::window(3, 2), KeyRange::first(4)}) {
      auto batch = Problem<T>::random(6 * 40, 6 * 40);
      batch.options.range = range;
      expect_parts(batch, 6);
    }
  });
}

TEST_P(Batch, ProblemsDoNotTouchEachOther) {
  // Far queries, values that are not finite and coordinates of another size in one problem only.
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    auto batch = Problem<T>::random(3 * 20, 3 * 50);
    batch.queries(25, 0) = T(1e9);
    batch.values(60, 0) = std::numeric_limits<T>::quiet_NaN();
    for (std::size_t k = 50; k < 100; ++k) batch.keys(k, 0) = batch.keys(k, 0) * T(1e6);
    expect_parts(batch, 3);
  });
}

TEST_P(Batch, ThreadsDoNotChangeTheBits) {
  auto batch = Problem<float>::random(300 * 30, 300 * 30);
  for (const int threads : {1, 2, 5}) {
    batch.options.threads = threads;
    expect_parts(batch, 300);
  }
}

TEST(BatchArguments, CountMustDivideTheRows) {
  const auto batch = Problem<double>::random(6, 9);
  Matrix<double> out(6, 1);
  const auto message = [&](std::size_t count) -> std::string {
    try {
      pool_batch<double>(count, batch.queries, batch.keys, batch.values, batch.score, out.view());
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
    return "accepted";
  };
  EXPECT_EQ(message(0), "count: must be at least 1, got 0");
  EXPECT_EQ(message(4), "queries: must have a multiple of count = 4 rows, got 6");
  EXPECT_EQ(message(2), "keys: must have a multiple of count = 2 rows, got 9");
  EXPECT_EQ(message(3), "accepted");
}

}  // namespace
}  // namespace attnpool::test
