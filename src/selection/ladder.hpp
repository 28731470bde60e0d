#pragma once
// The criterion of one-dimensional data along a ladder of bandwidths, each 1 / sqrt(2) of the one before: their weights are
// squares of each other, so that one exponential serves ladder_steps of them.
#include <array>
#include <attnpool/options.hpp>
#include <vector>

#include "routine_table.hpp"
#include "selection/data.hpp"

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
  Block block_of(const std::vector<std::size_t>& places, std::size_t first, double scale) const;
  LadderTask task_of(const Block& block, double scale, std::size_t col, double* sums) const;
  template <class Answer>
  void for_blocks(std::size_t judged, int threads, const Progress& progress, const Answer& answer);
  void answer_rung(const std::vector<std::size_t>& places, std::size_t first, double w, std::size_t width,
                   std::vector<double>& terms) const;
  void answer_block(const std::vector<std::size_t>& places, std::size_t first, double w,
                    std::array<std::vector<double>, ladder_steps>& terms) const;

  const SelectionData& data_;
  std::vector<std::size_t> order_;                    // rows in ascending order of their keys
  std::vector<double> keys_;                          // in that order, as are
  std::vector<double> weights_;                       // [rows]
  std::vector<std::vector<double>> weighted_values_;  // [cols][rows]
  std::vector<std::size_t> places_;
  std::size_t places_judged_ = 0;
};

}  // namespace attnpool::detail
