#pragma once
// Eigen in and out. Header-only and the only file that names Eigen; not part of attnpool.hpp. It is compiled in the
// user's own translation unit with the user's own flags, so Eigen never meets the flags of the routines.
//
//   Eigen::VectorXd x = ..., y = ...;                                     // one dimension, one value column
//   Eigen::VectorXd grid = Eigen::VectorXd::LinSpaced(100, 0, 5);
//   Eigen::VectorXd curve = attnpool::eigen::pool(grid, x, y, attnpool::Gaussian::from_bandwidth(0.3));
//
//   attnpool::eigen::RowMajorMatrix<float> keys(1000, 3);                 // three dimensions: row-major
//   attnpool::fit<float>(attnpool::eigen::view(std::as_const(keys)), ...);  // views for every other function
#include <Eigen/Core>
#include <attnpool/fit.hpp>
#include <attnpool/pool.hpp>
#include <attnpool/vmath.hpp>
#include <stdexcept>
#include <type_traits>

namespace attnpool::eigen {

template <class T>
using RowMajorMatrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// The matrix as a MatrixView, without a copy: a Matrix, Array, Map, Ref or Block of float or double that is row-major
/// or has one column (any inner stride: a column of a matrix will do). Of const objects, and of maps of const data, a
/// view of const. The view is valid as long as the data of the object; a temporary Matrix is refused. Throws
/// std::invalid_argument where the elements of a row do not lie side by side, if only the run-time stride tells.
template <class Object>
auto view(Object&& object) {
  using Type = std::remove_cvref_t<Object>;
  constexpr bool is_eigen = requires(const Type& t) {
    []<class Derived>(const Eigen::DenseBase<Derived>&) {}(t);
  };
  static_assert(
      is_eigen && (Type::Flags & Eigen::DirectAccessBit) != 0,
      "attnpool::eigen::view needs an Eigen object with memory of its own; call eval() on an expression first");
  static_assert(Type::IsRowMajor || Type::ColsAtCompileTime == 1,
                "attnpool: a matrix that may have more than one column must be row-major, for instance "
                "attnpool::eigen::RowMajorMatrix<T> or Eigen::Matrix<T, Rows, Cols, Eigen::RowMajor>");
  static_assert(Type::ColsAtCompileTime == 1 || Type::InnerStrideAtCompileTime == 1 ||
                    Type::InnerStrideAtCompileTime == Eigen::Dynamic,
                "attnpool: the elements of a row must lie side by side");
  static_assert(std::is_lvalue_reference_v<Object> || !std::is_base_of_v<Eigen::PlainObjectBase<Type>, Type>,
                "attnpool: a view of a temporary would dangle");
  using T = std::remove_pointer_t<decltype(object.data())>;
  static_assert(std::is_same_v<std::remove_const_t<T>, float> || std::is_same_v<std::remove_const_t<T>, double>,
                "attnpool computes in float and double");

  const auto rows = static_cast<std::size_t>(object.rows()), cols = static_cast<std::size_t>(object.cols());
  if constexpr (Type::ColsAtCompileTime == 1) {
    return MatrixView<T>(object.data(), rows, 1, static_cast<std::size_t>(object.innerStride()));
  } else {
    if (cols > 1 && object.innerStride() != 1)
      throw std::invalid_argument("attnpool::eigen::view: the elements of a row must lie side by side");
    return MatrixView<T>(object.data(), rows, cols, static_cast<std::size_t>(object.outerStride()));
  }
}

/// attnpool::pool into a new matrix [Q, V].
template <class Queries, class Keys, class Values>
RowMajorMatrix<typename Queries::Scalar> pool(const Queries& queries, const Keys& keys, const Values& values,
                                              const Kernel& kernel, const Options& options = {}) {
  RowMajorMatrix<typename Queries::Scalar> out(queries.rows(), values.cols());
  attnpool::pool<typename Queries::Scalar>(view(queries), view(keys), view(values), kernel, view(out), options);
  return out;
}

/// attnpool::attention_weights into a new matrix [Q, K].
template <class Queries, class Keys>
RowMajorMatrix<typename Queries::Scalar> attention_weights(const Queries& queries, const Keys& keys,
                                                           const Kernel& kernel, const Options& options = {}) {
  RowMajorMatrix<typename Queries::Scalar> weights(queries.rows(), keys.rows());
  attnpool::attention_weights<typename Queries::Scalar>(view(queries), view(keys), kernel, view(weights), options);
  return weights;
}

/// attnpool::softmax into a new matrix.
template <class Scores>
RowMajorMatrix<typename Scores::Scalar> softmax(const Scores& scores, const Options& options = {}) {
  RowMajorMatrix<typename Scores::Scalar> out(scores.rows(), scores.cols());
  attnpool::softmax<typename Scores::Scalar>(view(scores), view(out), options);
  return out;
}

/// attnpool::fit.
template <class Keys, class Values>
FitResult fit(const Keys& keys, const Values& values, const FitOptions& options = {}) {
  return attnpool::fit<typename Keys::Scalar>(view(keys), view(values), options);
}

}  // namespace attnpool::eigen
