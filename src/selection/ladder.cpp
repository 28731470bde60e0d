#include "selection/ladder.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/dispatch.hpp"
#include "base/threads.hpp"
#include "data/units.hpp"
#include "result/leverage.hpp"

namespace attnpool::detail {

// Squared distances to the nearest other key up to which differences of squares keep nine digits.
constexpr double most_relative = 1e5;

// 2^-e; exp2 takes its time over what underflows.
static double power_of(double e) { return e < 1080 ? std::exp2(-e) : 0; }

bool Ladder::serves(const SelectionData& data) {
  if (data.dims != 1) return false;
  const auto [least, most] = std::minmax_element(data.weights.begin(), data.weights.end());
  return data.weights.empty() || *most <= 1e4 * *least;
}

Ladder::Ladder(const SelectionData& data) : data_(data), order_(data.rows) {
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  std::sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) {
    return data.keys[a] < data.keys[b] || (data.keys[a] == data.keys[b] && a < b);
  });
  weighted_values_.resize(data.cols);
  for (const std::size_t row : order_) {
    keys_.push_back(data.keys[row]);
    weights_.push_back(data.weight(row));
    for (std::size_t v = 0; v < data.cols; ++v)
      weighted_values_[v].push_back(data.weight(row) * data.values[row * data.cols + v]);
  }
}

const std::vector<std::size_t>& Ladder::places_of(std::size_t judged) {
  if (places_judged_ == judged) return places_;
  places_.clear();
  for (std::size_t place = 0; place < order_.size(); ++place)
    if (order_[place] < judged) places_.push_back(place);
  places_judged_ = judged;
  return places_;
}

std::size_t Ladder::nearest_other(std::size_t place) const {
  if (place == 0) return 1;
  if (place + 1 == keys_.size()) return place - 1;
  return keys_[place] - keys_[place - 1] < keys_[place + 1] - keys_[place] ? place - 1 : place + 1;
}

// Calls add(key, weight, e) for a query whose nearest other key is so far away that exponents relative to it would lose their
// digits as differences of squares. The few keys that count lie next to it in the order. The query's own key counts with e = 0.
template <class Add>
void Ladder::for_near(std::size_t place, double scale, const Add& add) const {
  const double query = keys_[place], reference = keys_[nearest_other(place)];
  const auto counts = [&](std::size_t k) {
    const double e =
        k == place ? 0 : scale * (reference - keys_[k]) * (scale * ((query - reference) + (query - keys_[k])));
    if (!(e <= ladder_exponent)) return false;
    add(k, std::exp2(-e), e);
    return true;
  };
  for (std::size_t k = place + 1; k-- > 0 && counts(k);) {
  }
  for (std::size_t k = place + 1; k < keys_.size() && counts(k); ++k) {
  }
}

bool Ladder::pays(double w, std::size_t judged, std::size_t steps) const {
  const double rows = static_cast<double>(data_.rows), reach = std::sqrt(2 * 0.7 * ladder_exponent) / w;
  const double part = std::min(1.0, 2 * reach / (keys_.back() - keys_.front()));
  constexpr double pair = 2.7e-10, pass = 2.5e-4, row = 4e-9;  // seconds, two threads with AVX-512
  return static_cast<double>(judged) * rows * part * pair < static_cast<double>(steps) * (pass + rows * row);
}

// Neighbouring queries, and the keys [begin, end) that count for those of them that are not isolated.
struct Ladder::Block {
  std::size_t count;
  double query[ladder_lanes], nearest[ladder_lanes];  // nearest: see LadderTask
  bool is_isolated[ladder_lanes];
  std::size_t begin, end;
};

Ladder::Block Ladder::block_of(const std::vector<std::size_t>& places, std::size_t first, double scale) const {
  Block block;
  block.count = std::min(ladder_lanes, places.size() - first);
  double low = HUGE_VAL, high = -HUGE_VAL;
  for (std::size_t i = 0; i < ladder_lanes; ++i) {
    const std::size_t place = places[first + std::min(i, block.count - 1)];
    const double gap = (keys_[place] - keys_[nearest_other(place)]) * scale;
    block.query[i] = keys_[place];
    block.nearest[i] = gap * gap;
    block.is_isolated[i] = block.nearest[i] > most_relative;
    if (block.is_isolated[i]) continue;
    const double reach = 1.000001 * std::sqrt(ladder_exponent + block.nearest[i]) / scale;
    low = std::min(low, block.query[i] - reach);
    high = std::max(high, block.query[i] + reach);
  }
  const auto place_of = [&](auto bound) { return static_cast<std::size_t>(bound - keys_.begin()); };
  block.begin = low > high ? 0 : place_of(std::lower_bound(keys_.begin(), keys_.end(), low));
  block.end = low > high ? 0 : place_of(std::upper_bound(keys_.begin(), keys_.end(), high));
  return block;
}

LadderTask Ladder::task_of(const Block& block, double scale, std::size_t col, double* sums) const {
  return {.queries = block.query,
          .nearest = block.nearest,
          .scale = scale,
          .keys = keys_.data() + block.begin,
          .weights = weights_.data() + block.begin,
          .values = weighted_values_[col].data() + block.begin,
          .key_count = block.end - block.begin,
          .sums = sums};
}

void Ladder::answer_block(const std::vector<std::size_t>& places, std::size_t first, double w,
                          std::array<std::vector<double>, ladder_steps>& terms) const {
  const double scale = w * std::sqrt(exponent_scale_squared);
  const Block block = block_of(places, first, scale);
  double sums[2 * ladder_steps * ladder_lanes];
  for (std::size_t v = 0; v < data_.cols; ++v) {
    active_table().ladder(task_of(block, scale, v, sums));
    for (std::size_t i = 0; i < block.count; ++i) {
      const std::size_t place = places[first + i], row = order_[place];
      if (block.is_isolated[i]) {
        for (std::size_t s = 0; s < 2 * ladder_steps; ++s) sums[s * ladder_lanes + i] = 0;
        for_near(place, scale, [&](std::size_t k, double weight, double) {
          for (std::size_t s = 0; s < ladder_steps; ++s, weight *= weight) {
            sums[2 * s * ladder_lanes + i] += weight * weights_[k];
            sums[(2 * s + 1) * ladder_lanes + i] += weight * weighted_values_[v][k];
          }
        });
      }
      const double own = weights_[place], own_value = weighted_values_[v][place];
      const double value = data_.values[row * data_.cols + v];
      double relative = power_of(block.nearest[i]);  // that of the nearest other key's weight to one at the query
      for (std::size_t s = 0; s < ladder_steps; ++s) {
        const double others = sums[2 * s * ladder_lanes + i] - own;
        const double error = (sums[(2 * s + 1) * ladder_lanes + i] - own_value) / others - value;
        const double rest = rest_of(others * relative, own);
        relative *= relative;
        double* term = terms[s].data() + 3 * row;
        term[0] += error * error;
        term[1] += error * rest * (error * rest);
        term[2] = rest;
      }
    }
  }
}

// With c, v and e the weights, values and exponents of the other keys and E the mean under their Gaussian weights: see
// CriterionFunction for the derivatives. Of E[e v] - E[e] E[v] the exponent of the nearest key drops out.
void Ladder::answer_rung(const std::vector<std::size_t>& places, std::size_t first, double w, std::size_t width,
                         std::vector<double>& terms) const {
  const double scale = w * std::sqrt(exponent_scale_squared);
  const Block block = block_of(places, first, scale);
  double sums[4 * ladder_lanes];
  for (std::size_t v = 0; v < data_.cols; ++v) {
    active_table().rung(task_of(block, scale, v, sums));
    for (std::size_t i = 0; i < block.count; ++i) {
      const std::size_t place = places[first + i], row = order_[place];
      double of[4] = {sums[i], sums[ladder_lanes + i], sums[2 * ladder_lanes + i], sums[3 * ladder_lanes + i]};
      if (block.is_isolated[i]) {
        std::fill(of, of + 4, 0.0);
        for_near(place, scale, [&](std::size_t k, double weight, double e) {
          of[0] += weight * weights_[k], of[1] += weight * weighted_values_[v][k];
          of[2] += weight * e * weights_[k], of[3] += weight * e * weighted_values_[v][k];
        });
      }
      const double own = weights_[place], others = of[0] - own;
      const double mean = (of[1] - weighted_values_[v][place]) / others;
      const double error = mean - data_.values[row * data_.cols + v];
      const double rest = rest_of(others * power_of(block.nearest[i]), own);
      double* term = terms.data() + width * row;
      term[0] += error * error;
      term[1] += error * rest * (error * rest);
      term[2] = rest;
      if (width == 3) continue;
      const double moment = of[2] / others;
      const double of_error = -(of[3] / others - mean * moment) / exponent_scale_squared;
      const double of_leverage =
          rest > 0 ? (1 - rest) * rest * (moment + block.nearest[i]) / exponent_scale_squared : 0;
      term[3] += 2 * error * of_error;
      term[4] += 2 * error * rest * (of_error * rest - error * of_leverage);
      term[5] = -of_leverage;
    }
  }
}

template <class Answer>
void Ladder::for_blocks(std::size_t judged, int threads, const Progress& progress, const Answer& answer) {
  const std::vector<std::size_t>& places = places_of(judged);
  constexpr std::size_t blocks_per_task = 4;
  const std::size_t per_task = blocks_per_task * ladder_lanes, tasks = (places.size() + per_task - 1) / per_task;
  const double operations = 26.0 * static_cast<double>(judged) * static_cast<double>(data_.rows);
  parallel_for(tasks, threads_for(threads, operations), progress, [&](std::size_t task, int) {
    for (std::size_t first = task * per_task; first < std::min(places.size(), (task + 1) * per_task);
         first += ladder_lanes)
      answer(places, first);
  });
}

std::array<std::vector<double>, ladder_steps> Ladder::terms(double w, std::size_t judged, int threads,
                                                            const Progress& progress) {
  std::array<std::vector<double>, ladder_steps> result;
  for (auto& of_step : result) of_step.assign(3 * judged, 0);
  for_blocks(judged, threads, progress, [&](const std::vector<std::size_t>& places, std::size_t first) {
    answer_block(places, first, w, result);
  });
  return result;
}

std::vector<double> Ladder::rung(double w, bool with_gradient, std::size_t judged, int threads,
                                 const Progress& progress) {
  const std::size_t width = with_gradient ? 6 : 3;
  std::vector<double> result(width * judged);
  for_blocks(judged, threads, progress, [&](const std::vector<std::size_t>& places, std::size_t first) {
    answer_rung(places, first, w, width, result);
  });
  return result;
}

}  // namespace attnpool::detail
