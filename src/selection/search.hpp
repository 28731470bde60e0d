#pragma once
// Minimisation of a criterion over log w.
#include "selection/criterion_function.hpp"

namespace attnpool::detail {

// The inverse Hessian as BFGS learns it (Nocedal and Wright 2006, section 6.1).
class InverseHessian {
 public:
  explicit InverseHessian(std::size_t size) : size_(size) {}
  bool is_empty() const { return matrix_.empty(); }
  // To the inverse of `curvature`, positive semidefinite, with some of the unit matrix added.
  void reset(std::vector<double> curvature);
  std::vector<double> times(const std::vector<double>& x) const;
  // After a step s, along which the gradient changed by y.
  void learn(const std::vector<double>& s, const std::vector<double>& y);

 private:
  double& at(std::size_t i, std::size_t j) { return matrix_[i * size_ + j]; }
  std::size_t size_;
  std::vector<double> matrix_;
};

struct Descent {
  std::vector<double> log_w;
  double objective = std::numeric_limits<double>::infinity();
  bool converged = false;  // the gradient vanishes within its rounding, or points out of the box
};

// How far a descent goes: by the predictions of the first `judged` rows, until no entry of the gradient exceeds `enough`.
struct Extent {
  std::size_t judged = std::numeric_limits<std::size_t>::max();  // all rows
  double enough = 1e-7;
};

// Three points of a line log_w = start - t * (1, ..., 1) that bracket a minimum: the objective in the middle is at most that at
// the ends.
struct Bracket {
  double low, middle, high;
  double at_low, at_middle, at_high;  // objectives
};

// The minimum in a bracket: a secant iteration on the derivative from the vertex of the parabola through the three points, which
// bisects where the secant leads astray.
Descent refine_on_line(CriterionFunction& criterion, const std::vector<double>& start, const Bracket& bracket);

// The box within which a descent stays.
struct Box {
  std::vector<double> lowest, highest;
};

// The minimum that BFGS reaches from log_w within the box. `inverse` is what is known of the curvature, and is learnt.
Descent descend(CriterionFunction& criterion, std::vector<double> log_w, const Box& box, InverseHessian& inverse,
                const Extent& extent = {});
Descent descend(CriterionFunction& criterion, std::vector<double> log_w, const Box& box);

// Starts whose entries have factors of their own, found on `criterion`, that of a sample. bandwidth = factor * scale.
// Two dimensions: the lowest minima of the grid of factors. More: from a flat fit on, the dimension that lowers the
// objective most gets its best factor, then the next; and one pass over the dimensions from the last to the first.
std::vector<std::vector<double>> coarse_starts(CriterionFunction& criterion, const std::vector<double>& factors,
                                               const std::vector<double>& scale);

// Starts whose entries have random factors between 0.02 and 20, the same ones every time.
std::vector<std::vector<double>> random_starts(const std::vector<double>& scale, std::size_t count);

// Whether no entry of log_w is farther than `distance` from that of one of the others.
bool is_near_one_of(const std::vector<std::vector<double>>& others, const std::vector<double>& log_w, double distance);

// Indices of the lowest local minima, the lowest first; of equal ones the last. Plateaus count once.
std::vector<std::size_t> local_minima(const std::vector<double>& objectives, std::size_t most);

// By how much the mean of `larger` exceeds that of `smaller`, pair by pair; infinity where an entry is infinite in `larger` alone.
struct PairedDifference {
  double mean, error;  // its standard error
  double standard_errors() const { return mean > 0 ? mean / error : 0; }
};
PairedDifference paired_difference(const std::vector<double>& larger, const std::vector<double>& smaller);

}  // namespace attnpool::detail
