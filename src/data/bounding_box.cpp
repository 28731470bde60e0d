#include "data/bounding_box.hpp"

#include <algorithm>
#include <cmath>

#include "base/threads.hpp"
#include "base/to_string.hpp"
#include "base/validate.hpp"

namespace attnpool::detail {

template <class T>
bool BoundingBox<T>::enclose(MatrixView<const T> points, int threads) {
  constexpr std::size_t part_rows = 65536;
  const std::size_t parts = (points.rows + part_rows - 1) / part_rows;
  if (threads == 1 || parts < 2) return enclose_part(points);
  std::vector<BoundingBox> part(parts);
  std::vector<char> finite(parts);
  parallel_for(parts, threads, {}, [&](std::size_t i, int) {
    const std::size_t first = i * part_rows;
    finite[i] = part[i].enclose_part(
        {points.row(first), std::min(part_rows, points.rows - first), points.cols, points.row_stride});
  });
  low = part[0].low;
  high = part[0].high;
  for (const BoundingBox& other : part)
    for (std::size_t d = 0; d < points.cols; ++d) {
      low[d] = std::min(low[d], other.low[d]);
      high[d] = std::max(high[d], other.high[d]);
    }
  return std::all_of(finite.begin(), finite.end(), [](char f) { return f != 0; });
}

template <class T>
bool BoundingBox<T>::enclose_part(MatrixView<const T> points) {
  if (points.cols == 1 && points.row_stride == 1) return enclose_line(points.data, points.rows);
  // Eight rows at a time side by side, so that the loop has no chain of dependent operations and vectorises.
  constexpr std::size_t rows = 8;
  const std::size_t cols = points.cols;
  low_.resize(rows * cols);
  high_.resize(rows * cols);
  check_.assign(rows * cols, T(0));  // becomes NaN where an entry is not finite
  for (std::size_t i = 0; i < rows; ++i) {
    std::copy(points.row(0), points.row(0) + cols, low_.data() + i * cols);
    std::copy(points.row(0), points.row(0) + cols, high_.data() + i * cols);
  }
  const auto add = [&](const T* x, std::size_t first, std::size_t count) {
    T *l = low_.data() + first, *h = high_.data() + first, *c = check_.data() + first;
    for (std::size_t i = 0; i < count; ++i) {
      l[i] = x[i] < l[i] ? x[i] : l[i];
      h[i] = x[i] > h[i] ? x[i] : h[i];
      c[i] += x[i] * T(0);
    }
  };
  std::size_t k = 0;
  if (points.row_stride == cols)
    for (; k + rows <= points.rows; k += rows) add(points.row(k), 0, rows * cols);
  for (; k < points.rows; ++k) add(points.row(k), k % rows * cols, cols);
  low.assign(low_.begin(), low_.begin() + static_cast<std::ptrdiff_t>(cols));
  high.assign(high_.begin(), high_.begin() + static_cast<std::ptrdiff_t>(cols));
  for (std::size_t i = cols; i < rows * cols; ++i) {
    low[i % cols] = std::min(low[i % cols], static_cast<double>(low_[i]));
    high[i % cols] = std::max(high[i % cols], static_cast<double>(high_[i]));
  }
  return std::all_of(check_.begin(), check_.end(), [](T c) { return c == 0; });
}

// The same for one column, in registers: a twentieth of the time of a pool of 100 x 100.
template <class T>
bool BoundingBox<T>::enclose_line(const T* x, std::size_t count) {
  constexpr std::size_t rows = 64 / sizeof(T);
  T l[rows], h[rows], check[rows] = {};
  std::fill_n(l, rows, x[0]);
  std::fill_n(h, rows, x[0]);
  const auto add = [&](std::size_t k, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      l[i] = x[k + i] < l[i] ? x[k + i] : l[i];
      h[i] = x[k + i] > h[i] ? x[k + i] : h[i];
      check[i] += x[k + i] * T(0);
    }
  };
  std::size_t k = 0;
  for (; k + rows <= count; k += rows) add(k, rows);
  add(k, count - k);
  low.assign(1, static_cast<double>(*std::min_element(l, l + rows)));
  high.assign(1, static_cast<double>(*std::max_element(h, h + rows)));
  return std::all_of(check, check + rows, [](T c) { return c == 0; });
}

template <class T>
void enclose_keys(BoundingBox<T>& box, MatrixView<const T> keys, int threads) {
  if (box.enclose(keys, threads)) return;
  for (std::size_t k = 0; k < keys.rows; ++k)
    for (std::size_t d = 0; d < keys.cols; ++d)
      if (!std::isfinite(keys(k, d)))
        bad_argument("keys[" + to_string(k) + "," + to_string(d) + "]", "must be finite, got " + to_string(keys(k, d)));
}

template void enclose_keys(BoundingBox<float>&, MatrixView<const float>, int);
template void enclose_keys(BoundingBox<double>&, MatrixView<const double>, int);
template struct BoundingBox<float>;
template struct BoundingBox<double>;

}  // namespace attnpool::detail
