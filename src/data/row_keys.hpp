#pragma once
#include <attnpool/score.hpp>
#include <attnpool/view.hpp>
#include <cstddef>
#include <vector>

#include "data/scaled_values.hpp"

namespace attnpool::detail {

// Keys transposed to [D][K] for the row routines, scaled by powers of two only, so that differences of coordinates are
// those of the user's numbers; `factor` is what is left of the scale, squared. S is double where queries far from all
// keys are answered. Keys of weight 0 are moved beyond reach.
template <class S>
struct RowKeys {
  std::size_t count, dims;
  std::vector<double> scale;
  std::vector<S> factor;  // [dims], in [1, 4), or 0
  std::vector<S> keys;    // [dims][count]

  template <class T>
  RowKeys(MatrixView<const T> keys, const Gaussian& score);
  template <class T>
  RowKeys(MatrixView<const T> keys, const Gaussian& score, const ScaledValues<T>& values);

  S coordinate(double x, std::size_t d) const;
};

}  // namespace attnpool::detail
