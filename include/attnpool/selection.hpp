#pragma once
#include <attnpool/kernel.hpp>
#include <attnpool/query_status.hpp>
#include <attnpool/view.hpp>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace attnpool {

/// What a bandwidth is judged by. With H the hat matrix of the fit at the data, tr its trace, e the residuals, c the key
/// weights (1 if there are none) and RSS the weighted mean of squared residuals over rows and value columns:
///   leave_one_out  the weighted mean of the squared errors of predicting each row from all the others; of classes as one-hot
///                  columns it is the Brier score divided by the number of classes
///   gcv            generalised cross-validation, RSS / (1 - tr / n)^2 (Craven and Wahba 1979); infinite from tr = 0.999 n on, where the fit
///                  interpolates
///   aicc           corrected Akaike criterion, log RSS + (1 + tr / n) / (1 - (tr + 2) / n), infinite unless tr < n - 2
///                  (Hurvich, Simonoff and Tsai 1998)
///   log_loss       for values that are probabilities of classes, the columns: the weighted mean over rows of - sum_v y_v log m_v,
///                  with m the prediction of the row from all the others; infinite where m_v = 0 < y_v
///                  (or less than 1e-240; of long data less than about 1e-30)
enum class Criterion { leave_one_out, gcv, aicc, log_loss };

/// "leave-one-out", "gcv", "aicc", "log-loss".
const char* to_string(Criterion criterion) noexcept;

struct SelectionOptions {
  Criterion criterion = Criterion::leave_one_out;
  bool per_dimension = true;  ///< one w per dimension; else one for all
  KernelProfile kernel = {};  ///< without a gradient, other kernels than the Gaussian take more evaluations
  int order = 0;              ///< as Options::order, so that tr H and the criteria are those of local lines
  Empty empty = Empty::
      nan;  ///< as Options::empty; nan: bandwidths at which a row has no other within reach are out of the question
  std::span<const double> key_weights = {};  ///< [K] or empty; rows weigh in predictions and in the criterion
  int threads = 0;                           ///< as Options::threads; results do not depend on it
  /// Told the fraction done, about ten times a second, on the calling thread; return false to stop with the best so far.
  std::function<bool(double)> progress = {};
};

struct Selection {
  struct Point {
    double factor = 0;       ///< the bandwidth of dimension d is factor * scale[d]
    double value = 0;        ///< of the criterion
    bool estimated = false;  ///< from the predictions of 2,000 rows, which told enough
  };
  struct Minimum {
    std::vector<double> w;
    double value = 0;
  };
  /// Which end of the curve the best bandwidth lies at, so that the data do not determine one in between.
  enum class Bound { none, smallest, largest };

  std::vector<double> w;  ///< one, or one per dimension; finite and >= 0. 0: the dimension does not help to predict
                          ///< (of local lines, where lines do not bend: such a w is small instead)
  double value = 0;       ///< of the criterion at w
  std::vector<double> rule_w;   ///< of the rule of thumb 1.06 * scale * n^(-1 / (4 + D))
  double rule_value = 0;        ///< of the criterion there; NaN if the search was stopped before
  std::vector<double> scale;    ///< per dimension a robust spread of the keys (one for all if there is one w), or 1
  std::vector<Point> curve;     ///< from the closest spacing of the keys to a flat fit, factors ascending
  std::vector<Minimum> minima;  ///< where descents ended, distinct, the lowest first
  Bound bound = Bound::none;
  bool converged = false;       ///< the gradient vanishes at w within its rounding, or w lies at a bound
  bool cancelled = false;       ///< by progress
  std::size_t evaluations = 0;  ///< of the criterion on all rows

  // At w:
  double leave_one_out = 0, gcv = 0, aicc = 0;  ///< three criteria; log_loss, if that was asked for, is value
  double trace = 0;                             ///< tr H, the effective number of parameters
  double r_squared = 0;       ///< 1 - RSS / (weighted variance of the values); NaN for constant values
  double residual_error = 0;  ///< sqrt(RSS * n / (n - tr)), the residual standard error
};

/// "", "smallest", "largest".
const char* to_string(Selection::Bound bound) noexcept;

/// Finds the w = 1 / bandwidth with the least criterion of predicting values [K, V] at keys [K, D].
///
/// Other kernels and local lines: without a gradient, minima are refined by golden sections and parabolas, and in several dimensions
/// by steps along them. A dimension of local lines never gets w = 0; at the wide end of the curve it has the factor of that end.
///
/// The criterion is computed along a curve of bandwidths, one factor times a robust spread of each dimension, from where
/// only the nearest points count to where all do; every local minimum is refined by a safeguarded secant iteration on the exact
/// derivative in log w. With several dimensions and one w for each, descents by BFGS on the exact gradient start at these minima and at
/// those of a coarse search in every dimension on at most 500 of the rows. Deterministic, for any number of threads.
///
/// Errors   std::invalid_argument that names the argument and the value: shapes that disagree, keys or values that are not
///          finite, weights that are negative, not finite or of the wrong number, fewer than two rows of positive weight,
///          a key beyond 1e100 robust spreads. log_loss: values that are negative, a row of them whose sum is not 1 within 1e-9
///          (float: 1e-6), a column that is positive in one row alone, which is then predicted as 0 at any w.
/// Special  offsets and units of keys and values do not matter, from 1e-300 to 1e300. Constant values and ties of all keys give w = 0.
template <class T>
Selection select_bandwidth(In<T> keys, In<T> values, const SelectionOptions& options = {});

/// Many problems in one call, each with bandwidths of its own. Problem i is rows [offsets[i], offsets[i + 1]) of keys and values,
/// so that B problems have B + 1 offsets, from 0 to keys.rows. Each gives the same bits as select_bandwidth() of it alone, for any
/// number of threads. Threads share the problems; where there are fewer problems than threads, and for problems of 8,000 rows and
/// more, they share the work on one problem after the other. options.key_weights is empty or [keys.rows]. No problem: an empty result.
///
/// Progress  options.progress is told the fraction of all rows; where it returns false, problems that were begun are
///           finished or keep the best so far, and the others have cancelled set and NaN in w and in every figure.
/// Errors    as select_bandwidth(); of arguments of a problem, "problem 3: keys[7,0]: must be finite, got nan", rows counted
///           within it, the lowest problem first. No result is returned then.
template <class T>
std::vector<Selection> select_bandwidth_batch(std::span<const std::size_t> offsets, In<T> keys, In<T> values,
                                              const SelectionOptions& options = {});

/// count problems of one length, keys.rows / count rows each.
template <class T>
std::vector<Selection> select_bandwidth_batch(std::size_t count, In<T> keys, In<T> values,
                                              const SelectionOptions& options = {});

}  // namespace attnpool
