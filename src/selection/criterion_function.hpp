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
  double residual_squares = 0;  // weighted mean
  double trace = 0;             // tr H
  double rest = 0;              // rows - tr H, which may be tiny
  // The logarithm of the criterion (aicc: itself), which is what is minimised, so that no unit matters to the search.
  double objective = std::numeric_limits<double>::infinity();
  std::vector<double> gradient;  // of the objective in log w; empty unless asked for
  // Of several w, about the Hessian of the objective: that of Gauss and Newton for the leave-one-out error, [w][w].
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
    ++evaluations_;
    return evaluate(log_w, with_gradient, data_.rows);
  }
  // An estimate from the predictions of the first `rows` rows; all rows are keys as ever. SelectionData has long data in
  // random order. Of all rows it is no estimate.
  Evaluation estimate(const std::vector<double>& log_w, std::size_t rows, bool with_gradient = false) {
    (rows < data_.rows ? estimates_ : evaluations_) += 1;
    return evaluate(log_w, with_gradient, rows);
  }

  // One evaluation, or estimate if judged is less than all rows, from terms that somebody else has computed: for each row
  // judged squares of the error without and with the row, and 1 - leverage, [judged][3].
  Evaluation from_terms(std::vector<double> terms, std::size_t judged) {
    (judged < data_.rows ? estimates_ : evaluations_) += 1;
    terms_ = std::move(terms), judged_ = judged, width_ = 3;
    return summed(judged, 0);
  }

  // From now on one-dimensional data are evaluated by `ladder`, which must outlive this object, where that is quicker.
  void use(Ladder& ladder) { ladder_ = &ladder; }

  // The squared errors of the rows that were judged last, times their weights.
  std::vector<double> squares() const;

  std::size_t rows() const { return data_.rows; }
  std::size_t evaluations() const { return evaluations_; }
  std::size_t estimates() const { return estimates_; }

 private:
  Evaluation evaluate(const std::vector<double>& log_w, bool with_gradient, std::size_t judged);
  void evaluate_by_plan(const std::vector<double>& w, std::size_t parameters, std::size_t judged);
  Evaluation summed(std::size_t judged, std::size_t parameters) const;
  std::vector<double> curvature(std::size_t judged, std::size_t parameters) const;

  const SelectionData& data_;
  Criterion criterion_;
  Options options_;
  Ladder* ladder_ = nullptr;
  Workspace<double> workspace_;
  bool has_workspace_ = false;  // prepared
  std::vector<double> terms_;   // of each row that was judged last, [judged_][width_]
  std::size_t judged_ = 0, width_ = 0;
  std::size_t evaluations_ = 0, estimates_ = 0;
};

}  // namespace attnpool::detail
