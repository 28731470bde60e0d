#include "selection/search.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "selection/by_values.hpp"

namespace attnpool::detail {
namespace {

// Below this the gradient of a logarithm, a sum over all rows, is rounding: some sqrt(n) * 1e-16 times condition.
constexpr double vanishing = 1e-5, precise = 1e-8;
constexpr double infinity = std::numeric_limits<double>::infinity();

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// True if a step against the gradient would leave the box.
bool blocks(const Box& box, const std::vector<double>& x, const std::vector<double>& gradient, std::size_t p) {
  return (x[p] <= box.lowest[p] && gradient[p] > 0) || (x[p] >= box.highest[p] && gradient[p] < 0);
}

double largest_free(const Box& box, const std::vector<double>& x, const std::vector<double>& gradient) {
  double largest = 0;
  for (std::size_t p = 0; p < x.size(); ++p)
    if (!blocks(box, x, gradient, p)) largest = std::max(largest, std::abs(gradient[p]));
  return largest;
}

std::vector<double> best_factor_of(CriterionFunction& criterion, std::vector<double> log_w, std::size_t d,
                                   const std::vector<double>& factors, double scale, double& lowest) {
  std::vector<double> best = log_w;
  lowest = infinity;
  for (std::size_t i = factors.size(); i-- > 0;) {
    log_w[d] = -std::log(factors[i] * scale);
    if (const double value = criterion(log_w, false).objective; value < lowest) {
      lowest = value;
      best = log_w;
    }
  }
  return best;
}

std::vector<double> flat(const std::vector<double>& factors, const std::vector<double>& scale) {
  std::vector<double> log_w;
  for (const double own : scale) log_w.push_back(-std::log(factors.back() * own));
  return log_w;
}

std::vector<double> forward_start(CriterionFunction& criterion, const std::vector<double>& factors,
                                  const std::vector<double>& scale) {
  std::vector<double> log_w = flat(factors, scale);
  std::vector<std::size_t> left(scale.size());
  std::iota(left.begin(), left.end(), std::size_t{0});
  while (!left.empty()) {
    double lowest = infinity;
    std::size_t which = 0;
    std::vector<double> best = log_w;
    for (std::size_t i = 0; i < left.size(); ++i) {
      double value = infinity;
      const auto tried = best_factor_of(criterion, log_w, left[i], factors, scale[left[i]], value);
      if (value < lowest) lowest = value, which = i, best = tried;
    }
    log_w = best;
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(which));
  }
  return log_w;
}

std::vector<double> backward_pass(CriterionFunction& criterion, const std::vector<double>& factors,
                                  const std::vector<double>& scale) {
  std::vector<double> log_w = flat(factors, scale);
  double unused = 0;
  for (std::size_t d = scale.size(); d-- > 0;) log_w = best_factor_of(criterion, log_w, d, factors, scale[d], unused);
  return log_w;
}

std::vector<std::vector<double>> grid_starts(CriterionFunction& criterion, const std::vector<double>& factors,
                                             const std::vector<double>& scale) {
  const auto side = static_cast<std::ptrdiff_t>(factors.size());
  std::vector<double> grid;
  for (const double first : factors)
    for (const double second : factors)
      grid.push_back(criterion({-std::log(first * scale[0]), -std::log(second * scale[1])}, false).objective);
  const auto at = [&](std::ptrdiff_t i, std::ptrdiff_t j) {
    return i < 0 || j < 0 || i >= side || j >= side ? infinity : grid[static_cast<std::size_t>(i * side + j)];
  };
  std::vector<std::pair<double, std::vector<double>>> minima;
  for (std::ptrdiff_t i = 0; i < side; ++i)
    for (std::ptrdiff_t j = 0; j < side; ++j) {
      bool is_lowest = std::isfinite(at(i, j));
      for (std::ptrdiff_t k = 0; k < 9; ++k) is_lowest = is_lowest && at(i, j) <= at(i + k / 3 - 1, j + k % 3 - 1);
      if (is_lowest)
        minima.push_back({at(i, j),
                          {-std::log(factors[static_cast<std::size_t>(i)] * scale[0]),
                           -std::log(factors[static_cast<std::size_t>(j)] * scale[1])}});
    }
  std::sort(minima.begin(), minima.end());
  std::vector<std::vector<double>> starts;
  for (std::size_t i = 0; i < std::min<std::size_t>(minima.size(), 10); ++i) starts.push_back(minima[i].second);
  return starts;
}

}  // namespace

namespace {

// The vertex of the parabola through the points of a bracket, and its second derivative; the middle and NaN if that is none.
struct Parabola {
  double vertex, curvature;
};
Parabola parabola_through(const Bracket& b) {
  const double left = (b.at_middle - b.at_low) / (b.middle - b.low),
               right = (b.at_high - b.at_middle) / (b.high - b.middle);
  const double curvature = 2 * (right - left) / (b.high - b.low);
  const double vertex = (b.low + b.middle) / 2 - left / curvature;
  if (curvature > 0 && vertex > b.low && vertex < b.high) return {vertex, curvature};
  return {b.middle, std::numeric_limits<double>::quiet_NaN()};
}

}  // namespace

Descent refine_on_line(CriterionFunction& criterion, const std::vector<double>& start, const Bracket& bracket) {
  const auto at = [&](double t, double& slope) {
    std::vector<double> log_w = start;
    for (double& x : log_w) x -= t;
    const Evaluation here = criterion(log_w, true);
    slope = -std::accumulate(here.gradient.begin(), here.gradient.end(), 0.0);
    return here.objective;
  };
  const Parabola parabola = parabola_through(bracket);
  double low = bracket.low, high = bracket.high;
  double slope = 0, best = parabola.vertex, value = at(best, slope);
  if (!(value <= bracket.at_middle)) best = bracket.middle, value = at(best, slope);
  // As if a point had been seen whose secant has the curvature of the parabola.
  double other = best - (high - low), other_slope = slope - (high - low) * parabola.curvature;
  for (int i = 0; i < 60 && std::abs(slope) > precise && high - low > precise; ++i) {
    const double from = slope > 0 ? low : best, to = slope > 0 ? best : high;
    double trial = best - slope * (best - other) / (slope - other_slope);
    if (!(trial > from && trial < to)) trial = from + (to - from) / 2;
    double trial_slope = 0;
    const double trial_value = at(trial, trial_slope);
    if (trial_value <= value) {
      (trial > best ? low : high) = best;
      other = best, other_slope = slope;
      best = trial, slope = trial_slope, value = trial_value;
    } else {
      other = trial, other_slope = trial_slope;
      (trial > best ? high : low) = trial;
    }
  }
  std::vector<double> log_w = start;
  for (double& x : log_w) x -= best;
  return {log_w, value, std::abs(slope) <= vanishing || high - low <= 10 * precise};
}

void InverseHessian::reset(std::vector<double> curvature) {
  double largest = 0;
  for (std::size_t i = 0; i < size_; ++i) largest = std::max(largest, curvature[i * size_ + i]);
  // So much that a dimension without curvature takes a step of its gradient, beside curvatures near 1, times a million at most.
  const double ridge = largest > 0 ? 1e-6 * largest : 1;
  for (std::size_t i = 0; i < size_; ++i) curvature[i * size_ + i] += ridge;
  // By Gauss and Jordan; the matrix is positive definite, so that no pivot vanishes.
  matrix_.assign(size_ * size_, 0);
  for (std::size_t i = 0; i < size_; ++i) at(i, i) = 1;
  for (std::size_t k = 0; k < size_; ++k) {
    const double pivot = curvature[k * size_ + k];
    for (std::size_t j = 0; j < size_; ++j) curvature[k * size_ + j] /= pivot, at(k, j) /= pivot;
    for (std::size_t i = 0; i < size_; ++i) {
      if (i == k) continue;
      const double factor = curvature[i * size_ + k];
      for (std::size_t j = 0; j < size_; ++j) {
        curvature[i * size_ + j] -= factor * curvature[k * size_ + j];
        at(i, j) -= factor * at(k, j);
      }
    }
  }
}

std::vector<double> InverseHessian::times(const std::vector<double>& x) const {
  std::vector<double> y(size_);
  for (std::size_t i = 0; i < size_; ++i)
    for (std::size_t j = 0; j < size_; ++j) y[i] += matrix_[i * size_ + j] * x[j];
  return y;
}

void InverseHessian::learn(const std::vector<double>& s, const std::vector<double>& y) {
  const double sy = dot(s, y);
  if (!(sy > 1e-12 * std::sqrt(dot(s, s) * dot(y, y)))) return;  // no positive curvature seen
  const std::vector<double> hy = times(y);
  const double factor = (1 + dot(y, hy) / sy) / sy;
  for (std::size_t i = 0; i < size_; ++i)
    for (std::size_t j = 0; j < size_; ++j) at(i, j) += factor * s[i] * s[j] - (hy[i] * s[j] + s[i] * hy[j]) / sy;
}

namespace {

// Where BFGS goes from log_w: down the gradient, seen through the inverse Hessian, along the faces of the box that block it.
std::vector<double> direction_of(const Box& box, const std::vector<double>& log_w, const Evaluation& here,
                                 InverseHessian& inverse) {
  const std::vector<double>& gradient = here.gradient;
  std::vector<double> free_gradient = gradient;
  for (std::size_t p = 0; p < log_w.size(); ++p)
    if (blocks(box, log_w, gradient, p)) free_gradient[p] = 0;
  std::vector<double> direction = inverse.times(free_gradient);
  for (std::size_t p = 0; p < log_w.size(); ++p) direction[p] = blocks(box, log_w, gradient, p) ? 0 : -direction[p];
  if (dot(direction, gradient) < 0) return direction;
  inverse.reset(here.curvature);
  for (std::size_t p = 0; p < log_w.size(); ++p) direction[p] = -free_gradient[p];
  return direction;
}

}  // namespace

Descent descend(CriterionFunction& criterion, std::vector<double> log_w, const Box& box, InverseHessian& inverse,
                const Extent& extent) {
  if (!criterion.has_gradient()) return descend_by_values(criterion, std::move(log_w), box, extent);
  const std::size_t size = log_w.size(), judged = std::min(extent.judged, criterion.rows());
  Evaluation here = criterion.estimate(log_w, judged, true);
  if (inverse.is_empty() && !here.curvature.empty()) inverse.reset(here.curvature);
  for (int step = 0; step < 200 && largest_free(box, log_w, here.gradient) > extent.enough; ++step) {
    const std::vector<double> direction = direction_of(box, log_w, here, inverse);
    double largest = 0;
    for (const double x : direction) largest = std::max(largest, std::abs(x));
    // Backtracking from a full step, of at most a factor e^1.5 in any w.
    double length = std::min(1.0, 1.5 / largest);
    Evaluation next;
    std::vector<double> there(size), moved(size), change(size);
    bool lower = false;
    for (int halvings = 0; halvings < 30 && !lower; ++halvings, length *= 0.3) {
      for (std::size_t p = 0; p < size; ++p) {
        there[p] = std::clamp(log_w[p] + length * direction[p], box.lowest[p], box.highest[p]);
        moved[p] = there[p] - log_w[p];
      }
      next = criterion.estimate(there, judged, true);
      lower = next.objective < here.objective + 1e-4 * std::min(0.0, dot(moved, here.gradient));
    }
    if (!lower) break;  // what is left to gain is rounding
    for (std::size_t p = 0; p < size; ++p) change[p] = next.gradient[p] - here.gradient[p];
    inverse.learn(moved, change);
    log_w = there;
    here = next;
  }
  return {log_w, here.objective, largest_free(box, log_w, here.gradient) <= vanishing};
}

Descent descend(CriterionFunction& criterion, std::vector<double> log_w, const Box& box) {
  InverseHessian inverse(log_w.size());
  return descend(criterion, std::move(log_w), box, inverse);
}

std::vector<std::vector<double>> coarse_starts(CriterionFunction& criterion, const std::vector<double>& factors,
                                               const std::vector<double>& scale) {
  if (scale.size() == 2) return grid_starts(criterion, factors, scale);
  return {forward_start(criterion, factors, scale), backward_pass(criterion, factors, scale)};
}

std::vector<std::vector<double>> random_starts(const std::vector<double>& scale, std::size_t count) {
  std::mt19937_64 random(0);  // its output is fixed by the standard
  std::vector<std::vector<double>> starts(count);
  for (std::vector<double>& start : starts)
    for (const double own : scale)
      start.push_back(-std::log(0.02 * own) - std::log(1000.0) * static_cast<double>(random() >> 11) * 0x1p-53);
  return starts;
}

bool is_near_one_of(const std::vector<std::vector<double>>& others, const std::vector<double>& log_w, double distance) {
  return std::any_of(others.begin(), others.end(), [&](const std::vector<double>& other) {
    double largest = 0;
    for (std::size_t p = 0; p < log_w.size(); ++p) largest = std::max(largest, std::abs(log_w[p] - other[p]));
    return largest < distance;
  });
}

std::vector<std::size_t> local_minima(const std::vector<double>& objectives, std::size_t most) {
  std::vector<std::size_t> found;
  const auto at = [&](std::size_t i) {
    return i < objectives.size() && !std::isnan(objectives[i]) ? objectives[i] : infinity;
  };
  for (std::size_t i = 0; i < objectives.size(); ++i)
    if (at(i) < infinity && at(i) <= (i > 0 ? at(i - 1) : infinity) && at(i) < at(i + 1)) found.push_back(i);
  std::sort(found.begin(), found.end(),
            [&](std::size_t a, std::size_t b) { return at(a) < at(b) || (at(a) == at(b) && a > b); });
  if (found.size() > most) found.resize(most);
  return found;
}

PairedDifference paired_difference(const std::vector<double>& larger, const std::vector<double>& smaller) {
  const double n = static_cast<double>(larger.size());
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < larger.size(); ++i) {
    if (smaller[i] == infinity) continue;
    if (larger[i] == infinity) return {infinity, 0};
    sum += larger[i] - smaller[i];
    squares += (larger[i] - smaller[i]) * (larger[i] - smaller[i]);
  }
  const double mean = sum / n, variance = squares / n - mean * mean;
  return {mean, std::sqrt(std::max(variance, 0.0) / n)};
}

}  // namespace attnpool::detail
