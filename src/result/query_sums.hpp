#pragma once
// What every plan hands over: the sums behind the answers of some queries.
#include <cstddef>
#include <cstdint>

#include "data/prepare.hpp"

namespace attnpool::detail {

// Which derivatives of the score to carry along.
enum class Moments { none, scalar, per_dimension };

inline std::size_t parameter_count(Moments moments, std::size_t dims) {
  return moments == Moments::none ? 0 : moments == Moments::scalar ? 1 : dims;
}

// Sums over the keys of weight * key weight * {1, value}, and the same times the exponents delta_p^2. Weights are
// 2^-(e - reference), e the scaled squared distance. weight(0, lane) is 0 if the query saw no key and NaN if it is not
// finite.
struct QuerySums {
  std::size_t count;           // of queries
  std::size_t first;           // lane i is query first + i,
  const std::uint32_t* order;  // or, unless null, order[i]
  const double* sums;  // [parameters + 1][group][stride]: per parameter `skip` sums to pass over, then of weights,
  std::size_t stride;  // then of values
  std::size_t group, skip;
  double reference;
  const double* bounds;  // null, or of |mean - exact| / (largest - smallest value) of each lane

  std::size_t query(std::size_t lane) const { return order ? order[lane] : first + lane; }
  // p = 0: of w, p >= 1: of w * delta_(p - 1)^2
  double weight(std::size_t p, std::size_t lane) const { return sums[(p * group + skip) * stride + lane]; }
  double value(std::size_t p, std::size_t v, std::size_t lane) const {
    return sums[(p * group + skip + 1 + v) * stride + lane];
  }
};

// mean[lane] = the weighted mean of column v, with the middle, the unit and the hull of the column put back. NaN if the
// query saw nothing.
template <class T>
void weighted_means(const ScaledValues<T>& values, const KeyRange& range, const QuerySums& q, std::size_t v,
                    double* mean);

}  // namespace attnpool::detail
