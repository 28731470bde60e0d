#include "selection/bandwidth_search.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "selection/by_values.hpp"
#include "selection/curve.hpp"
#include "selection/ladder.hpp"
#include "selection/search.hpp"

namespace attnpool::detail {
namespace {

// Bandwidths of the kernels that smooth as much as a Gaussian bandwidth of 1 (Marron and Nolan 1988): the fifth root of
// R(K) / mu_2(K)^2, over the Gaussian's. The rational quadratic kernel has no second moment.
double canonical_factor(const KernelProfile& profile) {
  switch (profile.shape) {
    case KernelShape::boxcar:
      return 1.740;
    case KernelShape::triangular:
      return 2.432;
    case KernelShape::epanechnikov:
      return 2.214;
    case KernelShape::biweight:
      return 2.623;
    case KernelShape::triweight:
      return 2.978;
    case KernelShape::tricube:
      return 2.609;
    case KernelShape::cosine:
      return 2.275;
    case KernelShape::laplace:
      return 0.740;
    default:
      return 1;
  }
}

// A search over one data set: the curve, the descents, and the best seen.
class Search {
 public:
  Search(const SelectionData& data, const SelectionOptions& options)
      : data_(data),
        options_(options),
        criterion_(data, options, options.progress ? Progress([this](double f) { return report(f); }) : Progress()),
        scale_(scale_of_data()) {}

  attnpool::Selection run() {
    factors_ = bandwidth_factors(data_, scale_);
    if (!criterion_.has_gradient()) factors_ = between(factors_);
    if (!factors_.empty() && criterion_.has_gradient() && Ladder::serves(data_) &&
        options_.criterion != Criterion::log_loss) {
      criterion_.use(ladder_.emplace(data_));
      factors_ = rungs(factors_.front(), factors_.back());
    }
    selection_.scale = scale_;
    const double n = static_cast<double>(data_.rows);
    const std::vector<double> rule =
        log_w_of(1.06 * canonical_factor(options_.kernel) * std::pow(n, -1 / (4 + static_cast<double>(data_.dims))));
    best_ = {factors_.empty() ? std::vector<double>(scale_.size(), -infinity) : rule, infinity, false};
    try {
      search(rule);
    } catch (const Cancelled&) {
      selection_.cancelled = true;
    }
    selection_.evaluations = criterion_.evaluations();
    selection_.converged = best_.converged && !selection_.cancelled;
    if (!selection_.cancelled || std::isfinite(best_.objective)) describe();
    for (const double x : best_.log_w) selection_.w.push_back(std::exp(x));
    for (const double x : rule) selection_.rule_w.push_back(std::exp(x));
    return selection_;
  }

 private:
  static constexpr double infinity = std::numeric_limits<double>::infinity();
  // Of objectives: a ladder's and an evaluation's of the same w may differ by so much.
  static constexpr double rounding = 1e-12;

  // One w: the same scale for all dimensions, the root of the mean square of the spreads.
  std::vector<double> scale_of_data() const {
    std::vector<double> spreads = robust_spreads(data_);
    if (options_.per_dimension) {
      for (double& spread : spreads)
        if (spread == 0) spread = 1;
      return spreads;
    }
    double squares = 0;
    for (const double spread : spreads) squares += spread * spread;
    return {squares > 0 ? std::sqrt(squares / static_cast<double>(spreads.size())) : 1};
  }

  // Factors from `last` down to `first` or a little less, ascending: ladders of which each rung is 1 / sqrt(2) of the one above,
  // two of them interleaved where that is cheap.
  std::vector<double> rungs(double first, double last) const {
    const double per_octave = 2 * static_cast<double>(interleaved());
    const double steps = static_cast<double>(interleaved() * ladder_steps);
    const double count = steps * std::ceil((1 + per_octave * std::log2(last / first)) / steps);
    std::vector<double> factors;
    for (double i = count - 1; i >= 0; --i) factors.push_back(last * std::exp2(-i / per_octave));
    return factors;
  }
  // Factors in steps a third as large of short data, half as large of others: criteria without a gradient have more minima. Kernels
  // of compact support have one of their own wherever points enter or leave, the deeper the fewer rows there are.
  std::vector<double> between(const std::vector<double>& factors) const {
    const bool is_jagged = options_.kernel.is_compact() && scale_.size() == 1 && data_.rows <= 500;
    const std::size_t parts = is_jagged ? 12 : data_.rows <= 2000 ? 3 : 2;
    std::vector<double> all;
    for (std::size_t i = 0; i + 1 < factors.size(); ++i)
      for (std::size_t part = 0; part < parts; ++part)
        all.push_back(factors[i] *
                      std::pow(factors[i + 1] / factors[i], static_cast<double>(part) / static_cast<double>(parts)));
    if (!factors.empty()) all.push_back(factors.back());
    return all;
  }
  std::size_t interleaved() const { return data_.rows <= 1000 ? 2 : 1; }

  std::vector<double> log_w_of(double factor) const {
    std::vector<double> log_w;
    for (const double scale : scale_) log_w.push_back(-std::log(factor * scale));
    return log_w;
  }

  // Each refinement takes some 12 evaluations; a coarse search is on a sample, and counts as a few.
  bool report(double of_evaluation) {
    const double total = static_cast<double>(factors_.size()) + (scale_.size() > 1 ? 80 : 30);
    const double done = static_cast<double>(criterion_.evaluations() + criterion_.estimates()) + of_evaluation;
    fraction_ = std::max(fraction_, std::min(0.99, done / total));
    return tell();
  }

  // About ten times a second.
  bool tell() {
    const auto now = std::chrono::steady_clock::now();
    if (now - told_ < std::chrono::milliseconds(100)) return true;
    told_ = now;
    return options_.progress(fraction_);
  }

  void consider(Descent found) {
    if (found.objective == infinity) return;
    if (found.objective <= best_.objective + rounding) best_ = found;
    const auto same = [&](const attnpool::Selection::Minimum& m) {
      for (std::size_t p = 0; p < m.w.size(); ++p)
        if (std::abs(std::log(m.w[p]) - found.log_w[p]) > 1e-4) return false;
      return true;
    };
    if (std::any_of(selection_.minima.begin(), selection_.minima.end(), same)) return;
    std::vector<double> w;
    for (const double x : found.log_w) w.push_back(std::exp(x));
    selection_.minima.push_back({w, found.objective});
  }

  void search(const std::vector<double>& rule) {
    if (factors_.empty()) {  // all keys are the same
      best_ = {best_.log_w, criterion_(best_.log_w, false).objective, true};
      return;
    }
    selection_.rule_value = criterion_(rule, false).objective;
    best_ = {rule, selection_.rule_value, false};
    const std::vector<double> objectives = along_the_curve();
    const std::vector<std::size_t> lowest = local_minima(objectives, 8);
    if (scale_.size() > 1) {
      descend_from_everywhere(lowest);
    } else {
      for (const std::size_t i : lowest)
        if (!selection_.curve[i].estimated) refine(i, objectives);
    }
    switch_off();
  }

  // The objective at every factor.
  std::vector<double> along_the_curve() {
    const Progress told = options_.progress ? Progress([this](double) { return report(0); }) : Progress();
    Curve curve({data_, factors_, scale_, ladder_ ? &*ladder_ : nullptr, interleaved(), options_, told}, criterion_);
    curve.compute();
    for (std::size_t i = 0; i < factors_.size(); ++i) {
      const double objective = curve.objectives()[i];
      if (!curve.is_estimated(i) && objective <= best_.objective) best_ = {log_w_of(factors_[i]), objective, false};
      selection_.curve.push_back({factors_[i], objective, curve.is_estimated(i)});
    }
    return curve.objectives();
  }

  // An end of the curve is taken as it is: beyond it nothing changes.
  void refine(std::size_t i, const std::vector<double>& objectives) {
    const std::vector<double> unit = log_w_of(1);
    if (i == 0 || i + 1 == factors_.size()) return consider({log_w_of(factors_[i]), objectives[i], true});
    const auto refined = criterion_.has_gradient() ? refine_on_line : refine_by_values;
    consider(refined(criterion_, unit,
                     {.low = std::log(factors_[i - 1]),
                      .middle = std::log(factors_[i]),
                      .high = std::log(factors_[i + 1]),
                      .at_low = objectives[i - 1],
                      .at_middle = objectives[i],
                      .at_high = objectives[i + 1]}));
  }

  void descend_from_everywhere(const std::vector<std::size_t>& lowest) {
    std::vector<std::vector<double>> starts;
    for (std::size_t i = 0; i < std::min<std::size_t>(3, lowest.size()); ++i)
      starts.push_back(log_w_of(factors_[lowest[i]]));
    const SelectionData few = data_.sample(500);
    CriterionFunction on_sample(few, options_for(few),
                                options_.progress ? Progress([this](double) { return tell(); }) : Progress());
    const std::vector<double> coarse = coarse_factors(few, scale_, factors_);
    for (const auto& start : coarse_starts(on_sample, coarse, scale_)) starts.push_back(start);
    // In three dimensions and more the coarse search may miss minima; the fewer rows there are, the more descents are cheap.
    if (scale_.size() > 2)
      for (const auto& start : random_starts(
               scale_, std::min<std::size_t>(scale_.size(), 6) * std::clamp<std::size_t>(2500 / data_.rows, 5, 80)))
        starts.push_back(start);
    Box box;
    for (const double scale : scale_) {  // 100 times flatter than the curve's end, and as narrow as its start
      box.lowest.push_back(-std::log(100 * factors_.back() * scale));
      box.highest.push_back(-std::log(std::min(factors_.front(), coarse.front()) * scale));
    }
    if (few.rows < data_.rows) starts = lowest_of(on_sample, starts, box);
    if (data_.is_long()) {
      descend_in_stages(starts, box);
    } else {
      for (const auto& start : starts) consider(descend(criterion_, start, box));
    }
    if (data_.is_long()) look_around(box);
    for (int round = 0; round < 3; ++round) {
      const std::vector<double> start = with_a_flat_dimension_on();
      if (start.empty()) break;
      consider(descend(criterion_, start, box));
    }
  }

  // A class that has one row in a sample makes every log-loss infinite there; squares then lead to the starts.
  SelectionOptions options_for(const SelectionData& sample) const {
    SelectionOptions own = options_;
    if (options_.criterion == Criterion::log_loss && lonely_value(sample.values, sample.cols).has_value())
      own.criterion = Criterion::leave_one_out;
    return own;
  }

  // Of long data: descents by the predictions of a few rows lead near the minima and learn the curvature there, so that some
  // five passes over all rows remain for each of the two that may lead to the lowest minimum.
  void descend_in_stages(const std::vector<std::vector<double>>& starts, const Box& box) {
    struct Candidate {
      Descent found;
      InverseHessian inverse;
    };
    std::vector<Candidate> candidates;
    for (const auto& start : starts) {
      Candidate c{{}, InverseHessian(scale_.size())};
      c.found = descend(criterion_, start, box, c.inverse, {SelectionData::few_rows, 1e-3});
      candidates.push_back(std::move(c));
    }
    std::sort(candidates.begin(), candidates.end(),
              [](const Candidate& a, const Candidate& b) { return a.found.objective < b.found.objective; });
    std::vector<std::vector<double>> taken;
    for (Candidate& c : candidates) {
      if (taken.size() == (scale_.size() == 2 ? 4 : 2)) break;
      if (!taken.empty() && (is_near_one_of(taken, c.found.log_w, 0.05) || is_clearly_worse(c.found.log_w, taken[0])))
        continue;
      taken.push_back(c.found.log_w);
      if (data_.is_very_long())
        c.found = descend(criterion_, c.found.log_w, box, c.inverse, {SelectionData::more_rows, 1e-3});
      consider(descend(criterion_, c.found.log_w, box, c.inverse, {data_.rows, 1e-6}));
    }
  }

  // Whether the errors of some rows at log_w are larger than at `best` by more than six standard errors of the difference; of
  // data that are not long nothing is clear before all rows are judged.
  bool is_clearly_worse(const std::vector<double>& log_w, const std::vector<double>& best) {
    if (!data_.is_long()) return false;
    criterion_.estimate(log_w, SelectionData::few_rows);
    const std::vector<double> losses = criterion_.losses();
    criterion_.estimate(best, SelectionData::few_rows);
    return paired_difference(losses, criterion_.losses()).standard_errors() > 6;
  }

  // Many rows with few different coordinates, such as the distances of flights, have small minima beside each other that a sample
  // does not see: descends again wherever a step of 0.2 from the best is lower.
  void look_around(const Box& box) {
    for (int round = 0; round < 5; ++round) {
      std::vector<double> start;
      double lowest = best_.objective;
      for (std::size_t p = 0; p < scale_.size(); ++p) {
        if (std::exp(-best_.log_w[p]) > 10 * scale_[p]) continue;  // flat
        for (const double step : {-0.2, 0.2}) {
          std::vector<double> log_w = best_.log_w;
          log_w[p] += step;
          if (!(log_w[p] > box.lowest[p] && log_w[p] < box.highest[p])) continue;
          const double objective = criterion_(log_w, false).objective;
          if (objective < lowest) lowest = objective, start = log_w;
        }
      }
      if (start.empty()) return;
      consider(descend(criterion_, start, box));
    }
  }

  // Where a dimension is flat the gradient in log w vanishes, so that no descent leaves it: the best w with such a dimension at
  // some bandwidths near its spread, if one of them is lower, else nothing.
  std::vector<double> with_a_flat_dimension_on() {
    std::vector<double> found;
    double lowest = best_.objective;
    const double least_estimate = data_.is_long() ? estimated(best_.log_w) : infinity;
    for (std::size_t p = 0; p < scale_.size(); ++p) {
      if (std::exp(-best_.log_w[p]) < 10 * scale_[p]) continue;
      for (const double factor : {4.0, 2.0, 1.0, 0.5, 0.25}) {
        std::vector<double> log_w = best_.log_w;
        log_w[p] = -std::log(factor * scale_[p]);
        if (data_.is_long() && estimated(log_w) >= least_estimate) continue;
        const double objective = criterion_(log_w, false).objective;
        if (objective < lowest) lowest = objective, found = log_w;
      }
    }
    return found;
  }

  // Starts and where they lead on a sample, those that are lowest on all rows: three, or four of long data.
  std::vector<std::vector<double>> lowest_of(CriterionFunction& on_sample, std::vector<std::vector<double>> starts,
                                             const Box& box) {
    for (std::size_t i = 0, count = starts.size(); i < count; ++i)
      starts.push_back(descend(on_sample, starts[i], box).log_w);
    std::vector<std::pair<double, std::vector<double>>> judged;
    for (const auto& start : starts) judged.push_back({estimated(start), start});
    std::sort(judged.begin(), judged.end());
    std::vector<std::vector<double>> lowest;
    for (const auto& [objective, start] :
         judged)  // a descent from one of two that are near ends where one from the other does
      if (lowest.size() < (data_.is_long() ? 4 : 3) && !is_near_one_of(lowest, start, 0.5)) lowest.push_back(start);
    return lowest;
  }

  double estimated(const std::vector<double>& log_w) {
    return data_.is_long() ? criterion_.estimate(log_w, SelectionData::few_rows).objective
                           : criterion_(log_w, false).objective;
  }

  // A dimension without which the criterion is no larger gets w = 0; so does all of it where a flat fit is no worse.
  // Not of local lines, of which such a dimension would be no part at all.
  void switch_off() {
    if (options_.order > 0) return;
    for (std::size_t p = 0; p < best_.log_w.size(); ++p) {
      std::vector<double> without = best_.log_w;
      without[p] = -infinity;
      if (is_clearly_worse(without, best_.log_w)) continue;
      const double objective = criterion_(without, false).objective;
      if (objective <= best_.objective + 1e-10)
        best_.log_w = without, best_.objective = std::min(objective, best_.objective);
    }
  }

  void describe() {
    const bool has_curve = !factors_.empty();
    const auto factor = [&](std::size_t p) { return std::exp(-best_.log_w[p]) / scale_[p]; };
    bool smallest = has_curve, largest = true;
    for (std::size_t p = 0; p < scale_.size(); ++p) {
      smallest = smallest && factor(p) <= factors_.front() * (1 + 1e-9);
      largest = largest && (best_.log_w[p] == -infinity ||
                            (options_.order > 0 && has_curve && factor(p) >= factors_.back() * (1 - 1e-9)));
    }
    selection_.bound = largest    ? attnpool::Selection::Bound::largest
                       : smallest ? attnpool::Selection::Bound::smallest
                                  : attnpool::Selection::Bound::none;
    const Evaluation here = at_the_best();
    const double n = static_cast<double>(data_.rows);
    selection_.leave_one_out = here.leave_one_out, selection_.gcv = here.gcv(n), selection_.aicc = here.aicc(n);
    selection_.trace = here.trace, selection_.value = here.objective;
    selection_.r_squared = 1 - here.residual_squares / data_.variance();
    selection_.residual_error = here.rest > 0 ? std::sqrt(here.residual_squares * n / here.rest) : 0;
    std::sort(selection_.minima.begin(), selection_.minima.end(),
              [](const auto& a, const auto& b) { return a.value < b.value; });
  }

  Evaluation at_the_best() {
    if (criterion_.lowest().log_w == best_.log_w) return criterion_.lowest().evaluation;
    CriterionFunction at(data_, options_);  // without the progress that may have stopped the search
    if (ladder_) at.use(*ladder_);
    return at(best_.log_w, false);
  }

  const SelectionData& data_;
  const SelectionOptions& options_;
  CriterionFunction criterion_;
  std::vector<double> scale_, factors_;
  std::optional<Ladder> ladder_;  // of one-dimensional data, whose factors are its rungs
  attnpool::Selection selection_;
  Descent best_;
  double fraction_ = 0;
  std::chrono::steady_clock::time_point told_ = std::chrono::steady_clock::now();
};

}  // namespace

attnpool::Selection search_bandwidth(const SelectionData& data, const SelectionOptions& options) {
  return Search(data, options).run();
}

}  // namespace attnpool::detail
