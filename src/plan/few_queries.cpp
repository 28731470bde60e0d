#include "plan/few_queries.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/aligned.hpp"
#include "base/dispatch.hpp"
#include "base/threads.hpp"
#include "data/units.hpp"
#include "plan/dense.hpp"

namespace attnpool::detail {
namespace {

constexpr std::size_t piece_bytes = std::size_t{1} << 20;  // of keys and values per task

struct Piece {  // keys of one query that one task streams
  std::size_t query, first, count;
};

}  // namespace

template <class T>
bool pool_few_queries(const PoolRequest<T>& request, MatrixView<const T> values, MatrixView<T> out) {
  const MatrixView<const T> queries = request.queries, keys = request.keys;
  const Options& options = request.options;
  const bool dense = options.algorithm == Algorithm::automatic || options.algorithm == Algorithm::dense;
  if (!request.profile().is_gaussian() || request.custom || request.moments != Moments::none || !options.status.empty())
    return false;
  if (!has_few_queries(queries.rows, keys.rows) || !dense || !options.key_weights.empty()) return false;
  const std::size_t dims = keys.cols, cols = values.cols;
  constexpr double largest = static_cast<double>(std::numeric_limits<T>::max());
  std::vector<T> scale, query_copy;
  for (std::size_t d = 0; d < dims; ++d) {
    const double s = scale_of(request.kernel, d);
    if (s > largest) return false;
    scale.push_back(static_cast<T>(s));
  }
  const std::size_t piece_keys = keys_filling<T>(piece_bytes, dims, cols);
  std::vector<Piece> pieces;
  for (std::size_t q = 0; q < queries.rows; ++q) {
    for (std::size_t d = 0; d < dims; ++d) query_copy.push_back(queries(q, d));
    const auto seen = visible_keys(options.range, q, keys.rows);
    // All keys, or all but one: keys that nobody sees would not be found out if they are not finite.
    if (seen[0].begin != 0 || seen[1].end != keys.rows) return false;
    for (std::size_t k = seen[0].end; k < seen[1].begin; ++k)
      for (std::size_t d = 0; d < dims; ++d)
        if (!std::isfinite(keys(k, d))) return false;
    for (const Interval& interval : seen)
      for (std::size_t k = interval.begin; k < interval.end; k += piece_keys)
        pieces.push_back({q, k, std::min(piece_keys, interval.end - k)});
  }
  const std::vector<T> origin(values.row(0), values.row(0) + cols);
  const Routines<T>& routines = active_routines<T>();
  const int threads = threads_for(options.threads, static_cast<double>(queries.rows) * static_cast<double>(keys.rows) *
                                                       static_cast<double>(2 * dims + cols + 14));
  // What a task writes as it goes is its thread's own; the results of all pieces are touched once.
  struct Scratch {
    AlignedVector<T> tile, smallest, largest;
    AlignedVector<double> sums;
  };
  std::vector<Scratch> scratch(static_cast<std::size_t>(threads));
  for (Scratch& s : scratch) {
    s.tile.resize((dims + cols + 1) * tile_keys + 64);
    s.smallest.resize(cols + 64);
    s.largest.resize(cols + 64);
    s.sums.resize(1 + cols + 64);
  }
  std::vector<double> sums(pieces.size() * (1 + cols));
  std::vector<T> smallest(pieces.size() * cols), largest_seen(pieces.size() * cols);
  std::vector<char> irregular(pieces.size());
  parallel_for(pieces.size(), threads, options.progress, [&](std::size_t i, int worker) {
    const Piece& piece = pieces[i];
    Scratch& s = scratch[static_cast<std::size_t>(worker)];
    std::fill(s.sums.begin(), s.sums.end(), 0.0);
    std::fill(s.smallest.begin(), s.smallest.end(), std::numeric_limits<T>::max());
    std::fill(s.largest.begin(), s.largest.end(), std::numeric_limits<T>::lowest());
    bool found = false;
    routines.stream({query_copy.data() + piece.query * dims, scale.data(), keys.row(piece.first), keys.row_stride,
                     values.row(piece.first), values.row_stride, origin.data(), piece.count, dims, cols, s.tile.data(),
                     s.sums.data(), s.smallest.data(), s.largest.data(), &found});
    irregular[i] = found;
    std::copy_n(s.sums.begin(), 1 + cols, sums.begin() + static_cast<std::ptrdiff_t>(i * (1 + cols)));
    std::copy_n(s.smallest.begin(), cols, smallest.begin() + static_cast<std::ptrdiff_t>(i * cols));
    std::copy_n(s.largest.begin(), cols, largest_seen.begin() + static_cast<std::ptrdiff_t>(i * cols));
  });
  if (std::any_of(irregular.begin(), irregular.end(), [](char x) { return x != 0; })) return false;

  std::vector<T> result(queries.rows * cols);
  for (std::size_t q = 0; q < queries.rows; ++q) {
    double weight = 0;
    for (std::size_t i = 0; i < pieces.size(); ++i) weight += pieces[i].query == q ? sums[i * (1 + cols)] : 0;
    if (!(weight >= smallest_sum)) return false;
    for (std::size_t v = 0; v < cols; ++v) {
      double sum = 0, low = largest, high = -largest;
      for (std::size_t i = 0; i < pieces.size(); ++i) {
        if (pieces[i].query != q) continue;
        sum += sums[i * (1 + cols) + 1 + v];
        low = std::min(low, static_cast<double>(smallest[i * cols + v]));
        high = std::max(high, static_cast<double>(largest_seen[i * cols + v]));
      }
      // Spreads whose products with weights could overflow or vanish.
      const double spread = high - low;
      constexpr double tiny = sizeof(T) == 4 ? 0x1p-60 : 0x1p-500, huge = sizeof(T) == 4 ? 0x1p90 : 0x1p900;
      if (!std::isfinite(sum) || (spread != 0 && !(spread > tiny && std::max(-low, high) < huge))) return false;
      result[q * cols + v] = static_cast<T>(static_cast<double>(origin[v]) + std::clamp(sum / weight, low, high));
    }
  }
  for (std::size_t q = 0; q < queries.rows; ++q)
    std::copy(result.data() + q * cols, result.data() + (q + 1) * cols, out.row(q));
  return true;
}

template bool pool_few_queries(const PoolRequest<float>&, MatrixView<const float>, MatrixView<float>);
template bool pool_few_queries(const PoolRequest<double>&, MatrixView<const double>, MatrixView<double>);

}  // namespace attnpool::detail
