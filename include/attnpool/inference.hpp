#pragma once
#include <attnpool/bootstrap.hpp>
#include <attnpool/kernel.hpp>
#include <attnpool/options.hpp>
#include <attnpool/query_status.hpp>
#include <attnpool/variance.hpp>
#include <attnpool/view.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace attnpool {

struct InferenceOptions {
  Variance variance = Variance::hc3;
  std::span<const double> key_weights = {};    ///< as Options::key_weights; copied
  Algorithm algorithm = Algorithm::automatic;  ///< as Options::algorithm
  double tolerance = 0;                        ///< as Options::tolerance, for double
  int threads = 0;                             ///< as Options::threads; results do not depend on it
  Progress progress = {};                      ///< of the constructor
};

struct PredictionOptions {
  double level = 0.95;        ///< of the band, in (0, 1)
  bool slopes = false;        ///< also the derivatives in the query
  bool nearest = false;       ///< also the distance to the nearest key
  bool error_bounds = false;  ///< also bounds of the arithmetic
  Progress progress = {};
};

/// Answers for Q queries: [Q], [Q, V] or, d before v, [Q, D, V].
struct Prediction {
  std::size_t queries = 0, dims = 0, cols = 0;
  std::vector<double> mean;            ///< [Q, V] as pool()
  std::vector<double> standard_error;  ///< [Q, V] of mean as an estimate of its expectation
  std::vector<double> lower,
      upper;  ///< [Q, V] pointwise band at the level: mean -+ z standard_error, z of the normal distribution
  std::vector<double> slope;           ///< [Q, D, V] d mean[q,v] / d query[q,d]; empty unless asked for
  std::vector<double> slope_error;     ///< [Q, D, V] its standard error
  std::vector<double> effective_keys;  ///< [Q] 1 / sum_k p_k^2, from 1 to n
  std::vector<double> leverage;  ///< [Q] 1 / sum_k c_k e^score: at a key of weight 1 its H_kk; above 1 no key is near
  std::vector<double> nearest;   ///< [Q] distance to the nearest key, in bandwidths
  std::vector<QueryStatus> status;   ///< [Q]
  std::vector<double> error_bounds;  ///< [Q] of the arithmetic of mean (no statistics), as Options::error_bounds

  // A priori bounds of the arithmetic of the others, in their units.
  std::vector<double> standard_error_bounds;  ///< [Q, V]
  std::vector<double> slope_bounds;           ///< [Q, D, V], if slopes were asked for
};

/// What statisticians expect of a fit. The criteria are those of Criterion.
struct FitSummary {
  std::size_t rows = 0;  ///< of positive weight
  std::size_t dims = 0, cols = 0;
  double trace = 0;  ///< tr H, the effective number of parameters
  double leave_one_out = 0, gcv = 0, aicc = 0;
  double r_squared = 0;       ///< 1 - RSS / (weighted variance of the values); NaN for constant values
  double residual_error = 0;  ///< sqrt(RSS n / (n - tr H)), the residual standard error
};

/// The summary of any fit: of every kernel, and of local lines and parabolas too. keys [K, D], values [K, V]; of the options
/// key_weights, order, empty, threads and progress are used. NaN where a row has no other within the reach of its kernel and empty is
/// nan or error. Errors as Inference.
template <class T>
FitSummary fit_summary(In<T> keys, In<T> values, const Kernel& kernel, const Options& options = {});

/// What the answers of a kernel regression are worth: standard errors, bands, slopes, and what they rest on.
///
/// The squares of Gaussian weights are Gaussian weights of sqrt(2) w, so that the variance takes one more pass over the keys by
/// whatever algorithm; slopes are first moments of the same sums. The band is for the expectation of the estimate: a
/// bandwidth that is too large makes a smooth curve with a narrow band beside the truth.
/// Computes in double. Copies keys and values. Safe to use from several threads at a time, which take turns.
///
/// Errors   std::invalid_argument as pool(), and for values that are not finite and fewer than two rows of positive weight.
///          Standard errors are NaN where the fit leaves none to be estimated (a row that no other row sees).
class Inference {
 public:
  /// keys [K, D], values [K, V].
  Inference(In<float> keys, In<float> values, const Kernel& kernel, const InferenceOptions& options = {});
  Inference(In<double> keys, In<double> values, const Kernel& kernel, const InferenceOptions& options = {});
  ~Inference();
  Inference(Inference&&) noexcept;
  Inference& operator=(Inference&&) noexcept;

  const FitSummary& summary() const;
  /// [K] diagonal of the hat matrix, 0 for a row of weight 0.
  const std::vector<double>& leverages() const;
  /// [K, V] value - fit to all rows; NaN for a row of weight 0.
  const std::vector<double>& residuals() const;

  /// queries [Q, D].
  Prediction predict(In<float> queries, const PredictionOptions& options = {}) const;
  Prediction predict(In<double> queries, const PredictionOptions& options = {}) const;

  /// Standard errors and bands from replicates of the data, at the same bandwidth; they are the value columns of pools, so that
  /// all share one exp for each query and key. options.residuals says which residuals, not InferenceOptions::variance. The same
  /// seed gives the same bits for any number of threads and, with Algorithm::dense, on every machine of a class of Isa (but for
  /// BootstrapBand::normal, whose z is libm's). Memory beside the data, the result and what the algorithm needs: some 250 MB at
  /// most, or twice eight value columns and the replicates of sixteen queries if they are more.
  /// Errors: std::invalid_argument that names the option; Cancelled.
  BootstrapResult bootstrap(In<float> queries, const BootstrapOptions& options = {}) const;
  BootstrapResult bootstrap(In<double> queries, const BootstrapOptions& options = {}) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace attnpool
