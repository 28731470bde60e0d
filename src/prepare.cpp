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
  // Eight rows at a time side by side, so that the loop has no chain of dependent operations and vectorises.
  constexpr std::size_t rows = 8;
  const std::size_t cols = keys.cols;
  std::vector<T> low(rows * cols), high(rows * cols), check(rows * cols);  // check becomes NaN where a key is not finite
  for (std::size_t i = 0; i < rows; ++i) {
    std::copy(keys.row(0), keys.row(0) + cols, low.data() + i * cols);
    std::copy(keys.row(0), keys.row(0) + cols, high.data() + i * cols);
  }
  const auto add = [&](const T* x, std::size_t first, std::size_t count) {
    T *l = low.data() + first, *h = high.data() + first, *c = check.data() + first;
    for (std::size_t i = 0; i < count; ++i) {
      l[i] = x[i] < l[i] ? x[i] : l[i];
      h[i] = x[i] > h[i] ? x[i] : h[i];
      c[i] += x[i] * T(0);
    }
  };
  std::size_t k = 0;
  if (keys.row_stride == cols)
    for (; k + rows <= keys.rows; k += rows) add(keys.row(k), 0, rows * cols);
  for (; k < keys.rows; ++k) add(keys.row(k), k % rows * cols, cols);
  if (std::any_of(check.begin(), check.end(), [](T c) { return c != 0; }))
    for (k = 0; k < keys.rows; ++k)
      for (std::size_t d = 0; d < cols; ++d)
        if (!std::isfinite(keys(k, d))) bad_argument("keys[" + text(k) + "," + text(d) + "]", "must be finite, got " + text(keys(k, d)));
  Box box{std::vector<double>(low.begin(), low.begin() + cols), std::vector<double>(high.begin(), high.begin() + cols)};
  for (std::size_t i = cols; i < rows * cols; ++i) {
    box.low[i % cols] = std::min(box.low[i % cols], static_cast<double>(low[i]));
    box.high[i % cols] = std::max(box.high[i % cols], static_cast<double>(high[i]));
  }
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
PreparedKeys<T>::PreparedKeys(MatrixView<const T> in, const Gaussian& score, bool may_use_product)
    : count(in.rows), dims(in.cols), form(Form::scaled) {
  const Box box = bounding_box(in);
  for (std::size_t d = 0; d < dims; ++d) {
    scale.push_back(scale_of(score, d));
    if (!(box.half(d) * scale[d] <= scaled_reach)) form = Form::raw;
  }
  for (std::size_t d = 0; d < dims; ++d) {
    centre.push_back(form == Form::raw ? 0 : box.middle(d));
    extent.push_back(std::max(std::abs(box.low[d] - centre[d]), std::abs(box.high[d] - centre[d])) * scale[d]);
    if (form == Form::raw) raw_scale.push_back(saturate<T>(scale[d]));
  }
  keys.resize(checked_product("keys", count, dims));
  for (std::size_t k = 0; k < count; ++k) {
    const T* x = in.row(k);
    T* y = keys.data() + k * dims;
    if (form == Form::raw) {
      std::copy(x, x + dims, y);
    } else {
      for (std::size_t d = 0; d < dims; ++d) y[d] = static_cast<T>((static_cast<double>(x[d]) - centre[d]) * scale[d]);
    }
  }
  if (form == Form::raw || dims < product_dims || !may_use_product) return;
  norms.resize(count);
  double largest = 0;
  for (std::size_t k = 0; k < count; ++k) {
    double norm = 0;
    for (std::size_t d = 0; d < dims; ++d) norm += static_cast<double>(keys[k * dims + d]) * static_cast<double>(keys[k * dims + d]);
    norms[k] = static_cast<T>(norm);
    largest = std::max(largest, norm);
  }
  if (largest <= largest_norm) form = Form::product;
}

template <class T>
PreparedValues<T>::PreparedValues(MatrixView<const T> in) : count(in.rows), cols(in.cols) {
  constexpr double inf = std::numeric_limits<double>::infinity();
  smallest.assign(cols, inf);
  largest.assign(cols, -inf);
  std::vector<T> check(cols);  // becomes NaN where a value is not finite
  for (std::size_t k = 0; k < count; ++k) {
    const T* x = in.row(k);
    for (std::size_t c = 0; c < cols; ++c) {
      const double v = static_cast<double>(x[c]);
      smallest[c] = v < smallest[c] ? v : smallest[c];
      largest[c] = v > largest[c] ? v : largest[c];
      check[c] += x[c] * T(0);
    }
  }
  const bool finite = std::all_of(check.begin(), check.end(), [](T c) { return c == 0; });
  if (!finite) {  // once more, over the finite ones only
    smallest.assign(cols, inf);
    largest.assign(cols, -inf);
    for (std::size_t k = 0; k < count; ++k)
      for (std::size_t c = 0; c < cols; ++c)
        if (const double v = static_cast<double>(in(k, c)); std::isfinite(v)) {
          smallest[c] = std::min(smallest[c], v);
          largest[c] = std::max(largest[c], v);
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
  for (std::size_t k = 0; k < count; ++k) {
    const T* x = in.row(k);
    T* y = values.data() + k * cols;
    for (std::size_t c = 0; c < cols; ++c) y[c] = static_cast<T>((static_cast<double>(x[c]) - middle[c]) * per_unit[c]);
  }
  if (finite) return;
  for (std::size_t k = 0; k < count; ++k)
    for (std::size_t c = 0; c < cols; ++c)
      if (!std::isfinite(in(k, c))) values[k * cols + c] = 0;
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
