#include "selection/criterion_function.hpp"

#include <algorithm>
#include <cmath>

#include "data/units.hpp"
#include "result/leverage.hpp"

namespace attnpool::detail {
namespace {

// With S the sum of weights of the other keys, c the row's own weight and m, e the prediction and error without the row,
// its leverage is H = c / (S + c) and its residual with all keys e (1 - H), exactly; sums are of 1 - H, which may be tiny. In log w_p, with u_p = w_p^2 delta_p^2
// and E the mean under the weights: S' = -S E[u], H' = H (1 - H) E[u], e' = -(E[u value] - E[u] m).
// Far below the standard error of an estimate; the pruned plan then visits half the pairs in two dimensions.
constexpr double estimate_error = 1e-9;
constexpr double u_per_moment =
    1 / exponent_scale_squared;  // a moment is the mean of w^2 s^2 delta^2, s^2 = log2(e) / 2

}  // namespace

// Where less is left of a row on average the fit interpolates, and GCV compares vanishing residuals with each other.
constexpr double least_rest = 1e-3;

double Evaluation::gcv(double rows) const {
  const double part = rest / rows;
  return part > least_rest ? residual_squares / (part * part) : std::numeric_limits<double>::infinity();
}

double Evaluation::aicc(double rows) const {
  const double part = (rest - 2) / rows;
  return part > 0 ? std::log(residual_squares) + (2 - rest / rows) / part : std::numeric_limits<double>::infinity();
}

CriterionFunction::CriterionFunction(const SelectionData& data, const SelectionOptions& options, Progress progress)
    : data_(data), criterion_(options.criterion) {
  options_.range = KeyRange::all_but_self();
  options_.threads = options.threads;
  options_.progress = std::move(progress);
  options_.key_weights = data.weights;
}

Evaluation CriterionFunction::evaluate(const std::vector<double>& log_w, bool with_gradient, std::size_t judged) {
  std::vector<double> w;
  for (const double x : log_w) w.push_back(std::exp(x));
  const std::size_t parameters = with_gradient ? w.size() : 0;
  judged_ = judged, width_ = 3 * (1 + parameters);
  if (ladder_ && ladder_->pays(w.front(), judged, 1)) {
    terms_ = ladder_->rung(w.front(), with_gradient, judged, options_.threads, {});
  } else {
    evaluate_by_plan(w, parameters, judged);
  }
  if (options_.progress && !options_.progress(1)) throw Cancelled("cancelled by the progress callback");
  return summed(judged, parameters);
}

// Fills in terms_: per row squares of errors without and with the row, leverage, and the derivatives of these three per parameter.
void CriterionFunction::evaluate_by_plan(const std::vector<double>& w, std::size_t parameters, std::size_t judged) {
  if (!has_workspace_) workspace_.prepare(data_.value_view(), options_);
  has_workspace_ = true;
  const Gaussian score(w);
  const std::size_t width = width_;
  terms_.assign(judged * width, 0);
  const ScaledValues<double>& values = workspace_.values;
  const Sink sink = [&](const QuerySums& q) {
    double mean[query_block];
    for (std::size_t v = 0; v < data_.cols; ++v) {
      weighted_means(values, options_.range, q, v, mean);
      for (std::size_t i = 0; i < q.count; ++i) {
        const std::size_t row = q.query(i);
        double* term = terms_.data() + row * width;
        const double others = q.weight(0, i), own = data_.weight(row);
        const double rest = rest_of(others, q.reference, own), leverage = 1 - rest;
        const double error = mean[i] - data_.values[row * data_.cols + v];
        term[0] += error * error;
        term[1] += error * rest * (error * rest);
        term[2] = rest;
        const double scaled_mean = q.value(0, v, i) / others;
        for (std::size_t p = 0; p < parameters; ++p) {
          const double moment = q.weight(1 + p, i) / others;
          const double of_error =
              -(q.value(1 + p, v, i) / others - scaled_mean * moment) * values.unit[v] * u_per_moment;
          const double of_leverage = leverage * rest * moment * u_per_moment;
          term[3 + 3 * p] += 2 * error * of_error;
          term[4 + 3 * p] += 2 * error * rest * (of_error * rest - error * of_leverage);
          term[5 + 3 * p] = -of_leverage;
        }
      }
    }
  };
  const MatrixView<const double> queries{data_.keys.data(), judged, data_.dims};
  execute<double>({queries, data_.key_view(), score, parameters > 0 ? moments_of(score) : Moments::none, options_,
                   judged < data_.rows ? estimate_error : 0},
                  workspace_, sink);
}

Evaluation CriterionFunction::summed(std::size_t judged, std::size_t parameters) const {
  const std::size_t width = 3 * (1 + parameters);
  double weight = 0;
  for (std::size_t i = 0; i < judged; ++i) weight += data_.weight(i);
  const double cols = static_cast<double>(data_.cols), equal_share = 1 / weight / cols;
  std::vector<double> total(width);
  for (std::size_t t = 0; t < width; t += 3) {
    double without = 0, with = 0, left = 0;
    for (std::size_t i = 0; i < judged; ++i) {  // in the order of the rows: the same bits for any number of threads
      const double share = data_.weights.empty() ? equal_share : data_.weights[i] / weight / cols;
      const double* term = terms_.data() + i * width + t;
      without += share * term[0], with += share * term[1], left += term[2];
    }
    total[t] = without, total[t + 1] = with, total[t + 2] = left;
  }
  double trace = 0;  // n - total[2] would have the roundings of a sum near n
  for (std::size_t i = 0; i < judged; ++i) trace += 1 - terms_[i * width + 2];
  for (std::size_t t = 2; t < width; t += 3) total[t] *= static_cast<double>(data_.rows) / static_cast<double>(judged);
  Evaluation result;
  result.leave_one_out = total[0], result.residual_squares = total[1], result.rest = total[2], result.trace = trace;
  const double n = static_cast<double>(data_.rows);
  result.objective = criterion_ == Criterion::leave_one_out ? std::log(result.leave_one_out)
                     : criterion_ == Criterion::gcv         ? std::log(result.gcv(n))
                                                            : result.aicc(n);
  if (std::isnan(result.objective)) result.objective = std::numeric_limits<double>::infinity();
  if (result.objective == -std::numeric_limits<double>::infinity()) {  // no error at all: nothing is lower
    result.gradient.assign(parameters, 0);
    return result;
  }
  for (std::size_t p = 0; p < parameters; ++p) {
    const double *of = total.data() + 3 + 3 * p, rest = result.rest - 2;
    const double of_squares = of[1] / result.residual_squares, of_trace = -of[2];
    result.gradient.push_back(criterion_ == Criterion::leave_one_out ? of[0] / result.leave_one_out
                              : criterion_ == Criterion::gcv         ? of_squares + 2 * of_trace / result.rest
                                                             : of_squares + of_trace * (2 * n - 2) / (rest * rest));
  }
  if (parameters > 1) result.curvature = curvature(judged, parameters);
  return result;
}

// With e a row's error, the Hessian of the mean of e^2 is 2 (e' e'^T + e e'') on average, of which Gauss and Newton keep the first
// part: the error is nearly independent of e'', since the row's own noise is not in its prediction.
std::vector<double> CriterionFunction::curvature(std::size_t judged, std::size_t parameters) const {
  std::vector<double> sums(parameters * parameters);
  double squares = 0;
  for (std::size_t i = 0; i < judged; ++i) {
    const double* term = terms_.data() + i * width_;
    if (!(term[0] > 0)) continue;
    const double weight = data_.weight(i);
    squares += weight * term[0];
    for (std::size_t p = 0; p < parameters; ++p)  // term[3 + 3 p] is 2 e e'
      for (std::size_t r = 0; r <= p; ++r)
        sums[p * parameters + r] += weight * term[3 + 3 * p] * (term[3 + 3 * r] / (2 * term[0]));
  }
  for (std::size_t p = 0; p < parameters; ++p)
    for (std::size_t r = 0; r <= p; ++r)
      sums[r * parameters + p] = sums[p * parameters + r] /= squares > 0 ? squares : 1;
  return sums;
}

std::vector<double> CriterionFunction::squares() const {
  std::vector<double> result(judged_);
  for (std::size_t i = 0; i < judged_; ++i) result[i] = data_.weight(i) * terms_[i * width_];
  return result;
}

}  // namespace attnpool::detail
