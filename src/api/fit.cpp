#include <algorithm>
#include <attnpool/fit.hpp>
#include <cmath>
#include <limits>
#include <random>

#include "api/steps.hpp"
#include "base/to_string.hpp"
#include "base/validate.hpp"

namespace attnpool {
namespace {

std::vector<double> initial_w(const FitOptions& options, std::size_t dims) {
  if (!options.w0.empty()) {
    if (options.w0.size() != 1 && options.w0.size() != dims)
      detail::bad_argument("w0", "must have 1 entry or one per dimension = " + detail::to_string(dims) + ", got " +
                                     detail::to_string(options.w0.size()));
    for (std::size_t i = 0; i < options.w0.size(); ++i)
      if (!std::isfinite(options.w0[i]))
        detail::bad_argument("w0[" + detail::to_string(i) + "]",
                             "must be finite, got " + detail::to_string(options.w0[i]));
    return options.w0;
  }
  std::mt19937_64 bits(options.seed);  // its output is fixed by the standard; the standard's distributions are not
  return {static_cast<double>(bits() >> 11) * 0x1p-53};
}

bool all_finite(const std::vector<double>& x) {
  return std::all_of(x.begin(), x.end(), [](double v) { return std::isfinite(v); });
}
bool all_zero(const std::vector<double>& x) {
  return std::all_of(x.begin(), x.end(), [](double v) { return v == 0; });
}

}  // namespace

namespace {

// Gradient descent from one w; every evaluation of the loss that is a step enters the history.
template <class T>
class GradientDescent {
 public:
  GradientDescent(MatrixView<const T> keys, MatrixView<const T> values, const FitOptions& options,
                  std::vector<double> w)
      : keys_(keys), values_(values), options_(options), w_(std::move(w)) {
    result_.w = w_;
    result_.loss = std::numeric_limits<double>::infinity();
    report_ = {0, options.epochs, 0, std::numeric_limits<double>::quiet_NaN(), &w_};
    inner_.threads = options.threads;
    inner_.algorithm = options.algorithm;
    inner_.tolerance = options.algorithm_tolerance;
    inner_.key_weights = options.key_weights;
    if (options.leave_one_out) inner_.range = KeyRange::all_but_self();
    if (options.progress)
      inner_.progress = [this](double fraction) {
        report_.fraction = std::min(1.0, (report_.epoch + fraction) / (options_.epochs + 1));
        return options_.progress(report_);
      };
    detail::check_options(inner_, keys.rows, keys.rows, keys.cols);
    workspace_.prepare(values, inner_);
  }

  FitResult run() {
    try {
      result_.stop = descend();
    } catch (const Cancelled&) {
      result_.stop = FitStop::cancelled;
    }
    return std::move(result_);
  }

 private:
  FitStop descend() {
    if (!enter(w_, evaluate(w_))) return FitStop::diverged;
    int next_test = 1;  // of whether w is a minimum: after 1, 2, 4, ... epochs, since it takes evaluations
    while (report_.epoch < options_.epochs) {
      if (all_zero(here_.gradient))
        return is_minimum() ? FitStop::converged : here_.loss <= result_.loss ? FitStop::flat : FitStop::diverged;
      const std::vector<double> before = w_;
      report_.loss = here_.loss;
      if (!(options_.learning_rate > 0 ? step() : search()))
        return options_.learning_rate > 0 ? FitStop::diverged : is_minimum() ? FitStop::converged : FitStop::epochs;
      ++report_.epoch;
      report_.fraction = (report_.epoch + 1.0) / (options_.epochs + 1);
      if (options_.progress && !options_.progress(report_)) return FitStop::cancelled;
      if (is_small(before) && report_.epoch >= next_test) {
        if (is_minimum()) return FitStop::converged;
        next_test = 2 * report_.epoch;
      }
    }
    return FitStop::epochs;
  }

  LossAndGradient evaluate(const std::vector<double>& w) {
    const Gaussian kernel(w);
    return detail::loss_gradient<T>({keys_, keys_, kernel, detail::moments_of(kernel), inner_}, values_, options_.loss,
                                    workspace_);
  }

  // Goes to w. False if loss or gradient are not finite there.
  bool enter(const std::vector<double>& w, LossAndGradient there) {
    w_ = w;
    here_ = std::move(there);
    result_.losses.push_back(here_.loss);
    result_.ws.push_back(w_);
    if (here_.loss < result_.loss) {
      result_.loss = here_.loss;
      result_.w = w_;
    }
    return std::isfinite(here_.loss) && all_finite(here_.gradient);
  }

  std::vector<double> moved(double rate) const {
    std::vector<double> w = w_;
    for (std::size_t p = 0; p < w.size(); ++p) w[p] -= rate * here_.gradient[p];
    return w;
  }

  // A step of the rate that was given. False if it leads out of the finite numbers.
  bool step() {
    const std::vector<double> next = moved(options_.learning_rate);
    return all_finite(next) && enter(next, evaluate(next));
  }

  // A step that lowers the loss: of the rate of Barzilai and Borwein (1988), at first of half the largest w, and at most of
  // 0.9 of it, for w = 0 is stationary; a quarter of that until the loss falls as it should (Armijo). False if none does: what is left is rounding.
  bool search() {
    double largest = 0, steepest = 0, squares = 0;
    for (const double entry : w_) largest = std::max(largest, std::abs(entry));
    for (const double slope : here_.gradient) steepest = std::max(steepest, std::abs(slope));
    for (const double slope : here_.gradient) squares += slope * slope;
    double rate = rate_ > 0 ? std::min(rate_, 0.9 * largest / steepest) : largest / steepest / 2;
    for (int tries = 0; tries < 30; ++tries, rate /= 4) {
      const std::vector<double> next = moved(rate);
      LossAndGradient there = evaluate(next);
      if (!(there.loss <= here_.loss - 1e-4 * rate * squares) || !all_finite(there.gradient)) continue;
      double along = 0, change = 0;  // s s and s y, the step being s and the gradient's change y
      for (std::size_t p = 0; p < next.size(); ++p) {
        along += (next[p] - w_[p]) * (next[p] - w_[p]);
        change += (next[p] - w_[p]) * (there.gradient[p] - here_.gradient[p]);
      }
      rate_ = change > 0 ? along / change : 4 * rate;
      return enter(next, std::move(there));
    }
    return false;
  }

  double tolerance() const {
    constexpr double of_search = 1e-9;  // smaller steps of a line search change a loss by its rounding only
    return options_.tolerance > 0 ? options_.tolerance : options_.learning_rate > 0 ? 0 : of_search;
  }

  bool is_small(const std::vector<double>& before) const {
    if (!(tolerance() > 0)) return false;
    for (std::size_t p = 0; p < w_.size(); ++p)
      if (!(std::abs(w_[p] - before[p]) <= tolerance() * std::abs(before[p]))) return false;
    return true;
  }

  // True if the loss rises from w on both sides along every entry of w, or an entry does not matter there: its derivative
  // changes its sign within a part of it, 1e-3 or as much as the tolerance allows.
  bool is_minimum() {
    if (here_.loss == 0) return true;
    const double part = std::min(0.5, std::max(1e-3, 10 * tolerance()));
    bool any = false;
    for (std::size_t p = 0; p < w_.size(); ++p) {
      std::vector<double> beside = w_;
      double slopes[2];
      for (const int side : {0, 1}) {
        beside[p] = w_[p] * (side == 0 ? 1 - part : 1 + part);
        slopes[side] = evaluate(beside).gradient[p] * (w_[p] < 0 ? -1 : 1);
      }
      // Below 1e-10 of the loss a slope may be rounding, in a flat region for instance.
      const double matters = std::max(std::abs(slopes[0]), std::abs(slopes[1])) * std::abs(w_[p]);
      const bool turns = slopes[0] < 0 && slopes[1] > 0 && matters > 1e-10 * here_.loss;
      if (!turns && !(matters <= 1e-6 * here_.loss)) return false;
      any = any || turns;
    }
    return any;
  }

  MatrixView<const T> keys_, values_;
  const FitOptions& options_;
  std::vector<double> w_;
  Options inner_;
  detail::Workspace<T> workspace_;
  LossAndGradient here_;
  double rate_ = 0;  // of the next search
  FitProgress report_;
  FitResult result_;
};

}  // namespace

template <class T>
FitResult fit(MatrixView<const T> keys, MatrixView<const T> values, const FitOptions& options) {
  if (!(options.learning_rate >= 0) || !std::isfinite(options.learning_rate))
    detail::bad_argument("learning_rate",
                         "must be 0 or more and finite, got " + detail::to_string(options.learning_rate));
  if (options.epochs < 0) detail::bad_argument("epochs", "must be 0 or more, got " + detail::to_string(options.epochs));
  if (!(options.tolerance >= 0))
    detail::bad_argument("tolerance", "must be 0 or more, got " + detail::to_string(options.tolerance));
  detail::check_view("keys", keys);
  std::vector<double> w = initial_w(options, keys.cols);
  detail::check_inputs(keys, keys, values, Gaussian(w));
  if (options.leave_one_out && keys.rows < 2)
    detail::bad_argument("keys", "leave-one-out needs at least two rows, got " + detail::to_string(keys.rows));
  return GradientDescent<T>(keys, values, options, std::move(w)).run();
}

template FitResult fit(MatrixView<const float>, MatrixView<const float>, const FitOptions&);
template FitResult fit(MatrixView<const double>, MatrixView<const double>, const FitOptions&);

}  // namespace attnpool
