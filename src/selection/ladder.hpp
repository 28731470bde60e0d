#pragma once
// The criterion of one-dimensional data along a ladder of bandwidths, each 1 / sqrt(2) of the one before: their weights are
// squares of each other, so that one exponential serves ladder_steps of them.
#include <array>
#include <attnpool/options.hpp>
#include <optional>
#include <vector>

#include "routine_table.hpp"
#include "selection/data.hpp"
#include "selection/thinned_keys.hpp"

namespace attnpool::detail {

class Ladder {
 public:
  // data must outlive this object. Serves one dimension, and key weights whose ratio does not exceed 1e4: the sums of weights
  // have a query's own taken off.
  explicit Ladder(const SelectionData& data);
  static bool serves(const SelectionData& data);

  // Whether one pass is expected to be quicker than `steps` of the grid for the first `judged` rows, at bandwidths 1 / w,
  // 1 / (sqrt(2) w) ..
  bool pays(double w, std::size_t judged, std::size_t steps = ladder_steps) const;

  // For each step, of the first `judged` rows: squares of the error without and with the row, and 1 - leverage, [judged][3].
  std::array<std::vector<double>, ladder_steps> terms(double w, std::size_t judged, int threads,
                                                      const Progress& progress);

  // At w alone the same, and with_gradient the derivatives of the three in log w, [judged][3 or 6].
  std::vector<double> rung(double w, bool with_gradient, std::size_t judged, int threads, const Progress& progress);

 private:
  // Places in ascending order of the keys, of the rows < judged.
  const std::vector<std::size_t>& places_of(std::size_t judged);
  std::size_t nearest_other(std::size_t place) const;
  template <class Add>
  void for_near(std::size_t place, double scale, const Add& add) const;
  struct Block;
  // Of one block: of each step, or of the rung, [ladder_lanes][3 or 6].
  using BlockTerms = std::array<double, 3 * ladder_steps * ladder_lanes>;
  Block block_of(const std::vector<std::size_t>& places, std::size_t first, double scale) const;
  std::optional<Block> among(const SortedKeys& few, const Block& block, double scale) const;
  bool is_scattered(const Block& block, double scale) const;
  bool may_thin(double largest_scale, std::size_t judged) const;
  SortedKeys thinned_for(double largest_scale);
  bool add_ladder(const Block& block, double scale, BlockTerms& terms) const;
  bool add_rung(const Block& block, double scale, std::size_t width, BlockTerms& terms) const;
  template <class Add, class Take>
  void for_blocks(std::size_t judged, double scale, double largest_scale, int threads, const Progress& progress,
                  const Add& add, const Take& take);

  const SelectionData& data_;
  std::vector<std::size_t> order_;    // rows in ascending order of their keys
  SortedKeys all_;                    // in that order
  std::vector<double> weight_below_;  // [rows + 1]: the sum of the weights of the first keys
  SortedKeys base_;                   // all_ thinned for scale_of_base_ when first needed; 0: never
  double scale_of_base_ = 0;
  std::vector<std::size_t> places_;
  std::size_t places_judged_ = 0;
};

}  // namespace attnpool::detail
