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

// What a pass over each piece yields; values are counted from an origin.
template <class T>
struct PieceSums {
  std::vector<double> sums;          // [pieces][1 + cols]: of weights, and of weighted values
  std::vector<T> smallest, largest;  // [pieces][cols], of values
};

// Empty if a scale is too large for T.
template <class T>
std::vector<T> scales_of(const Kernel& kernel, std::size_t dims) {
  std::vector<T> scale;
  for (std::size_t d = 0; d < dims; ++d) {
    const double s = scale_of(kernel, d);
    if (s > static_cast<double>(std::numeric_limits<T>::max())) return {};
    scale.push_back(static_cast<T>(s));
  }
  return scale;
}

// Empty unless every query sees all keys, or all but one that is finite: keys that nobody sees would not be found out if they
// are not.
template <class T>
std::vector<Piece> pieces_of(const PoolRequest<T>& request, std::size_t cols) {
  const MatrixView<const T> keys = request.keys;
  const std::size_t piece_keys = keys_filling<T>(piece_bytes, keys.cols, cols);
  std::vector<Piece> pieces;
  for (std::size_t q = 0; q < request.queries.rows; ++q) {
    const auto seen = visible_keys(request.options.range, q, keys.rows);
    if (seen[0].begin != 0 || seen[1].end != keys.rows) return {};
    for (std::size_t k = seen[0].end; k < seen[1].begin; ++k)
      for (std::size_t d = 0; d < keys.cols; ++d)
        if (!std::isfinite(keys(k, d))) return {};
    for (const Interval& interval : seen)
      for (std::size_t k = interval.begin; k < interval.end; k += piece_keys)
        pieces.push_back({q, k, std::min(piece_keys, interval.end - k)});
  }
  return pieces;
}

// Fills in `result`; false if a distance is not finite.
template <class T>
bool stream(const PoolRequest<T>& request, MatrixView<const T> values, const std::vector<T>& scale,
            const std::vector<Piece>& pieces, PieceSums<T>& result) {
  const MatrixView<const T> queries = request.queries, keys = request.keys;
  const std::size_t dims = keys.cols, cols = values.cols;
  std::vector<T> query_copy;
  for (std::size_t q = 0; q < queries.rows; ++q)
    for (std::size_t d = 0; d < dims; ++d) query_copy.push_back(queries(q, d));
  const Routines<T>& routines = active_routines<T>();
  const int threads =
      threads_for(request.options.threads, static_cast<double>(queries.rows) * static_cast<double>(keys.rows) *
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
  result.sums.resize(pieces.size() * (1 + cols));
  result.smallest.resize(pieces.size() * cols);
  result.largest.resize(pieces.size() * cols);
  std::vector<char> irregular(pieces.size());
  parallel_for(pieces.size(), threads, request.options.progress, [&](std::size_t i, int worker) {
    const Piece& piece = pieces[i];
    Scratch& s = scratch[static_cast<std::size_t>(worker)];
    std::fill(s.sums.begin(), s.sums.end(), 0.0);
    std::fill(s.smallest.begin(), s.smallest.end(), std::numeric_limits<T>::max());
    std::fill(s.largest.begin(), s.largest.end(), std::numeric_limits<T>::lowest());
    bool found = false;
    routines.stream({query_copy.data() + piece.query * dims, scale.data(), keys.row(piece.first), keys.row_stride,
                     values.row(piece.first), values.row_stride, values.row(0), piece.count, dims, cols, s.tile.data(),
                     s.sums.data(), s.smallest.data(), s.largest.data(), &found});
    irregular[i] = found;
    std::copy_n(s.sums.begin(), 1 + cols, result.sums.begin() + static_cast<std::ptrdiff_t>(i * (1 + cols)));
    std::copy_n(s.smallest.begin(), cols, result.smallest.begin() + static_cast<std::ptrdiff_t>(i * cols));
    std::copy_n(s.largest.begin(), cols, result.largest.begin() + static_cast<std::ptrdiff_t>(i * cols));
  });
  return std::none_of(irregular.begin(), irregular.end(), [](char x) { return x != 0; });
}

// The answer to query q, [cols]; false if it is far from every key, or if products with the values could overflow or vanish.
template <class T>
bool divide(const std::vector<Piece>& pieces, const PieceSums<T>& sums, std::size_t q, const T* origin,
            std::size_t cols, T* out) {
  double weight = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i) weight += pieces[i].query == q ? sums.sums[i * (1 + cols)] : 0;
  if (!(weight >= smallest_sum)) return false;
  constexpr double most = static_cast<double>(std::numeric_limits<T>::max());
  for (std::size_t v = 0; v < cols; ++v) {
    double sum = 0, low = most, high = -most;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      if (pieces[i].query != q) continue;
      sum += sums.sums[i * (1 + cols) + 1 + v];
      low = std::min(low, static_cast<double>(sums.smallest[i * cols + v]));
      high = std::max(high, static_cast<double>(sums.largest[i * cols + v]));
    }
    const double spread = high - low;
    constexpr double tiny = sizeof(T) == 4 ? 0x1p-60 : 0x1p-500, huge = sizeof(T) == 4 ? 0x1p90 : 0x1p900;
    if (!std::isfinite(sum) || (spread != 0 && !(spread > tiny && std::max(-low, high) < huge))) return false;
    out[v] = static_cast<T>(static_cast<double>(origin[v]) + std::clamp(sum / weight, low, high));
  }
  return true;
}

}  // namespace

template <class T>
bool pool_few_queries(const PoolRequest<T>& request, MatrixView<const T> values, MatrixView<T> out) {
  const Options& options = request.options;
  const bool dense = options.algorithm == Algorithm::automatic || options.algorithm == Algorithm::dense;
  if (!request.profile().is_gaussian() || request.custom || request.moments != Moments::none || !options.status.empty())
    return false;
  if (!has_few_queries(request.queries.rows, request.keys.rows) || !dense || !options.key_weights.empty()) return false;
  const std::size_t queries = request.queries.rows, cols = values.cols;
  const std::vector<T> scale = scales_of<T>(request.kernel, request.keys.cols);
  if (scale.empty()) return false;
  const std::vector<Piece> pieces = pieces_of(request, cols);
  PieceSums<T> sums;
  if (pieces.empty() || !stream(request, values, scale, pieces, sums)) return false;

  std::vector<T> result(queries * cols);
  for (std::size_t q = 0; q < queries; ++q)
    if (!divide(pieces, sums, q, values.row(0), cols, result.data() + q * cols)) return false;
  for (std::size_t q = 0; q < queries; ++q)
    std::copy(result.data() + q * cols, result.data() + (q + 1) * cols, out.row(q));
  return true;
}

template bool pool_few_queries(const PoolRequest<float>&, MatrixView<const float>, MatrixView<float>);
template bool pool_few_queries(const PoolRequest<double>&, MatrixView<const double>, MatrixView<double>);

}  // namespace attnpool::detail
