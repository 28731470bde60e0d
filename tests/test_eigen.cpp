// The Eigen adaptor: views without copies, the same bits as the plain calls.
#include <attnpool/eigen.hpp>
#include <utility>

#include "problem.hpp"

namespace attnpool::test {
namespace {

template <class T>
using Rows = eigen::RowMajorMatrix<T>;
template <class T>
using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;

template <class T>
Rows<T> to_eigen(const Matrix<T>& m) {
  Rows<T> e(m.rows(), m.cols());
  for (std::size_t r = 0; r < m.rows(); ++r)
    for (std::size_t c = 0; c < m.cols(); ++c) e(static_cast<Eigen::Index>(r), static_cast<Eigen::Index>(c)) = m(r, c);
  return e;
}
template <class T>
MatrixView<const T> plain(const Rows<T>& e) {
  return {e.data(), static_cast<std::size_t>(e.rows()), static_cast<std::size_t>(e.cols())};
}

TEST(EigenAdaptor, ViewsAreTheSameMemory) {
  Rows<double> m(4, 6);
  const auto whole = eigen::view(m);
  static_assert(std::is_same_v<decltype(whole), const MatrixView<double>>);
  EXPECT_EQ(whole.data, m.data());
  EXPECT_EQ(whole.rows, 4u);
  EXPECT_EQ(whole.cols, 6u);
  EXPECT_EQ(whole.row_stride, 6u);
  static_assert(std::is_same_v<decltype(eigen::view(std::as_const(m))), MatrixView<const double>>);

  auto block = m.block(1, 2, 2, 3);
  const auto part = eigen::view(block);
  EXPECT_EQ(part.data, &m(1, 2));
  EXPECT_EQ(part.rows, 2u);
  EXPECT_EQ(part.cols, 3u);
  EXPECT_EQ(part.row_stride, 6u);

  auto column = m.col(5);
  const auto one = eigen::view(column);
  EXPECT_EQ(one.cols, 1u);
  EXPECT_EQ(one.row_stride, 6u);
  EXPECT_EQ(&one(3, 0), &m(3, 5));

  Vector<float> v(7);
  EXPECT_EQ(eigen::view(v).rows, 7u);
  EXPECT_EQ(eigen::view(v).cols, 1u);
  Eigen::Map<const Rows<double>> map(m.data(), 2, 12);
  static_assert(std::is_same_v<decltype(eigen::view(map)), MatrixView<const double>>);
  EXPECT_EQ(eigen::view(map).cols, 12u);
}

TEST(EigenAdaptor, ElementsOfARowMustLieSideBySide) {
  Rows<double> m(4, 6);
  using Strided = Eigen::Map<Rows<double>, 0, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>>;
  Strided every_second(m.data(), 4, 3, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>(6, 2));
  EXPECT_THROW(eigen::view(every_second), std::invalid_argument);
  Strided dense(m.data(), 4, 3, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>(6, 1));
  EXPECT_EQ(eigen::view(dense).row_stride, 6u);
}

TEST(EigenAdaptor, SameBitsAsThePlainCalls) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    auto problem = Problem<T>::random(20, 70, 3, 2);
    problem.options.range = KeyRange::causal(9);
    const Rows<T> queries = to_eigen(problem.queries), keys = to_eigen(problem.keys), values = to_eigen(problem.values);
    const Rows<T> out = eigen::pool(queries, keys, values, problem.score, problem.options);
    EXPECT_TRUE(same_bits<T>(plain(out), problem.pool().in()));

    Matrix<T> weights(20, 70), soft(20, 3);
    attention_weights<T>(problem.queries, problem.keys, problem.score, weights.view(), problem.options);
    EXPECT_TRUE(same_bits<T>(plain(Rows<T>(eigen::attention_weights(queries, keys, problem.score, problem.options))),
                             weights.in()));
    softmax<T>(problem.queries, soft.view());
    EXPECT_TRUE(same_bits<T>(plain(Rows<T>(eigen::softmax(queries))), soft.in()));
    EXPECT_EQ(eigen::fit(keys, values).w, fit<T>(problem.keys, problem.values).w);
  });
}

TEST(EigenAdaptor, VectorsAreOneColumn) {
  const auto problem = Problem<double>::random(20, 70, 1, 1);
  const Vector<double> x = to_eigen(problem.keys), y = to_eigen(problem.values), grid = to_eigen(problem.queries);
  const Vector<double> curve = eigen::pool(grid, x, y, problem.score);
  EXPECT_TRUE(same_bits<double>({curve.data(), 20, 1}, problem.pool().in()));
}

TEST(EigenAdaptor, ErrorsComeThrough) {
  const Rows<double> keys(3, 1), values(4, 1);
  EXPECT_THROW(eigen::pool(keys, keys, values, Gaussian(1.0)), std::invalid_argument);
}

}  // namespace
}  // namespace attnpool::test
