#include "selection/criterion_function.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "data/units.hpp"
#include "result/leverage.hpp"
#include "result/local_polynomial.hpp"

namespace attnpool::detail {
namespace {

// With S the sum of weights of the other keys, c the row's own weight and m, e the prediction and error without the row,
// its leverage is H = c / (S + c) and its residual with all keys e (1 - H), exactly; sums are of 1 - H, which may be tiny. In log w_p, with u_p = w_p^2 delta_p^2
// and E the mean under the weights: S' = -S E[u], H' = H (1 - H) E[u], e' = -(E[u value] - E[u] m).
// Far below the standard error of an estimate; the pruned plan then visits half the pairs in two dimensions.
constexpr double estimate_error = 1e-9;
// Of a log-loss: the part of all weights that the pruned plan may leave out, and what counts as a probability of 0, since small
// weights are clamped.
constexpr double least_part = 1e-30, least_probability = 1e-240;
// A grid's errors, 1e-11 of the largest value, are too large for the logarithms of probabilities below this.
constexpr double least_on_a_grid = 1e-3;
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
    : data_(data),
      criterion_(options.criterion),
      profile_(options.kernel),
      order_(options.order),
      figures_(options.criterion == Criterion::log_loss ? 4 : 3) {
  options_.range = KeyRange::all_but_self();
  options_.threads = options.threads;
  options_.order = options.order;
  options_.empty = options.empty;
  options_.progress = std::move(progress);
  options_.key_weights = data.weights;
}

Evaluation CriterionFunction::evaluate(const std::vector<double>& log_w, bool with_gradient, std::size_t judged) {
  std::vector<double> w;
  for (const double x : log_w) w.push_back(std::exp(x));
  const std::size_t parameters = with_gradient ? w.size() : 0;
  judged_ = judged, width_ = figures_ * (1 + parameters);
  if (ladder_ && ladder_->pays(w.front(), judged, 1)) {
    terms_ = ladder_->rung(w.front(), with_gradient, judged, options_.threads, {});
  } else {
    evaluate_by_plan(w, parameters, judged);
  }
  if (options_.progress && !options_.progress(1)) throw Cancelled("cancelled by the progress callback");
  return summed(judged, parameters);
}

Evaluation CriterionFunction::counted(Evaluation here, const std::vector<double>& log_w, std::size_t judged) {
  (judged < data_.rows ? estimates_ : evaluations_) += 1;
  if (judged == data_.rows && here.objective < lowest_.evaluation.objective) lowest_ = {log_w, here};
  return here;
}

void CriterionFunction::evaluate_by_plan(const std::vector<double>& w, std::size_t parameters, std::size_t judged) {
  if (!has_workspace_) {
    workspace_.prepare(data_.value_view(), options_);
    if (criterion_ == Criterion::log_loss) workspace_.values.keep_zero();
  }
  has_workspace_ = true;
  Options options = options_;
  Report report;
  if (criterion_ == Criterion::log_loss) options.report = &report;  // costs the bounds of the answers
  const bool has_small = run_plan(options, w, parameters, judged);
  if (!has_small || report.algorithm != Algorithm::grid) return;
  options.algorithm = Algorithm::pruned;
  run_plan(options, w, parameters, judged);
}

// Fills in terms_: per row squares of errors without and with the row, leverage, the log-loss if that is the criterion, and the
// derivatives of these per parameter. Returns whether a probability is too small for the errors of a grid.
bool CriterionFunction::run_plan(const Options& options, const std::vector<double>& w, std::size_t parameters,
                                 std::size_t judged) {
  const Kernel kernel(profile_, w);
  const Moments moments = parameters > 0 ? moments_of(kernel) : moments_of_order(order_);
  const std::size_t width = width_, figures = figures_;
  const bool has_loss = criterion_ == Criterion::log_loss;
  terms_.assign(judged * width, 0);
  const ScaledValues<double>& values = workspace_.values;
  std::atomic<bool> has_small{false};
  const Sink sink = [&](const QuerySums& q) {
    if (order_ > 0) return take_polynomials(q, kernel, moments);
    double mean[query_block];
    for (std::size_t v = 0; v < data_.cols; ++v) {
      weighted_means(values, options.range, q, v, mean);
      for (std::size_t i = 0; i < q.count; ++i) {
        const std::size_t row = q.query(i);
        double* term = terms_.data() + row * width;
        const double others = q.weight(0, i), own = data_.weight(row), value = data_.values[row * data_.cols + v];
        const double rest = q.empty ? 0 : rest_of(others, q.reference, own), leverage = 1 - rest;
        const double error = mean[i] - value;
        const bool adds_loss = has_loss && value > 0;
        term[0] += error * error;
        term[1] += error * rest * (error * rest);
        term[2] = rest;
        if (adds_loss) term[3] -= value * std::log(mean[i] > least_probability ? mean[i] : 0);
        if (adds_loss && mean[i] < least_on_a_grid) has_small.store(true, std::memory_order_relaxed);
        const double scaled_mean = q.value(0, v, i) / others;
        for (std::size_t p = 0; p < parameters; ++p) {
          const double moment = q.weight(1 + p, i) / others;
          const double of_error =
              -(q.value(1 + p, v, i) / others - scaled_mean * moment) * values.unit[v] * u_per_moment;
          const double of_leverage = leverage * rest * moment * u_per_moment;
          double* of = term + figures * (1 + p);
          of[0] += 2 * error * of_error;
          of[1] += 2 * error * rest * (of_error * rest - error * of_leverage);
          of[2] = -of_leverage;
          if (adds_loss && mean[i] > least_probability) of[3] -= value * (of_error / mean[i]);
        }
      }
    }
  };
  const MatrixView<const double> queries{data_.keys.data(), judged, data_.dims};
  const double negligible = has_loss ? least_part : judged < data_.rows ? estimate_error : 0;
  execute<double>({queries, data_.key_view(), kernel, moments, options, negligible}, workspace_, sink);
  return has_small;
}

// The terms of local polynomials. With g = phi' M^-1 phi at the row, M the moments of the others, the row's leverage is c g / (1 + c g)
// by the formula of Sherman and Morrison, and LocalPolynomial::own_factor() is g times their sum of weights.
void CriterionFunction::take_polynomials(const QuerySums& q, const Kernel& kernel, Moments moments) {
  const ScaledValues<double>& values = workspace_.values;
  std::vector<double> to_query(data_.dims);
  for (std::size_t i = 0; i < q.count; ++i) {
    const std::size_t row = q.query(i);
    for (std::size_t d = 0; q.origin && d < data_.dims; ++d)
      to_query[d] = (data_.keys[row * data_.dims + d] - q.origin[d]) * scale_of(kernel, d);
    const LocalPolynomial fit(q, i, moments, data_.dims, q.origin ? to_query.data() : nullptr);
    double* term = terms_.data() + row * width_;
    const double rest = q.empty ? 0 : rest_of(q.weight(0, i), q.reference, data_.weight(row) * fit.own_factor());
    for (std::size_t v = 0; v < data_.cols; ++v) {
      const double error = values.middle[v] + values.unit[v] * fit.value(v) - data_.values[row * data_.cols + v];
      term[0] += error * error;
      term[1] += error * rest * (error * rest);
    }
    term[2] = rest;
  }
}

// The weighted means of the terms over rows (and columns, but for the log-loss), and the sums of 1 - leverage, for all rows.
std::vector<double> CriterionFunction::totals(std::size_t judged) const {
  double weight = 0;
  for (std::size_t i = 0; i < judged; ++i) weight += data_.weight(i);
  const double cols = static_cast<double>(data_.cols), equal_share = 1 / weight / cols;
  const bool has_loss = figures_ > 3;
  std::vector<double> total(width_);
  for (std::size_t t = 0; t < width_; t += figures_) {
    double without = 0, with = 0, left = 0, loss = 0;
    for (std::size_t i = 0; i < judged; ++i) {  // in the order of the rows: the same bits for any number of threads
      const double share = data_.weights.empty() ? equal_share : data_.weights[i] / weight / cols;
      const double* term = terms_.data() + i * width_ + t;
      without += share * term[0], with += share * term[1], left += term[2];
      if (has_loss) loss += share * term[3];
    }
    total[t] = without, total[t + 1] = with;
    total[t + 2] = left * (static_cast<double>(data_.rows) / static_cast<double>(judged));
    if (has_loss) total[t + 3] = loss * cols;
  }
  return total;
}

double CriterionFunction::objective(const Evaluation& of) const {
  const double n = static_cast<double>(data_.rows);
  switch (criterion_) {
    case Criterion::gcv:
      return std::log(of.gcv(n));
    case Criterion::aicc:
      return of.aicc(n);
    case Criterion::log_loss:
      return of.log_loss;
    default:
      return std::log(of.leave_one_out);
  }
}

// Of the objective, from the derivatives `of` the totals.
double CriterionFunction::derivative(const Evaluation& here, const double* of) const {
  const double n = static_cast<double>(data_.rows), rest = here.rest - 2;
  const double of_squares = of[1] / here.residual_squares, of_trace = -of[2];
  switch (criterion_) {
    case Criterion::gcv:
      return of_squares + 2 * of_trace / here.rest;
    case Criterion::aicc:
      return of_squares + of_trace * (2 * n - 2) / (rest * rest);
    case Criterion::log_loss:
      return of[3];
    default:
      return of[0] / here.leave_one_out;
  }
}

Evaluation CriterionFunction::summed(std::size_t judged, std::size_t parameters) const {
  const std::vector<double> total = totals(judged);
  double trace = 0;  // n - total[2] would have the roundings of a sum near n
  for (std::size_t i = 0; i < judged; ++i) trace += 1 - terms_[i * width_ + 2];
  Evaluation result;
  result.leave_one_out = total[0], result.residual_squares = total[1], result.rest = total[2], result.trace = trace;
  if (figures_ > 3) result.log_loss = total[3];
  result.objective = objective(result);
  if (std::isnan(result.objective)) result.objective = std::numeric_limits<double>::infinity();
  // No error at all, so that nothing is lower; or a log-loss without a slope.
  if (result.objective == -std::numeric_limits<double>::infinity() ||
      (criterion_ == Criterion::log_loss && std::isinf(result.objective))) {
    result.gradient.assign(parameters, 0);
    return result;
  }
  for (std::size_t p = 0; p < parameters; ++p)
    result.gradient.push_back(derivative(result, total.data() + figures_ * (1 + p)));
  if (parameters > 1) result.curvature = curvature(judged, parameters);
  return result;
}

// With e a row's error, the Hessian of the mean of e^2 is 2 (e' e'^T + e e'') on average, of which Gauss and Newton keep the first
// part: the error is nearly independent of e'', since the row's own noise is not in its prediction. That of the mean of - log m is
// m' m'^T / m^2 - m'' / m, of which the first part is the square of the derivative of the row's loss.
std::vector<double> CriterionFunction::curvature(std::size_t judged, std::size_t parameters) const {
  const bool is_loss = criterion_ == Criterion::log_loss;
  const std::size_t figure = is_loss ? 3 : 0;
  std::vector<double> sums(parameters * parameters);
  double whole = 0;
  for (std::size_t i = 0; i < judged; ++i) {
    const double* term = terms_.data() + i * width_;
    const double weight = data_.weight(i);
    if (is_loss) {
      whole += weight;
    } else {
      if (!(term[0] > 0)) continue;
      whole += weight * term[0];
    }
    const double divisor = is_loss ? 1 : 2 * term[0];  // the derivative of e^2 is 2 e e'
    for (std::size_t p = 0; p < parameters; ++p)
      for (std::size_t r = 0; r <= p; ++r)
        sums[p * parameters + r] +=
            weight * term[figures_ * (1 + p) + figure] * (term[figures_ * (1 + r) + figure] / divisor);
  }
  for (std::size_t p = 0; p < parameters; ++p)
    for (std::size_t r = 0; r <= p; ++r) sums[r * parameters + p] = sums[p * parameters + r] /= whole > 0 ? whole : 1;
  return sums;
}

std::vector<double> CriterionFunction::losses() const {
  const std::size_t figure = criterion_ == Criterion::log_loss ? 3 : 0;
  std::vector<double> result(judged_);
  for (std::size_t i = 0; i < judged_; ++i) result[i] = data_.weight(i) * terms_[i * width_ + figure];
  return result;
}

}  // namespace attnpool::detail
