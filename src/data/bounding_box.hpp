#pragma once
#include <attnpool/view.hpp>
#include <cstddef>
#include <vector>

namespace attnpool::detail {

// The smallest and the largest entry of every column.
template <class T>
struct BoundingBox {
  std::vector<double> low, high;

  // False, with low and high unspecified, if an entry is not finite.
  bool enclose(MatrixView<const T> points, int threads = 1);
  double middle(std::size_t d) const { return low[d] / 2 + high[d] / 2; }
  double half(std::size_t d) const { return high[d] / 2 - low[d] / 2; }

 private:
  bool enclose_part(MatrixView<const T> points);
  bool enclose_line(const T* x, std::size_t count);
  std::vector<T> low_, high_, check_;
};

// Throws std::invalid_argument that names the first entry that is not finite.
template <class T>
void enclose_keys(BoundingBox<T>& box, MatrixView<const T> keys, int threads = 1);

}  // namespace attnpool::detail
