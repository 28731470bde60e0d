#pragma once
#include <attnpool/kernel.hpp>
#include <attnpool/view.hpp>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "data/interval.hpp"
#include "routine_table.hpp"

namespace attnpool::detail {

// Keys transposed to [D][K] for the row routines, scaled by powers of two only, so that differences of coordinates are
// those of the user's numbers; `factor` is what is left of the scale, squared. S is double where queries far from all
// keys are answered. Key weights are split (see KeyWeight): the exponent is the negated bias, the mantissa is left to the
// caller of the routines.
template <class S>
struct RowKeys {
  std::size_t count, dims;
  std::vector<double> scale;
  std::vector<S> factor;  // [dims], in [1, 4), or 0
  std::vector<S> keys;    // [dims][count]
  std::vector<S> bias;    // [count], inf for a key of weight 0; empty if all weigh the same
  std::vector<S> mantissa;

  template <class T>
  RowKeys(MatrixView<const T> keys, const Kernel& kernel, std::span<const double> key_weights);

  S coordinate(double x, std::size_t d) const;
  bool is_weighted() const { return !bias.empty(); }
  bool has_weight(std::size_t k) const { return bias.empty() || bias[k] < std::numeric_limits<S>::infinity(); }
  // The keys of an interval for a query and the coordinates of a reference key, both [dims].
  RowTask<S> task(const S* query, const S* reference, std::size_t reference_key, Interval interval) const {
    return {.query = query,
            .reference = reference,
            .factor = factor.data(),
            .keys = keys.data() + interval.begin,
            .key_stride = count,
            .key_count = interval.end - interval.begin,
            .dims = dims,
            .bias = is_weighted() ? bias.data() + interval.begin : nullptr,
            .reference_bias = is_weighted() ? bias[reference_key] : S(0)};
  }
};

}  // namespace attnpool::detail
