#include "lowess/robust.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/threads.hpp"
#include "lowess/pass.hpp"

namespace attnpool::detail {
namespace {

// A median |residual| of this part of the range of y is rounding, and weights would be drawn by lot.
constexpr double rounding = 1e-12;
// statsmodels: squared units of x.
constexpr double least_variance = 1e-12;

// Of the largest |x|.
int exponent_of(const std::vector<double>& x) {
  double largest = 0;
  for (const double value : x) largest = std::max(largest, std::abs(value));
  return largest > 0 ? std::ilogb(largest) : 0;
}

void times_power(std::vector<double>& x, int exponent) {
  if (exponent == 0) return;
  for (double& value : x) value = std::ldexp(value, exponent);
}

// y = middle + unit * v with v in [-1, 1].
struct Values {
  std::vector<double> y, v;
  double middle = 0;
  int exponent = 0;

  explicit Values(std::vector<double> given) : y(std::move(given)), v(y) {
    const auto [low, high] = std::minmax_element(v.begin(), v.end());
    const double half = *high / 2 - *low / 2;
    middle = *low + half;
    exponent = half > 0 ? std::ilogb(half) + 1 : 0;
    for (double& value : v) value = std::ldexp(value / 2 - middle / 2, 1 - exponent);
  }
  double original(double value) const { return middle + std::ldexp(value, exponent); }
  // Of fits to v; one that is v itself, because there is no line, is y itself, for those that tie with it too.
  std::vector<double> originals(const std::vector<double>& fits) const {
    std::vector<double> result;
    result.reserve(fits.size());
    for (std::size_t i = 0; i < fits.size(); ++i)
      result.push_back(fits[i] == v[i] ? y[i] : i > 0 && fits[i] == fits[i - 1] ? result[i - 1] : original(fits[i]));
    return result;
  }
};

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

class Robust {
  using Clock = std::chrono::steady_clock;

 public:
  explicit Robust(LowessProblem problem)
      : problem_(std::move(problem)), values_(std::move(problem_.y)), exponent_(exponent_of(problem_.x)) {
    times_power(problem_.x, -exponent_), times_power(problem_.at, -exponent_);
    keys_ = {std::move(problem_.x), std::vector<double>(values_.v.size(), 1), values_.v};
    fitted_ = fitted_keys(keys_.x, std::ldexp(problem_.delta, -exponent_));
    std::vector<double> queries;
    for (const std::size_t k : fitted_) queries.push_back(keys_.x[k]);
    windows_ = lowess_windows(keys_.x, std::move(queries), problem_.neighbours);
    const double size = static_cast<double>(keys_.x.size()), pairs = static_cast<double>(fitted_.size()) * 100;
    threads_ = threads_for(problem_.threads, 20 * (pairs + size));
  }

  LowessSolution solve() {
    KeyBlocks blocks(keys_.x);
    LowessSolution solution;
    solution.robust_weights.assign(keys_.x.size(), 1);
    for (;;) {
      blocks.sum(keys_, threads_);
      const std::vector<double> fit = everywhere(pass(windows_, blocks, solution.passes), solution.without_line);
      ++solution.passes;
      report(solution.passes);
      if (solution.passes > problem_.iterations || !weigh(fit)) {
        solution.fitted = values_.originals(fit);
        break;
      }
      solution.robust_weights = keys_.weights;
    }
    if (!problem_.at.empty()) {
      solution.at = pass(lowess_windows(keys_.x, problem_.at, problem_.neighbours), blocks, solution.passes);
      for (double& value : solution.at) value = values_.original(value);
    }
    return solution;
  }

 private:
  std::vector<double> pass(const LowessWindows& windows, const KeyBlocks& blocks, int number) {
    Progress progress;
    if (problem_.progress)
      progress = [&, number](double done) {
        last_report_ = Clock::now();
        return problem_.progress(part(number + done));
      };
    return fit_lines(windows, {keys_, blocks, std::ldexp(least_variance, -2 * exponent_), threads_, progress});
  }

  double part(double passes) const { return passes / (problem_.iterations + (problem_.at.empty() ? 1 : 2)); }

  // Between passes, which are often too short to report on their own.
  void report(int passes) {
    if (!problem_.progress || Clock::now() - last_report_ < std::chrono::milliseconds(100)) return;
    last_report_ = Clock::now();
    if (!problem_.progress(part(passes))) throw Cancelled("cancelled by the progress callback");
  }

  // From the fitted keys to all: ties have the same fit, those between lie on the line between two fits.
  std::vector<double> everywhere(std::vector<double> fits, std::size_t& without_line) const {
    const std::vector<double>& x = keys_.x;
    without_line = 0;
    std::vector<double> all(x.size());
    std::vector<bool> line(fits.size());
    for (std::size_t i = 0; i < fits.size(); ++i)
      if (line[i] = !std::isnan(fits[i]); !line[i]) fits[i] = values_.v[fitted_[i]];
    for (std::size_t i = 0; i < fits.size(); ++i) {
      const std::size_t k = fitted_[i], end = i + 1 < fits.size() ? fitted_[i + 1] : x.size();
      std::size_t next = k;
      while (next < end && x[next] == x[k]) all[next++] = fits[i];
      if (!line[i]) without_line += next - k;
      for (; next < end; ++next) {
        const double part = (x[next] - x[k]) / (x[end] - x[k]);
        all[next] = part * fits[i + 1] + (1 - part) * fits[i];
      }
    }
    return all;
  }

  // Bisquare weights; false if the fit is exact up to rounding.
  bool weigh(const std::vector<double>& fit) {
    std::vector<double> residuals(fit.size());
    for (std::size_t i = 0; i < fit.size(); ++i) residuals[i] = std::abs(values_.v[i] - fit[i]);
    const double scale = 6 * median(residuals);
    if (!(scale > 6 * rounding)) return false;
    for (std::size_t i = 0; i < fit.size(); ++i) {
      const double u = std::min(residuals[i] / scale, 1.0), weight = (1 - u * u) * (1 - u * u);
      keys_.weights[i] = weight, keys_.values[i] = weight * values_.v[i];
    }
    return true;
  }

  LowessProblem problem_;
  Values values_;
  int exponent_;
  LowessKeys keys_;
  std::vector<std::size_t> fitted_;
  LowessWindows windows_;
  int threads_;
  Clock::time_point last_report_ = Clock::now();
};

}  // namespace

LowessSolution robust_lowess(LowessProblem problem) { return Robust(std::move(problem)).solve(); }

}  // namespace attnpool::detail
