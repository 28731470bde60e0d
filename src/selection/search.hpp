#pragma once
// Minimisation of a criterion over log w.
#include "selection/criterion_function.hpp"

namespace attnpool::detail {

struct Descent {
  std::vector<double> log_w;
  double objective = std::numeric_limits<double>::infinity();
  bool converged = false;  // the gradient vanishes within its rounding, or points out of the box
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

// The minimum that BFGS reaches from log_w, each entry staying within `reach` of where it starts, at least `lowest` and at
// most `highest` of its own.
Descent descend(CriterionFunction& criterion, std::vector<double> log_w, const std::vector<double>& lowest,
                const std::vector<double>& highest);

// Starts whose entries have factors of their own, found on `criterion`, that of a sample. bandwidth = factor * scale.
// Two dimensions: the lowest minima of the grid of factors. More: from a flat fit on, the dimension that lowers the
// objective most gets its best factor, then the next; and one pass over the dimensions from the last to the first.
std::vector<std::vector<double>> coarse_starts(CriterionFunction& criterion, const std::vector<double>& factors,
                                               const std::vector<double>& scale);

// Starts whose entries have random factors between 0.02 and 20, the same ones every time.
std::vector<std::vector<double>> random_starts(const std::vector<double>& scale, std::size_t count);

// Indices of the lowest local minima, the lowest first; of equal ones the last. Plateaus count once.
std::vector<std::size_t> local_minima(const std::vector<double>& objectives, std::size_t most);

// By how much the mean of `larger` exceeds that of `smaller`, pair by pair, in standard errors; 0 if it does not.
double standard_errors_between(const std::vector<double>& larger, const std::vector<double>& smaller);

}  // namespace attnpool::detail
