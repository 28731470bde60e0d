#include "data/weighted_rows.hpp"

#include <algorithm>
#include <cmath>

#include "base/to_string.hpp"
#include "base/validate.hpp"

namespace attnpool::detail {
namespace {

template <class T>
void append_row(std::vector<double>& to, MatrixView<const T> from, std::size_t row, const char* name) {
  for (std::size_t c = 0; c < from.cols; ++c) {
    const auto value = static_cast<double>(from(row, c));
    if (!std::isfinite(value))
      bad_argument(std::string(name) + "[" + to_string(row) + "," + to_string(c) + "]",
                   "must be finite, got " + to_string(value));
    to.push_back(value);
  }
}

}  // namespace

template <class T>
WeightedRows weighted_rows(MatrixView<const T> keys, MatrixView<const T> values, std::span<const double> key_weights,
                           const char* purpose, std::size_t least) {
  if (!key_weights.empty() && key_weights.size() != keys.rows)
    bad_argument("key_weights",
                 "must have one entry per key = " + to_string(keys.rows) + ", got " + to_string(key_weights.size()));
  double heaviest = 0;
  for (std::size_t k = 0; k < key_weights.size(); ++k) {
    if (!(key_weights[k] >= 0) || !std::isfinite(key_weights[k]))
      bad_argument("key_weights[" + to_string(k) + "]", "must be finite and >= 0, got " + to_string(key_weights[k]));
    heaviest = std::max(heaviest, key_weights[k]);
  }
  WeightedRows data;
  data.dims = keys.cols, data.cols = values.cols;
  data.weight_exponent = heaviest > 0 ? std::ilogb(heaviest) : 0;
  for (std::size_t k = 0; k < keys.rows; ++k) {
    if (!key_weights.empty() && key_weights[k] == 0) continue;
    append_row(data.keys, keys, k, "keys");
    append_row(data.values, values, k, "values");
    if (!key_weights.empty()) data.weights.push_back(std::ldexp(key_weights[k], -data.weight_exponent));
    data.origin.push_back(k);
    ++data.rows;
  }
  if (data.rows < least)
    bad_argument("keys", std::string(purpose) + " needs at least " + (least == 1 ? "one row" : "two rows") +
                             " of positive weight, got " + to_string(data.rows));
  return data;
}

template WeightedRows weighted_rows(MatrixView<const float>, MatrixView<const float>, std::span<const double>,
                                    const char*, std::size_t);
template WeightedRows weighted_rows(MatrixView<const double>, MatrixView<const double>, std::span<const double>,
                                    const char*, std::size_t);

}  // namespace attnpool::detail
