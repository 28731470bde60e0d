#pragma once
#include <cstddef>
#include <type_traits>

namespace attnpool {

/// A row-major matrix that somebody else owns: element (r, c) is data[r * row_stride + c].
/// T is float or double, const for inputs. Any alignment; row_stride is in elements and at least cols.
template <class T>
struct MatrixView {
  T* data = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t row_stride = 0;

  constexpr MatrixView() = default;
  constexpr MatrixView(T* data_, std::size_t rows_, std::size_t cols_) : MatrixView(data_, rows_, cols_, cols_) {}
  constexpr MatrixView(T* data_, std::size_t rows_, std::size_t cols_, std::size_t row_stride_)
      : data(data_), rows(rows_), cols(cols_), row_stride(row_stride_) {}

  /// MatrixView<float> converts to MatrixView<const float>.
  template <class U>
  requires(std::is_same_v<const U, T> &&
           !std::is_const_v<U>) constexpr MatrixView(const MatrixView<U>& other)  // NOLINT: implicit on purpose
      : MatrixView(other.data, other.rows, other.cols, other.row_stride) {}

  constexpr T* row(std::size_t r) const { return data + r * row_stride; }
  constexpr T& operator()(std::size_t r, std::size_t c) const { return data[r * row_stride + c]; }
};

/// An input. Written so that T is not deduced from it: in a call of pool() the output decides, and a MatrixView<float> is
/// accepted where a MatrixView<const float> is asked for.
template <class T>
using In = MatrixView<const std::type_identity_t<T>>;

}  // namespace attnpool
