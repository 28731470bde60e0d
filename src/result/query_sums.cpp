#include "result/query_sums.hpp"

namespace attnpool::detail {

void keep_lanes(QuerySums& q, const bool* keep, double* sums, std::size_t rows, double* bounds, std::uint32_t* order) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < q.count; ++i) {
    if (!keep[i]) continue;
    order[kept] = q.order ? q.order[i] : static_cast<std::uint32_t>(i);
    for (std::size_t r = 0; r < rows; ++r) sums[r * q.stride + kept] = sums[r * q.stride + i];
    if (bounds) bounds[kept] = bounds[i];
    ++kept;
  }
  q.count = kept;
  q.order = order;
}

template <class T>
void weighted_means(const ScaledValues<T>& values, const KeyRange& range, const QuerySums& q, std::size_t v,
                    double* mean) {
  const double middle = values.middle[v], unit = values.unit[v], low = values.smallest[v], high = values.largest[v];
  for (std::size_t i = 0; i < q.count; ++i) {
    const double x = middle + unit * (q.value(0, v, i) / q.weight(0, i));  // 0 / 0 is NaN, as wanted: nothing was seen
    const double not_above = x > high ? high : x;
    mean[i] = not_above < low ? low : not_above;
  }
  if (values.all_finite()) return;
  for (std::size_t i = 0; i < q.count; ++i)
    if (const double irregular = values.irregular(range, q.query(i), v); irregular != 0 && q.weight(0, i) > 0)
      mean[i] = irregular;
}

template void weighted_means(const ScaledValues<float>&, const KeyRange&, const QuerySums&, std::size_t, double*);
template void weighted_means(const ScaledValues<double>&, const KeyRange&, const QuerySums&, std::size_t, double*);

}  // namespace attnpool::detail
