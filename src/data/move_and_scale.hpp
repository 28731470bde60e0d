#pragma once
#include <attnpool/view.hpp>
#include <cstddef>

namespace attnpool::detail {

// out = (in - middle) * factor per column, packed. A single packed column is one long row, so that the loop vectorises
// along it.
template <class T>
void move_and_scale(MatrixView<const T> in, const double* middle, const double* factor, T* out) {
  if (in.cols == 1 && in.row_stride == 1) {
    for (std::size_t k = 0; k < in.rows; ++k)
      out[k] = static_cast<T>((static_cast<double>(in.data[k]) - middle[0]) * factor[0]);
    return;
  }
  for (std::size_t k = 0; k < in.rows; ++k, out += in.cols)
    for (std::size_t c = 0; c < in.cols; ++c)
      out[c] = static_cast<T>((static_cast<double>(in(k, c)) - middle[c]) * factor[c]);
}

}  // namespace attnpool::detail
