#include "data/row_keys.hpp"

#include <algorithm>
#include <cmath>

#include "base/validate.hpp"
#include "data/bounding_box.hpp"
#include "data/key_weight.hpp"
#include "data/units.hpp"

namespace attnpool::detail {
namespace {

// Coordinates of the row routines saturate here, so that squares stay finite.
template <class S>
constexpr double farthest = sizeof(S) == sizeof(float) ? 0x1p60 : 0x1p500;

}  // namespace

template <class S>
template <class T>
RowKeys<S>::RowKeys(MatrixView<const T> in, const Kernel& kernel, std::span<const double> key_weights)
    : count(in.rows), dims(in.cols) {
  BoundingBox<T> box;
  enclose_keys(box, in);
  constexpr int largest_size = sizeof(S) == sizeof(float) ? 50 : 480;
  for (std::size_t d = 0; d < dims; ++d) {
    const double s = scale_of(kernel, d);
    int exponent = s > 0 ? std::ilogb(s) : 0;
    const double rest = std::ldexp(s, -exponent), size = std::max(std::abs(box.low[d]), std::abs(box.high[d]));
    // So large that the nearest key has all the weight whatever the scale, while squares would overflow.
    if (size > 0) exponent = std::min(exponent, largest_size - std::ilogb(size));
    exponent = std::clamp(exponent, -1020, 1020);
    scale.push_back(std::ldexp(1.0, exponent));
    factor.push_back(static_cast<S>(rest * rest));
  }
  keys.resize(checked_product("keys", count, dims));
  for (std::size_t d = 0; d < dims; ++d)
    for (std::size_t k = 0; k < count; ++k) keys[d * count + k] = coordinate(static_cast<double>(in(k, d)), d);
  for (const double c : key_weights) {
    const KeyWeight weight = split_weight(c);
    bias.push_back(static_cast<S>(-weight.exponent));
    mantissa.push_back(static_cast<S>(weight.mantissa));
  }
}

template <class S>
S RowKeys<S>::coordinate(double x, std::size_t d) const {
  return static_cast<S>(std::clamp(x * scale[d], -farthest<S>, farthest<S>));
}

template struct RowKeys<float>;
template struct RowKeys<double>;
template RowKeys<float>::RowKeys(MatrixView<const float>, const Kernel&, std::span<const double>);
template RowKeys<double>::RowKeys(MatrixView<const float>, const Kernel&, std::span<const double>);
template RowKeys<double>::RowKeys(MatrixView<const double>, const Kernel&, std::span<const double>);

}  // namespace attnpool::detail
