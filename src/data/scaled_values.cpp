#include "data/scaled_values.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/validate.hpp"
#include "data/move_and_scale.hpp"

namespace attnpool::detail {

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
  const double heaviest = weighted ? *std::max_element(key_weights.begin(), key_weights.end()) : 1;
  weight_exponent = weighted && heaviest > 0 ? std::ilogb(heaviest) + 1 : 0;
  regular_ = box_.enclose(in, threads) && !weighted;
  irregular_.clear();
  find_extremes();
  choose_units();
  if (regular_) return;
  bool irregular = false;
  if (weighted) total_weight = 0;
  for (std::size_t k = 0; k < count; ++k) {
    if (weighted) total_weight += std::ldexp(key_weights[k], -weight_exponent);
    for (std::size_t c = 0; c < cols; ++c) irregular |= has_weight(k) && !std::isfinite(in(k, c));
  }
  if (irregular) count_irregular();
}

// Of the entries that count, per column.
template <class T>
void ScaledValues<T>::find_extremes() {
  if (regular_) {
    smallest = box_.low;
    largest = box_.high;
    return;
  }
  constexpr double inf = std::numeric_limits<double>::infinity();
  smallest.assign(cols, inf);
  largest.assign(cols, -inf);
  for (std::size_t k = 0; k < count; ++k)
    for (std::size_t c = 0; c < cols; ++c)
      if (counts(k, c)) {
        smallest[c] = std::min(smallest[c], static_cast<double>(raw_(k, c)));
        largest[c] = std::max(largest[c], static_cast<double>(raw_(k, c)));
      }
}

template <class T>
void ScaledValues<T>::choose_units() {
  middle.resize(cols);
  unit.resize(cols);
  per_unit_.resize(cols);
  for (std::size_t c = 0; c < cols; ++c) {
    if (smallest[c] > largest[c]) smallest[c] = largest[c] = 0;  // not one entry
    middle[c] = smallest[c] / 2 + largest[c] / 2;
    const double half = largest[c] / 2 - smallest[c] / 2;
    // A power of two >= half, within the range whose reciprocal is normal.
    const int exponent = half > 0 ? std::clamp(std::ilogb(half) + 1, -1020, 1020) : 0;
    unit[c] = std::ldexp(1.0, exponent);
    per_unit_[c] = std::ldexp(1.0, -exponent);
  }
}

template <class T>
void ScaledValues<T>::count_irregular() {
  irregular_.resize(checked_product("values", count + 1, cols));
  for (std::size_t k = 0; k < count; ++k)
    for (std::size_t c = 0; c < cols; ++c) {
      Counts n = irregular_[k * cols + c];
      if (has_weight(k)) {
        n.nan += std::isnan(raw_(k, c));
        n.positive += std::isinf(raw_(k, c)) && raw_(k, c) > 0;
        n.negative += std::isinf(raw_(k, c)) && raw_(k, c) < 0;
      }
      irregular_[(k + 1) * cols + c] = n;
    }
}

template <class T>
void ScaledValues<T>::keep_zero() {
  for (std::size_t c = 0; c < cols; ++c) {
    const int exponent = largest[c] > 0 ? std::clamp(std::ilogb(largest[c]) + 1, -1020, 1020) : 0;
    middle[c] = 0;
    unit[c] = std::ldexp(1.0, exponent);
    per_unit_[c] = std::ldexp(1.0, -exponent);
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
void ScaledValues<T>::take_rows(const ScaledValues& other, const std::vector<std::uint32_t>& order) {
  count = order.size();
  cols = other.cols;
  planes = other.planes;
  weighted = other.weighted;
  weight_exponent = other.weight_exponent;
  values.resize(count * planes);
  for (std::size_t i = 0; i < count; ++i)
    std::copy_n(other.values.data() + order[i] * planes, planes, values.data() + i * planes);
  own_rows_.clear();
  own_weights_.clear();
  if (weighted) {
    middle = other.middle;
    per_unit_ = other.per_unit_;
    regular_ = false;
    for (const std::uint32_t k : order) {
      own_rows_.insert(own_rows_.end(), other.raw_.row(k), other.raw_.row(k) + cols);
      own_weights_.push_back(other.weights_[k]);
    }
  }
  raw_ = {own_rows_.data(), own_weights_.size(), cols};
  weights_ = own_weights_;
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

template struct ScaledValues<float>;
template struct ScaledValues<double>;

}  // namespace attnpool::detail
