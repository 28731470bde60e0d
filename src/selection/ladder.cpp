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

// The sums of a query whose nearest other key is so far away that exponents relative to it would lose their digits as
// differences of squares. The few keys that count lie next to it in the order. The query's own key counts with e = 0.
void Ladder::answer_isolated(std::size_t place, double scale, const std::vector<double>& weighted_values,
                             double (&sums)[2 * ladder_steps]) const {
  const double query = keys_[place], reference = keys_[nearest_other(place)];
  std::fill(sums, sums + 2 * ladder_steps, 0.0);
  const auto add = [&](std::size_t k) {
    const double e = scale * (reference - keys_[k]) * (scale * ((query - reference) + (query - keys_[k])));
    if (!(e <= ladder_exponent)) return false;
    double weight = k == place ? 1 : std::exp2(-e);
    for (std::size_t s = 0; s < ladder_steps; ++s, weight *= weight) {
      sums[2 * s] += weight * weights_[k];
      sums[2 * s + 1] += weight * weighted_values[k];
    }
    return true;
  };
  for (std::size_t k = place + 1; k-- > 0 && add(k);) {
  }
  for (std::size_t k = place + 1; k < keys_.size() && add(k); ++k) {
  }
}

bool Ladder::pays(double w, std::size_t judged) const {
  const double rows = static_cast<double>(data_.rows), reach = std::sqrt(2 * 0.7 * ladder_exponent) / w;
  const double part = std::min(1.0, 2 * reach / (keys_.back() - keys_.front()));
  constexpr double pair = 2.7e-10, pass = 2.5e-4, row = 4e-9;  // seconds, two threads with AVX-512
  return static_cast<double>(judged) * rows * part * pair < ladder_steps * (pass + rows * row);
}

void Ladder::answer_block(const std::vector<std::size_t>& places, std::size_t first, double w,
                          std::array<std::vector<double>, ladder_steps>& terms) const {
  const double scale = w * std::sqrt(exponent_scale_squared);
  const std::size_t count = std::min(ladder_lanes, places.size() - first);
  double query[ladder_lanes], nearest[ladder_lanes], sums[2 * ladder_steps * ladder_lanes];
  bool is_isolated[ladder_lanes];
  double low = HUGE_VAL, high = -HUGE_VAL;
  for (std::size_t i = 0; i < ladder_lanes; ++i) {
    const std::size_t place = places[first + std::min(i, count - 1)];
    const double gap = (keys_[place] - keys_[nearest_other(place)]) * scale;
    query[i] = keys_[place];
    nearest[i] = gap * gap;
    is_isolated[i] = nearest[i] > most_relative;
    if (is_isolated[i]) continue;
    const double reach = 1.000001 * std::sqrt(ladder_exponent + nearest[i]) / scale;
    low = std::min(low, query[i] - reach);
    high = std::max(high, query[i] + reach);
  }
  const auto place_of = [&](auto bound) { return static_cast<std::size_t>(bound - keys_.begin()); };
  const std::size_t begin = low > high ? 0 : place_of(std::lower_bound(keys_.begin(), keys_.end(), low));
  const std::size_t end = low > high ? 0 : place_of(std::upper_bound(keys_.begin(), keys_.end(), high));
  for (std::size_t v = 0; v < data_.cols; ++v) {
    active_table().ladder({.queries = query,
                           .nearest = nearest,
                           .scale = scale,
                           .keys = keys_.data() + begin,
                           .weights = weights_.data() + begin,
                           .values = weighted_values_[v].data() + begin,
                           .key_count = end - begin,
                           .sums = sums});
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t place = places[first + i], row = order_[place];
      double of_lane[2 * ladder_steps];
      if (is_isolated[i]) answer_isolated(place, scale, weighted_values_[v], of_lane);
      for (std::size_t s = 0; s < 2 * ladder_steps && !is_isolated[i]; ++s) of_lane[s] = sums[s * ladder_lanes + i];
      const double own = weights_[place], value = data_.values[row * data_.cols + v];
      double relative = std::exp2(-nearest[i]);  // that of the nearest other key's weight to one at the query
      for (std::size_t s = 0; s < ladder_steps; ++s) {
        const double others = of_lane[2 * s] - own;
        const double mean = (of_lane[2 * s + 1] - weighted_values_[v][place]) / others;
        const double rest = rest_of(others * relative / own), error = mean - value;
        relative *= relative;
        double* term = terms[s].data() + 3 * row;
        term[0] += error * error;
        term[1] += error * rest * (error * rest);
        term[2] = rest;
      }
    }
  }
}

std::array<std::vector<double>, ladder_steps> Ladder::terms(double w, std::size_t judged, int threads,
                                                            const Progress& progress) {
  std::array<std::vector<double>, ladder_steps> result;
  for (auto& of_step : result) of_step.assign(3 * judged, 0);
  const std::vector<std::size_t>& places = places_of(judged);
  constexpr std::size_t blocks_per_task = 4;
  const std::size_t per_task = blocks_per_task * ladder_lanes, tasks = (places.size() + per_task - 1) / per_task;
  const double operations = 26.0 * static_cast<double>(judged) * static_cast<double>(data_.rows);
  parallel_for(tasks, threads_for(threads, operations), progress, [&](std::size_t task, int) {
    for (std::size_t first = task * per_task; first < std::min(places.size(), (task + 1) * per_task);
         first += ladder_lanes)
      answer_block(places, first, w, result);
  });
  return result;
}

}  // namespace attnpool::detail
