#include <attnpool/pool.hpp>
#include <vector>

#include "base/validate.hpp"

namespace attnpool {

template <class T>
void average_pool(In<T> values, MatrixView<T> out) {
  detail::check_view("values", values);
  detail::check_positive("values", "row", values.rows);
  detail::check_positive("values", "column", values.cols);
  detail::check_view("out", out);
  detail::check_equal("out", "columns", out.cols, values.cols, "values");
  detail::check_no_overlap("out", out, "values", values);
  std::vector<double> mean(values.cols);
  for (std::size_t k = 0; k < values.rows; ++k)
    for (std::size_t v = 0; v < values.cols; ++v)
      mean[v] += static_cast<double>(values(k, v)) / static_cast<double>(values.rows);
  for (std::size_t q = 0; q < out.rows; ++q)
    for (std::size_t v = 0; v < values.cols; ++v) out(q, v) = static_cast<T>(mean[v]);
}

template void average_pool<float>(In<float>, MatrixView<float>);
template void average_pool<double>(In<double>, MatrixView<double>);

}  // namespace attnpool
