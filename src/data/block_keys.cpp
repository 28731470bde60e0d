#include "data/block_keys.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/validate.hpp"
#include "data/move_and_scale.hpp"
#include "data/units.hpp"

namespace attnpool::detail {
namespace {

// Rounds to T, saturating well below overflow so that differences stay finite.
template <class T>
T saturate(double x) {
  constexpr double limit = static_cast<double>(std::numeric_limits<T>::max()) / 4;
  return static_cast<T>(std::clamp(x, -limit, limit));
}

}  // namespace

template <class T>
void BlockKeys<T>::prepare(MatrixView<const T> in, const Kernel& kernel, bool may_use_product) {
  count = in.rows;
  dims = in.cols;
  const bool gaussian = kernel.profile().is_gaussian();
  form = kernel.profile().shape == KernelShape::boxcar ? DistanceForm::raw : DistanceForm::scaled;
  enclose_keys(box, in);
  centre.resize(dims);
  scale.resize(dims);
  extent.resize(dims);
  for (std::size_t d = 0; d < dims; ++d) {
    scale[d] = scale_of(kernel, d);
    if (!(box.half(d) * scale[d] <= scaled_reach)) form = DistanceForm::raw;
  }
  raw_scale.resize(form == DistanceForm::raw ? dims : 0);
  for (std::size_t d = 0; d < dims; ++d) {
    centre[d] = form == DistanceForm::raw ? 0 : box.middle(d);
    extent[d] = std::max(std::abs(box.low[d] - centre[d]), std::abs(box.high[d] - centre[d])) * scale[d];
    if (form == DistanceForm::raw) raw_scale[d] = saturate<T>(scale[d]);
  }
  out_of_range = false;
  for (std::size_t d = 0; d < dims && !gaussian; ++d)
    out_of_range |= !(box.half(d) * scale[d] <= static_cast<double>(farthest_difference<T>) / 4);
  // A few roundings of the squared distance: of differences of scaled coordinates, or of D products.
  const T roundings = form == DistanceForm::raw ? static_cast<T>(8 + dims) : T(32);
  edge = 1 - roundings * std::numeric_limits<T>::epsilon();
  keys.resize(checked_product("keys", count, dims));
  if (form == DistanceForm::raw) {
    for (std::size_t k = 0; k < count; ++k) std::copy(in.row(k), in.row(k) + dims, keys.data() + k * dims);
  } else {
    move_and_scale(in, centre.data(), scale.data(), keys.data());
  }
  if (form == DistanceForm::raw || dims < product_dims || !may_use_product || !gaussian) return;
  norms.resize(count);
  double largest = 0;
  for (std::size_t k = 0; k < count; ++k) {
    double norm = 0;
    for (std::size_t d = 0; d < dims; ++d)
      norm += static_cast<double>(keys[k * dims + d]) * static_cast<double>(keys[k * dims + d]);
    norms[k] = static_cast<T>(norm);
    largest = std::max(largest, norm);
  }
  if (largest <= largest_norm) form = DistanceForm::product;
}

template struct BlockKeys<float>;
template struct BlockKeys<double>;

}  // namespace attnpool::detail
