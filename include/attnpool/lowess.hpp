#pragma once
#include <attnpool/options.hpp>
#include <cstddef>
#include <span>
#include <vector>

namespace attnpool {

struct LowessOptions {
  double fraction = 2.0 / 3;  ///< of the points that each line sees, in [0, 1]
  int iterations = 3;         ///< >= 0: passes after the first, with weights that make little of outliers
  /// >= 0, in units of x: lines are fitted about so far apart and joined by straight ones. 0: a line at every point.
  double delta = 0;
  int threads = 0;  ///< as Options::threads
  Progress progress = {};
};

struct LowessResult {
  std::vector<double> fitted;              ///< [N] at x, in its order
  std::vector<double> residuals;           ///< [N] y - fitted
  std::vector<double> robustness_weights;  ///< [N] in [0, 1], those that the last pass was fitted with
  std::vector<double> at;                  ///< [A] at the further points, in their order; NaN where there is no line
  std::size_t neighbours = 0;              ///< k: points in each window
  int passes = 0;                          ///< that were carried out, at most 1 + iterations
  std::size_t without_line = 0;            ///< of the N points: there `fitted` is y itself
};

/// Cleveland's robust locally weighted regression ("Robust locally weighted regression and smoothing scatterplots", JASA 74, 1979) of y [N]
/// on x [N], in any order, and its values at the further points `at` [A].
///
/// The fit at q is the value at q of the line through the k points nearest to it, k = floor(fraction N + 1e-10) within [2, N], under the weights
/// (1 - (|x - q| / h)^3)^3 times robustness weights, h being the distance of the farthest of the k. Robustness weights are 1 in the first
/// pass and then (1 - u^2)^2, u = min(1, |residual| / (6 median |residual|)). These are the conventions of statsmodels'
/// lowess(), whose numbers it gives:
///   windows     of keys at the same distance the left one is in; keys of the same x have the same fit
///   no line     where fewer than two points of the window weigh more than 1e-12, `fitted` is y (of ties, the first), `at` NaN. So it is
///               with k = 2, and where all k points tie
///   no slope    a variance of the weighted x below 1e-12, in squared units of x, counts as 1e-12
///   delta       after a fit at x_i the next is at the last point within x_i + delta, or else at the next different x; those
///               between are interpolated. Fits at `at` are exact whatever delta is
///   at          what the last pass, with its weights, gives there: at = x is `fitted` if delta is 0
/// R's lowess() differs in weights of 1 within 0.001 h and 0 beyond 0.999 h (and likewise for residuals), in lines that are level where x
/// spreads by less than 0.001 of its range, in its default of delta, and in its end of the iterations.
/// The passes end where the median |residual| is below 1e-12 of the range of y, as what follows would weigh rounding errors; statsmodels up to
/// 0.14 ends at 0 exactly, later at 1e-7.
///
/// Cost     O(N log N), whatever the fraction: a window's inner part enters by the moments of whole blocks of points, of which the tricube
///          weight is a polynomial.
/// Error    at most 1e-10 of the range of y, and 1e-13 as a rule: each line has a bound, and is fitted point by point where the bound
///          is higher.
/// Threads  results do not depend on their number.
/// Errors   std::invalid_argument that names the argument and the value: x, y or at not finite, of different lengths or empty, options out of
///          range. Cancelled if progress says so.
/// Offsets and units of y do not matter, nor do those of x apart from "no slope".
LowessResult lowess(std::span<const double> x, std::span<const double> y, const LowessOptions& options = {});
LowessResult lowess(std::span<const double> x, std::span<const double> y, std::span<const double> at,
                    const LowessOptions& options = {});

}  // namespace attnpool
