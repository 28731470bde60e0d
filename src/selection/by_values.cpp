#include "selection/by_values.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace attnpool::detail {
namespace {

constexpr double golden = 0.38196601125010515;
// Of log w: the objective near a minimum changes by its square.
constexpr double precise = 1e-7;

}  // namespace

Descent refine_by_values(CriterionFunction& criterion, const std::vector<double>& start, const Bracket& bracket) {
  const auto at = [&](double t) {
    std::vector<double> log_w = start;
    for (double& x : log_w) x -= t;
    return criterion(log_w, false).objective;
  };
  double low = bracket.low, high = bracket.high;
  double best = bracket.middle, second = low, third = high;
  double value = bracket.at_middle, second_value = bracket.at_low, third_value = bracket.at_high;
  double step = high - low, before = step;
  for (int i = 0; i < 100 && high - low > 4 * precise; ++i) {
    const double middle = low + (high - low) / 2;
    if (std::abs(best - middle) <= 2 * precise - (high - low) / 2) break;
    // The vertex of the parabola through the three lowest points, if it lies inside and steps get shorter.
    const double r = (best - second) * (value - third_value), q = (best - third) * (value - second_value);
    const double denominator = 2 * (q - r), numerator = (best - third) * q - (best - second) * r;
    double move = denominator != 0 ? -numerator / denominator : std::numeric_limits<double>::infinity();
    if (!(std::abs(move) < std::abs(before) / 2) || !(best + move > low && best + move < high)) {
      before = best < middle ? high - best : low - best;
      move = golden * before;
    } else {
      before = step;
    }
    if (std::abs(move) < precise) move = move < 0 ? -precise : precise;
    step = move;
    const double trial = best + move, trial_value = at(trial);
    if (trial_value <= value) {
      (trial < best ? high : low) = best;
      third = std::exchange(second, best), third_value = std::exchange(second_value, value);
      best = trial, value = trial_value;
    } else {
      (trial < best ? low : high) = trial;
      if (trial_value <= second_value || second == best) {
        third = std::exchange(second, trial), third_value = std::exchange(second_value, trial_value);
      } else if (trial_value <= third_value || third == best || third == second) {
        third = trial, third_value = trial_value;
      }
    }
  }
  std::vector<double> log_w = start;
  for (double& x : log_w) x -= best;
  return {log_w, value, true};
}

Descent descend_by_values(CriterionFunction& criterion, std::vector<double> log_w, const Box& box,
                          const Extent& extent) {
  const std::size_t size = log_w.size(), judged = std::min(extent.judged, criterion.rows());
  const auto clamped = [&](std::vector<double> x) {
    for (std::size_t p = 0; p < size; ++p) x[p] = std::clamp(x[p], box.lowest[p], box.highest[p]);
    return x;
  };
  const auto at = [&](const std::vector<double>& x) { return criterion.estimate(x, judged, false).objective; };
  // The lower of the two neighbours in every dimension in turn.
  const auto explore = [&](std::vector<double>& x, double& value, double step) {
    for (std::size_t p = 0; p < size; ++p)
      for (const double move : {step, -step}) {
        std::vector<double> there = x;
        there[p] += move;
        there = clamped(there);
        if (there == x) continue;
        const double found = at(there);
        if (!(found < value)) continue;
        x = there, value = found;
        break;
      }
  };
  log_w = clamped(std::move(log_w));
  double value = at(log_w);
  const double least = extent.enough >= 1e-4 ? 1e-2 : 2 * precise;
  for (double step = 0.4; step > least;) {
    std::vector<double> x = log_w;
    double found = value;
    explore(x, found, step);
    if (!(found < value)) {
      step /= 4;
      continue;
    }
    // As far again in the same direction, for as long as that helps.
    while (found < value) {
      std::vector<double> farther(size);
      for (std::size_t p = 0; p < size; ++p) farther[p] = 2 * x[p] - log_w[p];
      log_w = x, value = found;
      x = clamped(std::move(farther));
      found = at(x);
      explore(x, found, step);
    }
  }
  return {log_w, value, true};
}

}  // namespace attnpool::detail
