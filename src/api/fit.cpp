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

const char* name(FitStop stop) noexcept {
  switch (stop) {
    case FitStop::epochs:
      return "epochs";
    case FitStop::converged:
      return "converged";
    case FitStop::diverged:
      return "diverged";
    case FitStop::cancelled:
      return "cancelled";
  }
  return "unknown";
}

template <class T>
FitResult fit(MatrixView<const T> keys, MatrixView<const T> values, const FitOptions& options) {
  if (!(options.learning_rate > 0) || !std::isfinite(options.learning_rate))
    detail::bad_argument("learning_rate",
                         "must be positive and finite, got " + detail::to_string(options.learning_rate));
  if (options.epochs < 0) detail::bad_argument("epochs", "must be 0 or more, got " + detail::to_string(options.epochs));
  if (!(options.tolerance >= 0))
    detail::bad_argument("tolerance", "must be 0 or more, got " + detail::to_string(options.tolerance));
  detail::check_view("keys", keys);
  std::vector<double> w = initial_w(options, keys.cols);
  detail::check_inputs(keys, keys, values, Gaussian(w));
  if (options.leave_one_out && keys.rows < 2)
    detail::bad_argument("keys", "leave-one-out needs at least two rows, got " + detail::to_string(keys.rows));

  FitResult result;
  result.best_w = w;
  result.best_loss = std::numeric_limits<double>::infinity();
  FitProgress report{0, options.epochs, 0, std::numeric_limits<double>::quiet_NaN(), &w};
  bool stopped = false;  // by the callback at the end of an epoch

  Options inner;
  inner.threads = options.threads;
  inner.plan = options.plan;
  inner.tolerance = options.plan_tolerance;
  inner.key_weights = options.key_weights;
  if (options.leave_one_out) inner.range = KeyRange::all_but_self();
  if (options.progress)
    inner.progress = [&](double fraction) {
      report.fraction = (report.epoch + fraction) / (options.epochs + 1);
      return options.progress(report);
    };
  detail::check_options(inner, keys.rows, keys.rows, keys.cols);
  detail::Workspace<T> workspace;
  workspace.prepare(values, inner);
  // Loss and gradient at w, entered into the history. False if they are not finite.
  std::vector<double> gradient;
  const auto evaluate = [&] {
    const Gaussian score(w);
    const LossAndGradient at_w = detail::loss_gradient<T>({keys, keys, score, detail::moments_of(score), inner}, values,
                                                          options.loss, workspace);
    gradient = at_w.gradient;
    result.losses.push_back(at_w.loss);
    result.ws.push_back(w);
    if (at_w.loss < result.best_loss) {
      result.best_loss = at_w.loss;
      result.best_w = w;
    }
    return std::isfinite(at_w.loss) && all_finite(gradient);
  };

  try {
    bool finite = evaluate();
    result.stop = FitStop::epochs;
    while (finite && report.epoch < options.epochs) {
      if (all_zero(gradient)) {
        result.stop = result.losses.back() <= result.best_loss ? FitStop::converged : FitStop::diverged;
        break;
      }
      std::vector<double> next = w;
      bool small_step = options.tolerance > 0;
      for (std::size_t p = 0; p < w.size(); ++p) {
        next[p] -= options.learning_rate * gradient[p];
        small_step &= std::abs(next[p] - w[p]) <= options.tolerance * std::abs(w[p]);
      }
      if (!all_finite(next)) {
        finite = false;
        break;
      }
      w = next;
      report.loss = result.losses.back();
      ++report.epoch;
      finite = evaluate();
      report.fraction = (report.epoch + 1.0) / (options.epochs + 1);
      if (options.progress && !options.progress(report)) {
        stopped = true;
        break;
      }
      if (finite && small_step) {
        result.stop = FitStop::converged;
        break;
      }
    }
    if (!finite) result.stop = FitStop::diverged;
    if (stopped) result.stop = FitStop::cancelled;
  } catch (const Cancelled&) {
    result.stop = FitStop::cancelled;
  }
  const bool use_best = result.stop == FitStop::diverged || result.stop == FitStop::cancelled;
  result.w = use_best ? result.best_w : w;
  result.loss = use_best || result.losses.empty() ? result.best_loss : result.losses.back();
  return result;
}

template FitResult fit(MatrixView<const float>, MatrixView<const float>, const FitOptions&);
template FitResult fit(MatrixView<const double>, MatrixView<const double>, const FitOptions&);

}  // namespace attnpool
