#include "prepare.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "text.hpp"
#include "validate.hpp"

namespace attnpool::detail {
namespace {

struct Box {
  std::vector<double> low, high;
  double middle(std::size_t d) const { return low[d] / 2 + high[d] / 2; }
  double half(std::size_t d) const { return high[d] / 2 - low[d] / 2; }
};

template <class T>
Box bounding_box(MatrixView<const T> keys) {
  Box box{std::vector<double>(keys.cols), std::vector<double>(keys.cols)};
  std::vector<T> low(keys.row(0), keys.row(0) + keys.cols), high = low;
  T check = 0;  // becomes NaN at the first key that is not finite
  for (std::size_t k = 0; k < keys.rows; ++k)
    for (std::size_t d = 0; d < keys.cols; ++d) {
      const T x = keys(k, d);
      low[d] = x < low[d] ? x : low[d];
      high[d] = x > high[d] ? x : high[d];
      check += x * T(0);
    }
  if (check != 0)
    for (std::size_t k = 0; k < keys.rows; ++k)
      for (std::size_t d = 0; d < keys.cols; ++d)
        if (!std::isfinite(keys(k, d))) bad_argument("keys[" + text(k) + "," + text(d) + "]", "must be finite, got " + text(keys(k, d)));
  box.low.assign(low.begin(), low.end());
  box.high.assign(high.begin(), high.end());
  return box;
}

double scale_of(const Gaussian& score, std::size_t d) { return std::abs(score.w_of(d)) * exponent_scale; }

// Rounds to T, saturating well below overflow so that differences stay finite.
template <class T>
T saturate(double x) {
  constexpr double limit = static_cast<double>(std::numeric_limits<T>::max()) / 4;
  return static_cast<T>(std::clamp(x, -limit, limit));
}

}  // namespace

template <class T>
PreparedKeys<T>::PreparedKeys(MatrixView<const T> in, const Gaussian& score) : count(in.rows), dims(in.cols), raw(false) {
  const Box box = bounding_box(in);
  for (std::size_t d = 0; d < dims; ++d) {
    scale.push_back(scale_of(score, d));
    raw |= !(box.half(d) * scale[d] <= scaled_reach);
  }
  for (std::size_t d = 0; d < dims; ++d) {
    const double middle = static_cast<double>(static_cast<T>(box.middle(d)));
    // With |middle| > 2 half all keys lie within a factor 3 of it: the difference is exact. Else the keys themselves are as good.
    centre.push_back(raw && !(std::abs(middle) > 2 * box.half(d)) ? 0 : middle);
    extent.push_back(std::max(std::abs(box.low[d] - centre[d]), std::abs(box.high[d] - centre[d])) * scale[d]);
    if (raw) raw_scale.push_back(saturate<T>(scale[d]));
  }
  keys.resize(checked_product("keys", count, dims));
  for (std::size_t k = 0; k < count; ++k)
    for (std::size_t d = 0; d < dims; ++d)
      keys[k * dims + d] = static_cast<T>((static_cast<double>(in(k, d)) - centre[d]) * (raw ? 1 : scale[d]));
}

template <class T>
PreparedValues<T>::PreparedValues(MatrixView<const T> in) : count(in.rows), cols(in.cols) {
  smallest.assign(cols, std::numeric_limits<double>::infinity());
  largest.assign(cols, -std::numeric_limits<double>::infinity());
  bool finite = true;
  for (std::size_t k = 0; k < count; ++k)
    for (std::size_t c = 0; c < cols; ++c) {
      const double v = static_cast<double>(in(k, c));
      if (std::isfinite(v)) {
        smallest[c] = std::min(smallest[c], v);
        largest[c] = std::max(largest[c], v);
      } else {
        finite = false;
      }
    }
  std::vector<double> per_unit;
  for (std::size_t c = 0; c < cols; ++c) {
    if (smallest[c] > largest[c]) smallest[c] = largest[c] = 0;  // not one finite entry
    middle.push_back(smallest[c] / 2 + largest[c] / 2);
    const double half = largest[c] / 2 - smallest[c] / 2;
    // A power of two >= half, within the range whose reciprocal is normal.
    const int exponent = half > 0 ? std::clamp(std::ilogb(half) + 1, -1020, 1020) : 0;
    unit.push_back(std::ldexp(1.0, exponent));
    per_unit.push_back(std::ldexp(1.0, -exponent));
  }
  values.resize(checked_product("values", count, cols));
  for (std::size_t k = 0; k < count; ++k)
    for (std::size_t c = 0; c < cols; ++c) {
      const double v = static_cast<double>(in(k, c));
      values[k * cols + c] = std::isfinite(v) ? static_cast<T>((v - middle[c]) * per_unit[c]) : T(0);
    }
  if (finite) return;
  irregular_.resize(checked_product("values", count + 1, cols));
  for (std::size_t k = 0; k < count; ++k)
    for (std::size_t c = 0; c < cols; ++c) {
      Counts n = irregular_[k * cols + c];
      n.nan += std::isnan(in(k, c));
      n.positive += std::isinf(in(k, c)) && in(k, c) > 0;
      n.negative += std::isinf(in(k, c)) && in(k, c) < 0;
      irregular_[(k + 1) * cols + c] = n;
    }
}

template <class T>
typename PreparedValues<T>::Counts PreparedValues<T>::between(std::size_t begin, std::size_t end, std::size_t col) const {
  const Counts &a = irregular_[begin * cols + col], &b = irregular_[end * cols + col];
  return {b.nan - a.nan, b.positive - a.positive, b.negative - a.negative};
}

template <class T>
double PreparedValues<T>::irregular(const KeyRange& range, std::size_t query, std::size_t col) const {
  if (all_finite()) return 0;
  Counts n = between(range.begin(query, count), range.end(query, count), col);
  const std::size_t x = range.excluded(query, count);
  if (x != KeyRange::none && range.begin(query, count) <= x && x < range.end(query, count)) {
    const Counts own = between(x, x + 1, col);
    n = {n.nan - own.nan, n.positive - own.positive, n.negative - own.negative};
  }
  constexpr double inf = std::numeric_limits<double>::infinity();
  if (n.nan > 0 || (n.positive > 0 && n.negative > 0)) return std::numeric_limits<double>::quiet_NaN();
  return n.positive > 0 ? inf : n.negative > 0 ? -inf : 0;
}

template <class S>
template <class T>
TransposedKeys<S>::TransposedKeys(MatrixView<const T> in, const Gaussian& score) : count(in.rows), dims(in.cols) {
  const Box box = bounding_box(in);
  // Beyond this extent the nearest key has all the weight whatever the scale, and squares would overflow.
  constexpr double largest_extent = sizeof(S) == sizeof(float) ? 0x1p50 : 0x1p480;
  double extent = 0;
  for (std::size_t d = 0; d < dims; ++d) extent = std::max(extent, box.half(d) * scale_of(score, d));
  for (std::size_t d = 0; d < dims; ++d) {
    centre.push_back(box.middle(d));
    const double s = scale_of(score, d);
    // Dividing first keeps an infinite extent from making a NaN.
    scale.push_back(extent <= largest_extent ? s : std::min(s, largest_extent / std::max(box.half(d), 1e-300)));
  }
  keys.resize(checked_product("keys", count, dims));
  for (std::size_t d = 0; d < dims; ++d)
    for (std::size_t k = 0; k < count; ++k) keys[d * count + k] = coordinate(static_cast<double>(in(k, d)), d);
}

template <class S>
S TransposedKeys<S>::coordinate(double x, std::size_t d) const {
  constexpr double limit = sizeof(S) == sizeof(float) ? 0x1p60 : 0x1p500;
  return static_cast<S>(std::clamp((x - centre[d]) * scale[d], -limit, limit));
}

template struct PreparedKeys<float>;
template struct PreparedKeys<double>;
template struct PreparedValues<float>;
template struct PreparedValues<double>;
template struct TransposedKeys<float>;
template struct TransposedKeys<double>;
template TransposedKeys<float>::TransposedKeys(MatrixView<const float>, const Gaussian&);
template TransposedKeys<double>::TransposedKeys(MatrixView<const float>, const Gaussian&);
template TransposedKeys<double>::TransposedKeys(MatrixView<const double>, const Gaussian&);

}  // namespace attnpool::detail
