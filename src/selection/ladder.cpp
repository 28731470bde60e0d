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
// Sums over thinned keys are wrong by 2e-15 of the weights around: they serve where the others weigh more than this part of these, and
// where the mean square of the errors, of values of size one, is larger than this.
constexpr double least_part_of_thinned = 1e-4, least_error_of_thinned = 1e-8;
// The rounding of a node's place, 1e-16, is 1e-13 of a bandwidth, and 1e-11 of an estimate's.
constexpr double most_scale_of_thinned = 1e3, most_scale_of_estimates = 1e5;
// Of so many rows a quarter of the keys is kept, from which all longer bandwidths thin: a million take 25 ms.
constexpr std::size_t least_rows_of_base = 50000;
constexpr double base_ratio = 4;

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
  all_.values.resize(data.cols);
  weight_below_.assign(1, 0);
  for (const std::size_t row : order_) {
    all_.keys.push_back(data.keys[row]);
    all_.weights.push_back(data.weight(row));
    weight_below_.push_back(weight_below_.back() + data.weight(row));
    for (std::size_t v = 0; v < data.cols; ++v)
      all_.values[v].push_back(data.weight(row) * data.values[row * data.cols + v]);
  }
  if (data.rows >= least_rows_of_base)
    scale_of_base_ = thinned_scale(static_cast<double>(data.rows) / base_ratio, all_.keys.back() - all_.keys.front());
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
  if (place + 1 == all_.keys.size()) return place - 1;
  return all_.keys[place] - all_.keys[place - 1] < all_.keys[place + 1] - all_.keys[place] ? place - 1 : place + 1;
}

// Calls add(key, weight, e) for a query whose nearest other key is so far away that exponents relative to it would lose their
// digits as differences of squares. The few keys that count lie next to it in the order. The query's own key counts with e = 0.
template <class Add>
void Ladder::for_near(std::size_t place, double scale, const Add& add) const {
  const double query = all_.keys[place], reference = all_.keys[nearest_other(place)];
  const auto counts = [&](std::size_t k) {
    const double e =
        k == place ? 0 : scale * (reference - all_.keys[k]) * (scale * ((query - reference) + (query - all_.keys[k])));
    if (!(e <= ladder_exponent)) return false;
    add(k, std::exp2(-e), e);
    return true;
  };
  for (std::size_t k = place + 1; k-- > 0 && counts(k);) {
  }
  for (std::size_t k = place + 1; k < all_.keys.size() && counts(k); ++k) {
  }
}

bool Ladder::may_thin(double largest_scale, std::size_t judged) const {
  if (data_.rows >= least_rows_of_base && largest_scale > scale_of_base_) return false;
  return largest_scale < (judged < data_.rows ? most_scale_of_estimates : most_scale_of_thinned);
}

bool Ladder::pays(double w, std::size_t judged, std::size_t steps) const {
  const double rows = static_cast<double>(data_.rows), range = all_.keys.back() - all_.keys.front();
  const double scale = w * exponent_scale, largest_scale = scale * std::exp2(0.5 * static_cast<double>(steps - 1));
  const double width = std::min(range, 2 * std::sqrt(ladder_exponent) / scale);
  constexpr double pair = 2.7e-10, pass = 2.5e-4, row = 4e-9, thinning = 2e-8;  // seconds, two threads with AVX-512
  const double direct = static_cast<double>(judged) * rows * (width / range) * pair;
  const double thinned_from = scale_of_base_ > 0 ? rows / base_ratio : rows;
  const double few =
      static_cast<double>(judged) * thinned_within(width, largest_scale) * pair + thinning * thinned_from;
  return (may_thin(largest_scale, judged) ? std::min(direct, few) : direct) <
         static_cast<double>(steps) * (pass + rows * row);
}

// Neighbouring queries, and the keys [begin, end) of `keys` that count for those of them that are not isolated.
struct Ladder::Block {
  const SortedKeys* keys;
  std::size_t count;
  std::size_t place[ladder_lanes];
  double query[ladder_lanes], nearest[ladder_lanes];  // nearest: see LadderTask
  bool is_isolated[ladder_lanes];
  double low, high;  // what counts lies between these
  std::size_t begin, end;
  // Where a sum of the weights of others, or the mean of squared errors, is not above these the keys are too few to tell them.
  double least_others = -HUGE_VAL, least_error = -HUGE_VAL;

  void find_keys() {
    const auto& x = keys->keys;
    begin = low > high ? 0 : static_cast<std::size_t>(std::lower_bound(x.begin(), x.end(), low) - x.begin());
    end = low > high ? 0 : static_cast<std::size_t>(std::upper_bound(x.begin(), x.end(), high) - x.begin());
  }
  LadderTask task(double scale, std::size_t col, double* sums) const {
    return {.queries = query,
            .nearest = nearest,
            .scale = scale,
            .keys = keys->keys.data() + begin,
            .weights = keys->weights.data() + begin,
            .values = keys->values[col].data() + begin,
            .key_count = end - begin,
            .sums = sums};
  }
  bool has_isolated() const { return std::find(is_isolated, is_isolated + count, true) != is_isolated + count; }
  // Whether the errors in terms [count][width] are large enough.
  bool tells_errors(const double* terms, std::size_t width) const {
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += terms[i * width];
    return sum > least_error * static_cast<double>(count);
  }
};

Ladder::Block Ladder::block_of(const std::vector<std::size_t>& places, std::size_t first, double scale) const {
  Block block;
  block.keys = &all_;
  block.count = std::min(ladder_lanes, places.size() - first);
  block.low = HUGE_VAL, block.high = -HUGE_VAL;
  for (std::size_t i = 0; i < ladder_lanes; ++i) {
    const std::size_t place = places[first + std::min(i, block.count - 1)];
    const double gap = (all_.keys[place] - all_.keys[nearest_other(place)]) * scale;
    block.place[i] = place;
    block.query[i] = all_.keys[place];
    block.nearest[i] = gap * gap;
    block.is_isolated[i] = block.nearest[i] > most_relative;
    if (block.is_isolated[i]) continue;
    const double reach = 1.000001 * std::sqrt(ladder_exponent + block.nearest[i]) / scale;
    block.low = std::min(block.low, block.query[i] - reach);
    block.high = std::max(block.high, block.query[i] + reach);
  }
  block.find_keys();
  if (is_scattered(block, scale)) {
    std::fill(block.is_isolated, block.is_isolated + ladder_lanes, true);
    block.begin = block.end = 0;
  }
  return block;
}

// Whether there are more keys between the queries of a block than near them, as among 2,000 rows of a million at short bandwidths:
// then each query is quicker on its own (2 ms instead of 20 for five bandwidths).
bool Ladder::is_scattered(const Block& block, double scale) const {
  if (block.place[block.count - 1] - block.place[0] < 16 * ladder_lanes) return false;
  std::size_t near = 0;
  for (std::size_t i = 0; i < block.count; ++i) {
    const double reach = std::sqrt(ladder_exponent + block.nearest[i]) / scale;
    const auto from = std::lower_bound(all_.keys.begin(), all_.keys.end(), block.query[i] - reach);
    near += static_cast<std::size_t>(std::upper_bound(from, all_.keys.end(), block.query[i] + reach) - from);
  }
  return near < block.end - block.begin;
}

// The same queries among fewer keys, if these are fewer where the block is. Their exponents count from the query.
std::optional<Ladder::Block> Ladder::among(const SortedKeys& few, const Block& block, double scale) const {
  if (block.has_isolated()) return std::nullopt;
  Block result = block;
  const double reach = std::sqrt(ladder_exponent) / scale;
  result.keys = &few;
  result.low = block.query[0] - reach, result.high = block.query[block.count - 1] + reach;
  result.find_keys();
  if (4 * (result.end - result.begin) > 3 * (block.end - block.begin)) return std::nullopt;
  std::fill(result.nearest, result.nearest + ladder_lanes, 0.0);
  result.least_others = least_part_of_thinned * (weight_below_[block.end] - weight_below_[block.begin]);
  result.least_error = least_error_of_thinned;
  return result;
}

SortedKeys Ladder::thinned_for(double largest_scale) {
  if (scale_of_base_ == 0) return thinned(all_, largest_scale);
  if (base_.keys.empty()) base_ = thinned(all_, scale_of_base_);
  return thinned(base_, largest_scale);
}

// Returns whether the keys of the block tell the sums.
bool Ladder::add_ladder(const Block& block, double scale, BlockTerms& terms) const {
  double sums[2 * ladder_steps * ladder_lanes];
  bool tells = true;
  for (std::size_t v = 0; v < data_.cols; ++v) {
    active_table().ladder(block.task(scale, v, sums));
    for (std::size_t i = 0; i < block.count; ++i) {
      const std::size_t place = block.place[i];
      if (block.is_isolated[i]) {
        for (std::size_t s = 0; s < 2 * ladder_steps; ++s) sums[s * ladder_lanes + i] = 0;
        for_near(place, scale, [&](std::size_t k, double weight, double) {
          for (std::size_t s = 0; s < ladder_steps; ++s, weight *= weight) {
            sums[2 * s * ladder_lanes + i] += weight * all_.weights[k];
            sums[(2 * s + 1) * ladder_lanes + i] += weight * all_.values[v][k];
          }
        });
      }
      const double own = all_.weights[place], own_value = all_.values[v][place];
      const double value = data_.values[order_[place] * data_.cols + v];
      double relative = power_of(block.nearest[i]);  // that of the nearest other key's weight to one at the query
      for (std::size_t s = 0; s < ladder_steps; ++s) {
        const double others = sums[2 * s * ladder_lanes + i] - own;
        const double error = (sums[(2 * s + 1) * ladder_lanes + i] - own_value) / others - value;
        const double rest = rest_of(others * relative, own);
        relative *= relative;
        tells = tells && others > block.least_others;
        double* term = terms.data() + 3 * (s * ladder_lanes + i);
        term[0] += error * error;
        term[1] += error * rest * (error * rest);
        term[2] = rest;
      }
    }
  }
  for (std::size_t s = 0; s < ladder_steps; ++s)
    tells = tells && block.tells_errors(terms.data() + 3 * s * ladder_lanes, 3);
  return tells;
}

// With c, v and e the weights, values and exponents of the other keys and E the mean under their Gaussian weights: see
// CriterionFunction for the derivatives. Of E[e v] - E[e] E[v] the exponent of the nearest key drops out.
bool Ladder::add_rung(const Block& block, double scale, std::size_t width, BlockTerms& terms) const {
  double sums[4 * ladder_lanes];
  bool tells = true;
  for (std::size_t v = 0; v < data_.cols; ++v) {
    active_table().rung(block.task(scale, v, sums));
    for (std::size_t i = 0; i < block.count; ++i) {
      const std::size_t place = block.place[i];
      double of[4] = {sums[i], sums[ladder_lanes + i], sums[2 * ladder_lanes + i], sums[3 * ladder_lanes + i]};
      if (block.is_isolated[i]) {
        std::fill(of, of + 4, 0.0);
        for_near(place, scale, [&](std::size_t k, double weight, double e) {
          of[0] += weight * all_.weights[k], of[1] += weight * all_.values[v][k];
          of[2] += weight * e * all_.weights[k], of[3] += weight * e * all_.values[v][k];
        });
      }
      const double own = all_.weights[place], others = of[0] - own;
      const double mean = (of[1] - all_.values[v][place]) / others;
      const double error = mean - data_.values[order_[place] * data_.cols + v];
      const double rest = rest_of(others * power_of(block.nearest[i]), own);
      tells = tells && others > block.least_others;
      double* term = terms.data() + width * i;
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
  return tells && block.tells_errors(terms.data(), width);
}

// Calls add(block, terms) and take(block, terms) for all blocks.
template <class Add, class Take>
void Ladder::for_blocks(std::size_t judged, double scale, double largest_scale, int threads, const Progress& progress,
                        const Add& add, const Take& take) {
  const std::vector<std::size_t>& places = places_of(judged);
  std::optional<SortedKeys> few;
  if (may_thin(largest_scale, judged)) few = thinned_for(largest_scale);
  constexpr std::size_t blocks_per_task = 4;
  const std::size_t per_task = blocks_per_task * ladder_lanes, tasks = (places.size() + per_task - 1) / per_task;
  const double operations = 26.0 * static_cast<double>(judged) * static_cast<double>(data_.rows);
  parallel_for(tasks, threads_for(threads, operations), progress, [&](std::size_t task, int) {
    for (std::size_t first = task * per_task; first < std::min(places.size(), (task + 1) * per_task);
         first += ladder_lanes) {
      const Block block = block_of(places, first, scale);
      const std::optional<Block> quick = few ? among(*few, block, scale) : std::nullopt;
      BlockTerms terms{};
      if (!quick || !add(*quick, terms)) {
        terms.fill(0);
        add(block, terms);
      }
      take(block, terms);
    }
  });
}

std::array<std::vector<double>, ladder_steps> Ladder::terms(double w, std::size_t judged, int threads,
                                                            const Progress& progress) {
  std::array<std::vector<double>, ladder_steps> result;
  for (auto& of_step : result) of_step.resize(3 * judged);
  const double scale = w * exponent_scale, largest = scale * std::exp2(0.5 * (ladder_steps - 1));
  const auto add = [&](const Block& block, BlockTerms& terms) { return add_ladder(block, scale, terms); };
  const auto take = [&](const Block& block, const BlockTerms& terms) {
    for (std::size_t s = 0; s < ladder_steps; ++s)
      for (std::size_t i = 0; i < block.count; ++i)
        std::copy_n(terms.data() + 3 * (s * ladder_lanes + i), 3, result[s].data() + 3 * order_[block.place[i]]);
  };
  for_blocks(judged, scale, largest, threads, progress, add, take);
  return result;
}

std::vector<double> Ladder::rung(double w, bool with_gradient, std::size_t judged, int threads,
                                 const Progress& progress) {
  const std::size_t width = with_gradient ? 6 : 3;
  std::vector<double> result(width * judged);
  const double scale = w * exponent_scale;
  const auto add = [&](const Block& block, BlockTerms& terms) { return add_rung(block, scale, width, terms); };
  const auto take = [&](const Block& block, const BlockTerms& terms) {
    for (std::size_t i = 0; i < block.count; ++i)
      std::copy_n(terms.data() + width * i, width, result.data() + width * order_[block.place[i]]);
  };
  for_blocks(judged, scale, scale, threads, progress, add, take);
  return result;
}

}  // namespace attnpool::detail
