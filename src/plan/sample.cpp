#include "plan/sample.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "data/units.hpp"

namespace attnpool::detail {
namespace {

constexpr std::size_t query_samples = 16, key_samples = 256;

// Squared distances, in units of the exponent, from a query to sampled keys.
template <class T>
std::vector<double> sampled_squares(const PoolRequest<T>& request, std::size_t query, std::size_t key_step,
                                    const std::vector<double>& scale) {
  std::vector<double> squares;
  for (std::size_t k = 0; k < request.keys.rows; k += key_step) {
    double square = 0;
    for (std::size_t d = 0; d < request.keys.cols; ++d) {
      const double delta =
          (static_cast<double>(request.queries(query, d)) - static_cast<double>(request.keys(k, d))) * scale[d];
      square += delta * delta;
    }
    squares.push_back(std::isnan(square) ? std::numeric_limits<double>::infinity() : square);
  }
  return squares;
}

}  // namespace

template <class T>
Sample take_sample(const PoolRequest<T>& request, const Workspace<T>& workspace) {
  const std::size_t dims = request.keys.cols, queries = request.queries.rows, keys = request.keys.rows;
  const double cutoff =
      std::log2(static_cast<double>(keys)) + 2 - std::log2(static_cast<double>(std::numeric_limits<T>::epsilon()));
  const double per_dim = 1 / static_cast<double>(dims);
  const double blocks =
      std::pow(std::min(1.0, static_cast<double>(tile_keys) / static_cast<double>(keys)), per_dim) +
      std::pow(std::min(1.0, static_cast<double>(query_block) / static_cast<double>(queries)), per_dim);
  const std::vector<double> scale = scales_of(request.kernel, dims);
  double diagonal = 0, least = static_cast<double>(tile_keys) / static_cast<double>(keys);
  for (std::size_t d = 0; d < dims; ++d) {
    const double side = (workspace.region.high[d] - workspace.region.low[d]) * scale[d] * blocks / 2;
    diagonal += side * side;
    least *= 2;
  }
  diagonal = std::sqrt(diagonal);
  const std::size_t query_step = std::max<std::size_t>(1, queries / query_samples),
                    key_step = std::max<std::size_t>(1, keys / key_samples);
  const double in_block = static_cast<double>(tile_keys) / static_cast<double>(key_step);  // sampled keys of a block
  const bool compact = request.is_compact(),
             fills_in_empty = request.options.empty == Empty::nearest || request.options.empty == Empty::mean;
  double visited = 0, pairs = 0, far = 0, deserted = 0, rows = 0;
  for (std::size_t q = 0; q < queries; q += query_step) {
    std::vector<double> squares = sampled_squares(request, q, key_step, scale);
    // Among all keys the nearest is nearer than among the sampled ones.
    const double nearest =
        *std::min_element(squares.begin(), squares.end()) * std::pow(1 / static_cast<double>(key_step), 2 * per_dim);
    // Half of a block that lies here: as far as its keys reach, were the query in its middle.
    const auto last =
        squares.begin() + static_cast<std::ptrdiff_t>(std::min(squares.size() - 1, static_cast<std::size_t>(in_block)));
    std::nth_element(squares.begin(), last, squares.end());
    const double block = std::min(diagonal, 4 * std::sqrt(*last) * std::pow(std::min(1.0, in_block), per_dim));
    const double reach = compact ? 1 + block : std::sqrt(std::pow(std::sqrt(nearest) + block / 2, 2) + cutoff) + block;
    for (const double square : squares) visited += square <= reach * reach;
    pairs += static_cast<double>(squares.size());
    far += compact ? fills_in_empty && nearest > 1 : nearest > -std::log2(smallest_sum);
    deserted += nearest > 9;
    rows += 1;
  }
  // In more than one dimension blocks of the curve are not cubes: 1.8 times as many were visited.
  const double shape = dims > 1 ? 1.8 : 1;
  return {std::clamp(shape * visited / pairs, std::min(1.0, least), 1.0), far / rows, deserted / rows};
}

template Sample take_sample(const PoolRequest<float>&, const Workspace<float>&);
template Sample take_sample(const PoolRequest<double>&, const Workspace<double>&);

}  // namespace attnpool::detail
