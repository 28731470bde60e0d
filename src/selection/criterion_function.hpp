#pragma once
// A criterion of bandwidths as a function of log w, with its exact gradient.
#include <attnpool/selection.hpp>
#include <limits>

#include "plan/choose.hpp"
#include "selection/data.hpp"
#include "selection/ladder.hpp"

namespace attnpool::detail {

// What one pass over the keys tells about a w, in the units of SelectionData.
struct Evaluation {
  double leave_one_out = std::numeric_limits<double>::quiet_NaN();
  double residual_squares = 0;                                 // weighted mean
  double trace = 0;                                            // tr H
  double rest = 0;                                             // rows - tr H, which may be tiny
  double log_loss = std::numeric_limits<double>::quiet_NaN();  // if that is the criterion
  // The logarithm of the criterion, which is what is minimised, so that no unit matters to the search. aicc is a logarithm itself;
  // so is log_loss, which may be 0.
  double objective = std::numeric_limits<double>::infinity();
  std::vector<double> gradient;  // of the objective in log w; empty unless asked for
  // Of several w, about the Hessian of the objective: that of Gauss and Newton for the leave-one-out error or the
  // log-loss, [w][w].
  std::vector<double> curvature;

  double gcv(double rows) const;
  double aicc(double rows) const;
};

class CriterionFunction {
 public:
  // data must outlive this object.
  CriterionFunction(const SelectionData& data, const SelectionOptions& options, Progress progress = {});

  // log_w: one entry, or one per dimension; -infinity is w = 0. Throws Cancelled.
  Evaluation operator()(const std::vector<double>& log_w, bool with_gradient) {
    return estimate(log_w, data_.rows, with_gradient);
  }
  // An estimate from the predictions of the first `rows` rows; all rows are keys as ever. SelectionData has long data in
  // random order. Of all rows it is no estimate.
  Evaluation estimate(const std::vector<double>& log_w, std::size_t rows, bool with_gradient = false) {
    return counted(evaluate(log_w, with_gradient, rows), log_w, rows);
  }

  // One evaluation, or estimate if judged is less than all rows, from terms that somebody else has computed: for each row
  // judged squares of the error without and with the row, and 1 - leverage, [judged][3]. Not for log_loss.
  Evaluation from_terms(std::vector<double> terms, std::size_t judged, const std::vector<double>& log_w) {
    terms_ = std::move(terms), judged_ = judged, width_ = figures_;
    return counted(summed(judged, 0), log_w, judged);
  }

  // Whether gradients are available: under the Gaussian kernel, of local constants. Else none may be asked for.
  bool has_gradient() const { return profile_.is_gaussian() && order_ == 0; }

  // From now on one-dimensional data are evaluated by `ladder`, which must outlive this object, where that is quicker. Not for
  // log_loss: a ladder takes a row's own value off a sum, which leaves rounding of small probabilities.
  void use(Ladder& ladder) { ladder_ = &ladder; }

  // The squared errors, or the log-losses, of the rows that were judged last, times their weights.
  std::vector<double> losses() const;

  // The evaluation of all rows with the lowest objective so far.
  struct Lowest {
    std::vector<double> log_w;
    Evaluation evaluation;
  };
  const Lowest& lowest() const { return lowest_; }

  std::size_t rows() const { return data_.rows; }
  std::size_t evaluations() const { return evaluations_; }
  std::size_t estimates() const { return estimates_; }

 private:
  Evaluation evaluate(const std::vector<double>& log_w, bool with_gradient, std::size_t judged);
  Evaluation counted(Evaluation here, const std::vector<double>& log_w, std::size_t judged);
  void evaluate_by_plan(const std::vector<double>& w, std::size_t parameters, std::size_t judged);
  bool run_plan(const Options& options, const std::vector<double>& w, std::size_t parameters, std::size_t judged);
  void take_polynomials(const QuerySums& q, const Kernel& kernel, Moments moments);
  std::vector<double> totals(std::size_t judged) const;
  double objective(const Evaluation& of) const;
  double derivative(const Evaluation& here, const double* of) const;
  Evaluation summed(std::size_t judged, std::size_t parameters) const;
  std::vector<double> curvature(std::size_t judged, std::size_t parameters) const;

  const SelectionData& data_;
  Criterion criterion_;
  KernelProfile profile_;
  int order_;
  std::size_t figures_;  // of a row, and as many for each derivative
  Options options_;
  Ladder* ladder_ = nullptr;
  Workspace<double> workspace_;
  bool has_workspace_ = false;  // prepared
  std::vector<double> terms_;   // of each row that was judged last, [judged_][width_]
  std::size_t judged_ = 0, width_ = 0;
  Lowest lowest_;
  std::size_t evaluations_ = 0, estimates_ = 0;
};

}  // namespace attnpool::detail
