#include "data/prepare.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/threads.hpp"
#include "base/to_string.hpp"
#include "base/validate.hpp"

namespace attnpool::detail {
namespace {

double scale_of(const Gaussian& score, std::size_t d) { return std::abs(score.w_of(d)) * exponent_scale; }

// Coordinates of the row routines saturate here, so that squares stay finite.
template <class S>
constexpr double farthest = sizeof(S) == sizeof(float) ? 0x1p60 : 0x1p500;

// Rounds to T, saturating well below overflow so that differences stay finite.
template <class T>
T saturate(double x) {
  constexpr double limit = static_cast<double>(std::numeric_limits<T>::max()) / 4;
  return static_cast<T>(std::clamp(x, -limit, limit));
}

}  // namespace

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

namespace {

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

}  // namespace

template <class T>
void BlockKeys<T>::prepare(MatrixView<const T> in, const Gaussian& score, bool may_use_product) {
  count = in.rows;
  dims = in.cols;
  form = DistanceForm::scaled;
  enclose_keys(box, in);
  centre.resize(dims);
  scale.resize(dims);
  extent.resize(dims);
  for (std::size_t d = 0; d < dims; ++d) {
    scale[d] = scale_of(score, d);
    if (!(box.half(d) * scale[d] <= scaled_reach)) form = DistanceForm::raw;
  }
  raw_scale.resize(form == DistanceForm::raw ? dims : 0);
  for (std::size_t d = 0; d < dims; ++d) {
    centre[d] = form == DistanceForm::raw ? 0 : box.middle(d);
    extent[d] = std::max(std::abs(box.low[d] - centre[d]), std::abs(box.high[d] - centre[d])) * scale[d];
    if (form == DistanceForm::raw) raw_scale[d] = saturate<T>(scale[d]);
  }
  keys.resize(checked_product("keys", count, dims));
  if (form == DistanceForm::raw) {
    for (std::size_t k = 0; k < count; ++k) std::copy(in.row(k), in.row(k) + dims, keys.data() + k * dims);
  } else {
    move_and_scale(in, centre.data(), scale.data(), keys.data());
  }
  if (form == DistanceForm::raw || dims < product_dims || !may_use_product) return;
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

template <class T>
void ScaledValues<T>::prepare(MatrixView<const T> in, std::span<const double> key_weights, int threads) {
  raw_ = in;
  weights_ = key_weights;
  packed_ = false;
  count = in.rows;
  cols = in.cols;
  weighted = !key_weights.empty();
  planes = cols + weighted;
  total_weight = static_cast<double>(count);
  heaviest = weighted ? std::max(*std::max_element(key_weights.begin(), key_weights.end()), 1e-300) : 1;
  regular_ = box_.enclose(in, threads) && !weighted;
  if (regular_) {
    smallest = box_.low;
    largest = box_.high;
  } else {  // once more, over the entries that count
    constexpr double inf = std::numeric_limits<double>::infinity();
    smallest.assign(cols, inf);
    largest.assign(cols, -inf);
    for (std::size_t k = 0; k < count; ++k)
      for (std::size_t c = 0; c < cols; ++c)
        if (counts(k, c)) {
          smallest[c] = std::min(smallest[c], static_cast<double>(in(k, c)));
          largest[c] = std::max(largest[c], static_cast<double>(in(k, c)));
        }
  }
  middle.resize(cols);
  unit.resize(cols);
  per_unit_.resize(cols);
  irregular_.clear();
  for (std::size_t c = 0; c < cols; ++c) {
    if (smallest[c] > largest[c]) smallest[c] = largest[c] = 0;  // not one entry
    middle[c] = smallest[c] / 2 + largest[c] / 2;
    const double half = largest[c] / 2 - smallest[c] / 2;
    // A power of two >= half, within the range whose reciprocal is normal.
    const int exponent = half > 0 ? std::clamp(std::ilogb(half) + 1, -1020, 1020) : 0;
    unit[c] = std::ldexp(1.0, exponent);
    per_unit_[c] = std::ldexp(1.0, -exponent);
  }
  if (regular_) return;
  bool irregular = false;
  if (weighted) total_weight = 0;
  for (std::size_t k = 0; k < count; ++k) {
    if (weighted) total_weight += key_weights[k] / heaviest;
    for (std::size_t c = 0; c < cols; ++c) irregular |= sees(k) && !std::isfinite(in(k, c));
  }
  if (!irregular) return;
  irregular_.resize(checked_product("values", count + 1, cols));
  for (std::size_t k = 0; k < count; ++k)
    for (std::size_t c = 0; c < cols; ++c) {
      Counts n = irregular_[k * cols + c];
      if (sees(k)) {
        n.nan += std::isnan(in(k, c));
        n.positive += std::isinf(in(k, c)) && in(k, c) > 0;
        n.negative += std::isinf(in(k, c)) && in(k, c) < 0;
      }
      irregular_[(k + 1) * cols + c] = n;
    }
}

template <class T>
void ScaledValues<T>::pack() {
  if (packed_) return;
  packed_ = true;
  values.resize(checked_product("values", count, planes));
  if (regular_) return move_and_scale(raw_, middle.data(), per_unit_.data(), values.data());
  std::vector<double> all(1 + cols);
  for (std::size_t k = 0; k < count; ++k) {
    factors(k, all.data());
    for (std::size_t p = 0; p < planes; ++p) values[k * planes + p] = static_cast<T>(all[1 + cols - planes + p]);
  }
}

template <class T>
typename ScaledValues<T>::Counts ScaledValues<T>::between(std::size_t begin, std::size_t end, std::size_t col) const {
  const Counts &a = irregular_[begin * cols + col], &b = irregular_[end * cols + col];
  return {b.nan - a.nan, b.positive - a.positive, b.negative - a.negative};
}

template <class T>
double ScaledValues<T>::irregular(const KeyRange& range, std::size_t query, std::size_t col) const {
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
RowKeys<S>::RowKeys(MatrixView<const T> in, const Gaussian& score) : count(in.rows), dims(in.cols) {
  BoundingBox<T> box;
  enclose_keys(box, in);
  constexpr int largest_size = sizeof(S) == sizeof(float) ? 50 : 480;
  for (std::size_t d = 0; d < dims; ++d) {
    const double s = scale_of(score, d);
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
}

template <class S>
template <class T>
RowKeys<S>::RowKeys(MatrixView<const T> in, const Gaussian& score, const ScaledValues<T>& values) : RowKeys(in, score) {
  for (std::size_t k = 0; k < count && values.weighted; ++k)
    if (!values.sees(k)) keys[k] = static_cast<S>(farthest<S>);
}

template <class S>
S RowKeys<S>::coordinate(double x, std::size_t d) const {
  return static_cast<S>(std::clamp(x * scale[d], -farthest<S>, farthest<S>));
}

template void enclose_keys(BoundingBox<float>&, MatrixView<const float>, int);
template void enclose_keys(BoundingBox<double>&, MatrixView<const double>, int);
template struct BoundingBox<float>;
template struct BoundingBox<double>;
template struct BlockKeys<float>;
template struct BlockKeys<double>;
template struct ScaledValues<float>;
template struct ScaledValues<double>;
template struct RowKeys<float>;
template struct RowKeys<double>;
template RowKeys<float>::RowKeys(MatrixView<const float>, const Gaussian&);
template RowKeys<double>::RowKeys(MatrixView<const float>, const Gaussian&);
template RowKeys<double>::RowKeys(MatrixView<const double>, const Gaussian&);
template RowKeys<double>::RowKeys(MatrixView<const float>, const Gaussian&, const ScaledValues<float>&);
template RowKeys<double>::RowKeys(MatrixView<const double>, const Gaussian&, const ScaledValues<double>&);

}  // namespace attnpool::detail
