#ifndef ATTNPOOL_ATTNPOOL_H
#define ATTNPOOL_ATTNPOOL_H
/// attnpool from C (C99, and C++): attention pooling, Nadaraya-Watson kernel regression with a Gaussian kernel.
///
///   out[q,:] = sum_k softmax_k(-1/2 |w (query_q - key_k)|^2) * values[k,:]      w = 1 / bandwidth
///
/// Element  _f32 works on float, _f64 on double; w, losses and what a state sums are double in both.
/// Shapes   queries [Q, D], keys [K, D], values [K, V], out [Q, V]; D, V, K >= 1, Q >= 0. Row-major, rows may be
///          strided, any alignment. w has one entry for all dimensions or D of them.
/// Units    w is in 1 / unit of the keys; strides and counts are in elements, never bytes.
/// Memory   arrays are the caller's and are read or written during the call only. What a function creates, the destroy
///          function of the same name frees.
/// Aliasing an output must not overlap an input or another output, except where a function says so.
/// Errors   every function that can fail returns an attnpool_status; attnpool_last_error() says which argument was
///          wrong and what its value was. Arguments are checked before anything is written.
/// Threads  functions may be called from several threads at once, but a state is one thread's at a time while it
///          changes, and the instruction set is to be forced while nobody computes. No C++ exception leaves a function.
///
/// What results are exact to, and the special cases (no key seen, far from every key, NaN), stand in pool.hpp,
/// gradient.hpp, state.hpp, fit.hpp and vmath.hpp: each function gives the bits of its C++ namesake.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <attnpool/version.hpp>  // the version macros; nothing else of it is seen by C

#ifdef __cplusplus
#define ATTNPOOL_NOEXCEPT noexcept
extern "C" {
#else
#define ATTNPOOL_NOEXCEPT
#endif

// ---- status ------------------------------------------------------------------------------------

typedef enum attnpool_status {
  ATTNPOOL_OK = 0,
  ATTNPOOL_INVALID_ARGUMENT = 1,  ///< also an environment variable ATTNPOOL_* that cannot be followed
  ATTNPOOL_CANCELLED = 2,         ///< a progress callback asked to stop; outputs are unspecified
  ATTNPOOL_OUT_OF_MEMORY = 3,     ///< outputs are unspecified
  ATTNPOOL_INTERNAL_ERROR = 4     ///< anything else, such as an exception thrown by a callback written in C++
} attnpool_status;

/// "ok", "invalid argument", "cancelled", "out of memory", "internal error"; "unknown status" for any other number.
const char* attnpool_status_string(int status) ATTNPOOL_NOEXCEPT;

/// What the last call of this thread that failed had to say, for instance "keys: data is null for shape 3 x 1"; at most
/// 511 bytes. "" before the first failure. Calls that succeed leave it alone; the next failure on this thread
/// overwrites it.
const char* attnpool_last_error(void) ATTNPOOL_NOEXCEPT;

/// Version of the linked library, "major.minor.patch"; compare with the macros ATTNPOOL_VERSION_*.
const char* attnpool_version(void) ATTNPOOL_NOEXCEPT;

// ---- matrices ----------------------------------------------------------------------------------

/// A row-major matrix: element (r, c) is data[r * row_stride + c], row_stride >= cols. Written in place as
/// (attnpool_in_f64){x, rows, cols, cols}. data may be NULL if the matrix has no elements.
typedef struct attnpool_in_f32 {
  const float* data;
  size_t rows, cols, row_stride;
} attnpool_in_f32;
typedef struct attnpool_in_f64 {
  const double* data;
  size_t rows, cols, row_stride;
} attnpool_in_f64;

/// The same, to be written to.
typedef struct attnpool_out_f32 {
  float* data;
  size_t rows, cols, row_stride;
} attnpool_out_f32;
typedef struct attnpool_out_f64 {
  double* data;
  size_t rows, cols, row_stride;
} attnpool_out_f64;

// ---- options -----------------------------------------------------------------------------------
// Options grow at their end from version to version. struct_size tells which fields the caller knows: an older caller
// gets the defaults in those it does not; a newer caller is served as long as the fields that this library does not
// know are zero, and refused otherwise. Zero in a new field always means what older versions did. A NULL pointer to
// options means the defaults.

/// Called on the calling thread, about ten times a second, with the fraction done in [0, 1]. Return 0 to go on,
/// anything else to stop. It must return: no longjmp out of it.
typedef int (*attnpool_progress)(void* user, double fraction);

/// Which keys query i sees.
enum attnpool_range {
  ATTNPOOL_RANGE_ALL = 0,          ///< every key
  ATTNPOOL_RANGE_FIRST = 1,        ///< keys 0 .. range_count - 1 (a valid length); may exceed the number of keys
  ATTNPOOL_RANGE_CAUSAL = 2,       ///< keys 0 .. i + range_offset
  ATTNPOOL_RANGE_WINDOW = 3,       ///< keys i - range_before .. i + range_after
  ATTNPOOL_RANGE_ALL_BUT_SELF = 4  ///< every key but i + range_offset: leave-one-out
};

/// How a call is carried out; all plans give the same answer within the tolerance. PRUNED and GRID serve the ranges ALL,
/// FIRST and ALL_BUT_SELF; GRID at most three dimensions.
enum attnpool_algorithm {
  ATTNPOOL_ALGORITHM_AUTOMATIC = 0,
  ATTNPOOL_ALGORITHM_DENSE = 1,
  ATTNPOOL_ALGORITHM_PRUNED = 2,
  ATTNPOOL_ALGORITHM_GRID = 3
};

/// What a call of attnpool_pool_*, attnpool_pool_gradient_* or attnpool_loss_gradient_* did.
typedef struct attnpool_report {
  int algorithm;            ///< ATTNPOOL_ALGORITHM_*: the plan that was carried out
  size_t fallback_queries;  ///< queries that the grid could not answer within the tolerance, so that another plan did
  double error_bound;       ///< no row of attnpool_pool_* has a larger bound (see attnpool_options.error_bounds)
} attnpool_report;

typedef struct attnpool_options {
  size_t struct_size;          ///< sizeof(attnpool_options)
  int range;                   ///< ATTNPOOL_RANGE_*; only the fields that it names are used
  int threads;                 ///< 0: ATTNPOOL_NUM_THREADS, else OpenMP's own choice. Results do not depend on it
  size_t range_count;          ///< of ATTNPOOL_RANGE_FIRST
  size_t range_before;         ///< of ATTNPOOL_RANGE_WINDOW
  size_t range_after;          ///< of ATTNPOOL_RANGE_WINDOW
  ptrdiff_t range_offset;      ///< of ATTNPOOL_RANGE_CAUSAL and ATTNPOOL_RANGE_ALL_BUT_SELF
  attnpool_progress progress;  ///< or NULL
  void* user;                  ///< handed to progress
  double tolerance;            ///< error that GRID may make, relative to the range of a value column, in [1e-12, 0.1];
                               ///< 0: 1e-6 for float, 1e-11 for double
  const double* key_weights;   ///< NULL, or [K]: finite weights >= 0 of the keys
  size_t key_weights_count;    ///< K, or 0 with NULL
  double*
      error_bounds;  ///< NULL, or [Q], attnpool_pool_* only: |out - exact| of row q is at most error_bounds[q] * (the
                     ///< range of the value column) + epsilon * (its largest |value|)
  size_t error_bounds_count;  ///< Q, or 0 with NULL
  attnpool_report* report;    ///< NULL, or what is to be filled in
  int algorithm;              ///< ATTNPOOL_ALGORITHM_*
} attnpool_options;

/// The defaults: every key, automatic threads, no callback.
static inline attnpool_options attnpool_options_default(void) {
  attnpool_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  return options;
}

// ---- elementwise and by rows -------------------------------------------------------------------

/// out[i] = e^x[i], i < count, on the calling thread. out may be x itself.
attnpool_status attnpool_exp_f32(const float* x, float* out, size_t count) ATTNPOOL_NOEXCEPT;
attnpool_status attnpool_exp_f64(const double* x, double* out, size_t count) ATTNPOOL_NOEXCEPT;

/// out[r,:] = softmax(scores[r,:]); same shape. out may be scores itself. options.range is not used.
attnpool_status attnpool_softmax_f32(attnpool_in_f32 scores, attnpool_out_f32 out,
                                     const attnpool_options* options) ATTNPOOL_NOEXCEPT;
attnpool_status attnpool_softmax_f64(attnpool_in_f64 scores, attnpool_out_f64 out,
                                     const attnpool_options* options) ATTNPOOL_NOEXCEPT;

/// out[r] = log(sum_c exp(scores[r,c])), out of length scores.rows. options.range is not used.
attnpool_status attnpool_log_sum_exp_f32(attnpool_in_f32 scores, float* out,
                                         const attnpool_options* options) ATTNPOOL_NOEXCEPT;
attnpool_status attnpool_log_sum_exp_f64(attnpool_in_f64 scores, double* out,
                                         const attnpool_options* options) ATTNPOOL_NOEXCEPT;

// ---- pooling -----------------------------------------------------------------------------------

/// out [Q, V]: the formula at the top over the keys that options.range lets each query see. O(K (D + V)) extra memory.
attnpool_status attnpool_pool_f32(attnpool_in_f32 queries, attnpool_in_f32 keys, attnpool_in_f32 values,
                                  const double* w, size_t w_count, attnpool_out_f32 out,
                                  const attnpool_options* options) ATTNPOOL_NOEXCEPT;
attnpool_status attnpool_pool_f64(attnpool_in_f64 queries, attnpool_in_f64 keys, attnpool_in_f64 values,
                                  const double* w, size_t w_count, attnpool_out_f64 out,
                                  const attnpool_options* options) ATTNPOOL_NOEXCEPT;

/// `count` problems of one shape, which threads share: problem i is rows [i Q, (i + 1) Q) of queries and out and rows
/// [i K, (i + 1) K) of keys and values, Q = queries.rows / count, K = keys.rows / count. options.range counts within a
/// problem.
attnpool_status attnpool_pool_batch_f32(size_t count, attnpool_in_f32 queries, attnpool_in_f32 keys,
                                        attnpool_in_f32 values, const double* w, size_t w_count, attnpool_out_f32 out,
                                        const attnpool_options* options) ATTNPOOL_NOEXCEPT;
attnpool_status attnpool_pool_batch_f64(size_t count, attnpool_in_f64 queries, attnpool_in_f64 keys,
                                        attnpool_in_f64 values, const double* w, size_t w_count, attnpool_out_f64 out,
                                        const attnpool_options* options) ATTNPOOL_NOEXCEPT;

/// weights [Q, K]: the softmax of the formula; exactly 0 for keys that a query does not see.
attnpool_status attnpool_attention_weights_f32(attnpool_in_f32 queries, attnpool_in_f32 keys, const double* w,
                                               size_t w_count, attnpool_out_f32 weights,
                                               const attnpool_options* options) ATTNPOOL_NOEXCEPT;
attnpool_status attnpool_attention_weights_f64(attnpool_in_f64 queries, attnpool_in_f64 keys, const double* w,
                                               size_t w_count, attnpool_out_f64 weights,
                                               const attnpool_options* options) ATTNPOOL_NOEXCEPT;

/// Average pooling: every row of out [Q, V] is the mean of values [K, V].
attnpool_status attnpool_average_pool_f32(attnpool_in_f32 values, attnpool_out_f32 out) ATTNPOOL_NOEXCEPT;
attnpool_status attnpool_average_pool_f64(attnpool_in_f64 values, attnpool_out_f64 out) ATTNPOOL_NOEXCEPT;

// ---- gradient in w and fit ---------------------------------------------------------------------

/// out [Q, V] as attnpool_pool, and gradient [Q, w_count * V]: gradient[q, p * V + v] = d out[q,v] / d w[p].
attnpool_status attnpool_pool_gradient_f32(attnpool_in_f32 queries, attnpool_in_f32 keys, attnpool_in_f32 values,
                                           const double* w, size_t w_count, attnpool_out_f32 out,
                                           attnpool_out_f32 gradient,
                                           const attnpool_options* options) ATTNPOOL_NOEXCEPT;
attnpool_status attnpool_pool_gradient_f64(attnpool_in_f64 queries, attnpool_in_f64 keys, attnpool_in_f64 values,
                                           const double* w, size_t w_count, attnpool_out_f64 out,
                                           attnpool_out_f64 gradient,
                                           const attnpool_options* options) ATTNPOOL_NOEXCEPT;

/// Squared error over all queries and value columns.
enum attnpool_loss {
  ATTNPOOL_LOSS_HALF_SUM = 0,  ///< half the sum, as in the book's chapter
  ATTNPOOL_LOSS_MEAN = 1
};

/// The loss (ATTNPOOL_LOSS_*) of predicting targets [Q, V], Q >= 1, into *loss_value, and its derivative in w into
/// gradient [w_count].
attnpool_status attnpool_loss_gradient_f32(attnpool_in_f32 queries, attnpool_in_f32 keys, attnpool_in_f32 values,
                                           attnpool_in_f32 targets, const double* w, size_t w_count, int loss,
                                           double* loss_value, double* gradient,
                                           const attnpool_options* options) ATTNPOOL_NOEXCEPT;
attnpool_status attnpool_loss_gradient_f64(attnpool_in_f64 queries, attnpool_in_f64 keys, attnpool_in_f64 values,
                                           attnpool_in_f64 targets, const double* w, size_t w_count, int loss,
                                           double* loss_value, double* gradient,
                                           const attnpool_options* options) ATTNPOOL_NOEXCEPT;

/// What a fit tells while it runs; valid during the callback.
typedef struct attnpool_fit_report {
  int epoch;        ///< epochs finished
  int epochs;       ///< epochs asked for
  double fraction;  ///< of all the work, in [0, 1]
  double loss;      ///< at the start of the last finished epoch; NaN before the first
  const double* w;
  size_t w_count;
} attnpool_fit_report;

/// Called on the calling thread, about ten times a second and at the end of every epoch. Return 0 to go on, anything
/// else to stop.
typedef int (*attnpool_fit_progress)(void* user, const attnpool_fit_report* report);

typedef struct attnpool_fit_options {
  size_t struct_size;              ///< sizeof(attnpool_fit_options)
  const double* w0;                ///< NULL: one entry, uniform in [0, 1) from seed
  size_t w0_count;                 ///< 0 with NULL; else 1 or D
  uint64_t seed;                   ///< default 0
  double learning_rate;            ///< > 0: of every step, as in the chapter; default 0: found by a line search
  double tolerance;                ///< > 0: stop when a step changes every w by at most tolerance * |w| and w is
                                   ///< a minimum; default 0: 1e-9 for a line search
  int epochs;                      ///< >= 0 steps of gradient descent; default 100
  int loss;                        ///< ATTNPOOL_LOSS_*; default ATTNPOOL_LOSS_MEAN
  int leave_one_out;               ///< not 0: each point left out of its own prediction; default 1
  int threads;                     ///< as in attnpool_options
  attnpool_fit_progress progress;  ///< or NULL
  void* user;                      ///< handed to progress
  double algorithm_tolerance;      ///< as attnpool_options.tolerance
  const double* key_weights;       ///< as attnpool_options.key_weights; the loss counts all points alike
  size_t key_weights_count;
  int algorithm;  ///< as attnpool_options.algorithm
} attnpool_fit_options;

/// The defaults that the fields name.
static inline attnpool_fit_options attnpool_fit_options_default(void) {
  attnpool_fit_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.epochs = 100;
  options.loss = ATTNPOOL_LOSS_MEAN;
  options.leave_one_out = 1;
  return options;
}

/// Why a fit ended.
enum attnpool_fit_stop {
  ATTNPOOL_STOP_EPOCHS = 0,     ///< all epochs done
  ATTNPOOL_STOP_CONVERGED = 1,  ///< w is a minimum: the loss rises on both sides of it
  ATTNPOOL_STOP_DIVERGED = 2,   ///< loss, gradient or w not finite, or a flat region above the lowest loss
  ATTNPOOL_STOP_CANCELLED = 3,  ///< the callback said so
  ATTNPOOL_STOP_FLAT = 4        ///< the gradient is exactly 0 at w, which is no minimum: w does not matter there
};

/// Made by attnpool_fit, freed by attnpool_fit_result_destroy with all that it points to. Only the library makes one,
/// and newer versions add fields at the end.
typedef struct attnpool_fit_result {
  int stop;              ///< ATTNPOOL_STOP_*
  size_t w_count;        ///< entries of w
  const double* w;       ///< [w_count] with the lowest loss seen, whatever came after it. Always finite
  double loss;           ///< at w
  size_t loss_count;     ///< evaluations of the loss; 0 if cancelled during the first
  const double* losses;  ///< [loss_count] at the start of every epoch, then after the last
  const double* ws;      ///< [loss_count, w_count]: w at those losses
} attnpool_fit_result;

/// Learns w by gradient descent on the error of predicting values [K, V] at keys [K, D]. Diverging and being cancelled
/// are results, not errors. *result is set to NULL if the call fails.
attnpool_status attnpool_fit_f32(attnpool_in_f32 keys, attnpool_in_f32 values, const attnpool_fit_options* options,
                                 attnpool_fit_result** result) ATTNPOOL_NOEXCEPT;
attnpool_status attnpool_fit_f64(attnpool_in_f64 keys, attnpool_in_f64 values, const attnpool_fit_options* options,
                                 attnpool_fit_result** result) ATTNPOOL_NOEXCEPT;

/// NULL is allowed.
void attnpool_fit_result_destroy(attnpool_fit_result* result) ATTNPOOL_NOEXCEPT;

// ---- selection of the bandwidth ----------------------------------------------------------------

/// What a bandwidth is judged by; selection.hpp has the formulas.
enum attnpool_criterion {
  ATTNPOOL_CRITERION_LEAVE_ONE_OUT = 0,
  ATTNPOOL_CRITERION_GCV = 1,
  ATTNPOOL_CRITERION_AICC = 2,
  ATTNPOOL_CRITERION_LOG_LOSS = 3  ///< values are probabilities of classes
};

typedef struct attnpool_selection_options {
  size_t struct_size;         ///< sizeof(attnpool_selection_options)
  const double* key_weights;  ///< NULL, or one per key: rows weigh in predictions and in the criterion
  size_t key_weights_count;
  attnpool_progress progress;  ///< or NULL; stopping keeps the best so far
  void* user;                  ///< handed to progress
  int criterion;               ///< ATTNPOOL_CRITERION_*; default ATTNPOOL_CRITERION_LEAVE_ONE_OUT
  int per_dimension;           ///< not 0: one w per dimension, the default; 0: one for all
  int threads;                 ///< as in attnpool_options
} attnpool_selection_options;

/// The defaults that the fields name.
static inline attnpool_selection_options attnpool_selection_options_default(void) {
  attnpool_selection_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.per_dimension = 1;
  return options;
}

/// Which end of the curve the best bandwidth lies at.
enum attnpool_bound { ATTNPOOL_BOUND_NONE = 0, ATTNPOOL_BOUND_SMALLEST = 1, ATTNPOOL_BOUND_LARGEST = 2 };

/// Made by attnpool_select_bandwidth, freed by attnpool_selection_destroy with all that it points to. Only the library
/// makes one, and newer versions add fields at the end. selection.hpp says more of each field.
typedef struct attnpool_selection {
  size_t w_count;        ///< entries of w: 1 or D
  const double* w;       ///< [w_count], finite and >= 0; 0: the dimension does not help to predict
  double value;          ///< of the criterion at w
  const double* rule_w;  ///< [w_count] by the rule of thumb
  double rule_value;     ///< of the criterion there
  const double* scale;   ///< [w_count]: bandwidths of the curve are factors of it
  size_t curve_count;
  const double* curve_factors;  ///< [curve_count], ascending
  const double* curve_values;   ///< [curve_count]: the criterion at each
  size_t minimum_count;
  const double* minimum_ws;         ///< [minimum_count, w_count], the lowest first
  const double* minimum_values;     ///< [minimum_count]
  int bound;                        ///< ATTNPOOL_BOUND_*
  int converged, cancelled;         ///< 0 or 1
  size_t evaluations;               ///< of the criterion on all rows
  double leave_one_out, gcv, aicc;  ///< the criteria at w; the log-loss, if asked for, is value
  double trace;                     ///< of the hat matrix at w
  double r_squared, residual_error;
} attnpool_selection;

/// Finds the w with the least criterion of predicting values [K, V] at keys [K, D]. Being cancelled is a result, not an
/// error. *selection is set to NULL if the call fails.
attnpool_status attnpool_select_bandwidth_f32(attnpool_in_f32 keys, attnpool_in_f32 values,
                                              const attnpool_selection_options* options,
                                              attnpool_selection** selection) ATTNPOOL_NOEXCEPT;
attnpool_status attnpool_select_bandwidth_f64(attnpool_in_f64 keys, attnpool_in_f64 values,
                                              const attnpool_selection_options* options,
                                              attnpool_selection** selection) ATTNPOOL_NOEXCEPT;

/// Many problems in one call: problem i is rows [offsets[i], offsets[i + 1]) of keys and values, offsets [count + 1] from 0 to
/// keys.rows; NULL: count problems of keys.rows / count rows each. Threads share the problems, and each has the bits of
/// attnpool_select_bandwidth of it alone. options.key_weights are those of all rows. selections [count] gets one for each,
/// to be freed one by one; all are NULL if the call fails. A problem that was not begun when progress stopped the call is
/// cancelled, with NaN in w and in every figure. Errors name the problem: "problem 3: keys[7,0]: must be finite, got nan".
attnpool_status attnpool_select_bandwidth_batch_f32(size_t count, const size_t* offsets, attnpool_in_f32 keys,
                                                    attnpool_in_f32 values, const attnpool_selection_options* options,
                                                    attnpool_selection** selections) ATTNPOOL_NOEXCEPT;
attnpool_status attnpool_select_bandwidth_batch_f64(size_t count, const size_t* offsets, attnpool_in_f64 keys,
                                                    attnpool_in_f64 values, const attnpool_selection_options* options,
                                                    attnpool_selection** selections) ATTNPOOL_NOEXCEPT;

/// NULL is allowed.
void attnpool_selection_destroy(attnpool_selection* selection) ATTNPOOL_NOEXCEPT;

// ---- rules for the bandwidth -------------------------------------------------------------------

typedef struct attnpool_rule_options {
  size_t struct_size;         ///< sizeof(attnpool_rule_options)
  const double* key_weights;  ///< NULL, or one per key
  size_t key_weights_count;
  int unscaled;  ///< not 0: without the standard deviation of the column
} attnpool_rule_options;

typedef struct attnpool_plug_in_options {
  size_t struct_size;               ///< sizeof(attnpool_plug_in_options)
  double trim, proptrun;            ///< default 0.01 and 0.05
  double low, high;                 ///< interval of the bins; default both 0: that of the keys after trimming
  int blockmax, divisor, gridsize;  ///< default 5, 20 and 401
} attnpool_plug_in_options;

/// The defaults that the fields name.
static inline attnpool_rule_options attnpool_rule_options_default(void) {
  attnpool_rule_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  return options;
}
static inline attnpool_plug_in_options attnpool_plug_in_options_default(void) {
  attnpool_plug_in_options options = {sizeof(attnpool_plug_in_options), 0.01, 0.05, 0, 0, 5, 20, 401};
  return options;
}

/// Scott's and Silverman's rules of thumb, into bandwidths [D], 1 / w of each column; bandwidth_rules.hpp has the formulas.
attnpool_status attnpool_scott_f32(attnpool_in_f32 keys, const attnpool_rule_options* options,
                                   double* bandwidths) ATTNPOOL_NOEXCEPT;
attnpool_status attnpool_scott_f64(attnpool_in_f64 keys, const attnpool_rule_options* options,
                                   double* bandwidths) ATTNPOOL_NOEXCEPT;
attnpool_status attnpool_silverman_f32(attnpool_in_f32 keys, const attnpool_rule_options* options,
                                       double* bandwidths) ATTNPOOL_NOEXCEPT;
attnpool_status attnpool_silverman_f64(attnpool_in_f64 keys, const attnpool_rule_options* options,
                                       double* bandwidths) ATTNPOOL_NOEXCEPT;

/// The direct plug-in bandwidth of Ruppert, Sheather and Wand (KernSmooth's dpill in R) for values [K, 1] at keys [K, 1], into
/// *bandwidth. What the data leave undetermined is ATTNPOOL_INVALID_ARGUMENT, with its reason.
attnpool_status attnpool_ruppert_sheather_wand_f32(attnpool_in_f32 keys, attnpool_in_f32 values,
                                                   const attnpool_plug_in_options* options,
                                                   double* bandwidth) ATTNPOOL_NOEXCEPT;
attnpool_status attnpool_ruppert_sheather_wand_f64(attnpool_in_f64 keys, attnpool_in_f64 values,
                                                   const attnpool_plug_in_options* options,
                                                   double* bandwidth) ATTNPOOL_NOEXCEPT;

// ---- inference ---------------------------------------------------------------------------------

/// How the variance of a prediction is estimated; inference.hpp has the formulas.
enum attnpool_variance {
  ATTNPOOL_VARIANCE_HC0 = 0,
  ATTNPOOL_VARIANCE_HC1 = 1,
  ATTNPOOL_VARIANCE_HC2 = 2,
  ATTNPOOL_VARIANCE_HC3 = 3,
  ATTNPOOL_VARIANCE_LOCAL = 4
};

/// What a prediction rests on: keys within four bandwidths, keys farther away, or nothing (the query is not finite).
enum attnpool_query_status { ATTNPOOL_QUERY_ANSWERED = 0, ATTNPOOL_QUERY_FAR = 1, ATTNPOOL_QUERY_UNSEEN = 2 };

typedef struct attnpool_inference_options {
  size_t struct_size;         ///< sizeof(attnpool_inference_options)
  const double* key_weights;  ///< NULL, or one per key
  size_t key_weights_count;
  attnpool_progress progress;  ///< or NULL
  void* user;                  ///< handed to progress
  double level;                ///< of the band, in (0, 1); default 0.95
  double tolerance;            ///< as in attnpool_options
  int variance;                ///< ATTNPOOL_VARIANCE_*; default ATTNPOOL_VARIANCE_HC3
  int algorithm;               ///< ATTNPOOL_ALGORITHM_*
  int slopes;                  ///< not 0: slope and slope_error too
  int nearest;                 ///< not 0: nearest too
  int error_bounds;            ///< not 0: bounds of the arithmetic too
  int threads;                 ///< as in attnpool_options
} attnpool_inference_options;

/// The defaults that the fields name.
static inline attnpool_inference_options attnpool_inference_options_default(void) {
  attnpool_inference_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.level = 0.95;
  options.variance = ATTNPOOL_VARIANCE_HC3;
  return options;
}

/// Made by attnpool_infer_*, freed by attnpool_inference_destroy with all that it points to. Only the library makes one,
/// and newer versions add fields at the end. What was not asked for is NULL. inference.hpp says more of each field.
typedef struct attnpool_inference {
  size_t queries, dims, cols;           ///< Q, D, V
  const double* mean;                   ///< [Q, V] as attnpool_pool_*
  const double* standard_error;         ///< [Q, V]
  const double *lower, *upper;          ///< [Q, V] the pointwise band
  const double *slope, *slope_error;    ///< [Q, D, V]
  const double* effective_keys;         ///< [Q] 1 / sum of squared weights
  const double* leverage;               ///< [Q]
  const double* nearest;                ///< [Q] distance to the nearest key, in bandwidths
  const int* status;                    ///< [Q] ATTNPOOL_QUERY_*
  const double* error_bounds;           ///< [Q] as attnpool_options.error_bounds
  const double* standard_error_bounds;  ///< [Q, V] of its arithmetic
  const double* slope_bounds;           ///< [Q, D, V] of its arithmetic
  size_t keys;                          ///< K
  const double* leverages;              ///< [K] diagonal of the hat matrix
  const double* residuals;              ///< [K, V]; NaN for a key of weight 0
  size_t rows;                          ///< keys of positive weight
  double trace;                         ///< of the hat matrix
  double leave_one_out, gcv, aicc;      ///< the criteria of the fit
  double r_squared, residual_error;
} attnpool_inference;

/// Standard errors, a band, and what each answer rests on, for queries [Q, D] from keys [K, D] and values [K, V]. *inference
/// is set to NULL if the call fails.
attnpool_status attnpool_infer_f32(attnpool_in_f32 queries, attnpool_in_f32 keys, attnpool_in_f32 values,
                                   const double* w, size_t w_count, const attnpool_inference_options* options,
                                   attnpool_inference** inference) ATTNPOOL_NOEXCEPT;
attnpool_status attnpool_infer_f64(attnpool_in_f64 queries, attnpool_in_f64 keys, attnpool_in_f64 values,
                                   const double* w, size_t w_count, const attnpool_inference_options* options,
                                   attnpool_inference** inference) ATTNPOOL_NOEXCEPT;

/// NULL is allowed.
void attnpool_inference_destroy(attnpool_inference* inference) ATTNPOOL_NOEXCEPT;

// ---- bootstrap ---------------------------------------------------------------------------------

/// How replicates are made, and what a band is; bootstrap.hpp has the formulas.
enum attnpool_resampling { ATTNPOOL_RESAMPLING_WILD = 0, ATTNPOOL_RESAMPLING_PAIRS = 1 };
enum attnpool_multiplier { ATTNPOOL_MULTIPLIER_RADEMACHER = 0, ATTNPOOL_MULTIPLIER_MAMMEN = 1 };
enum attnpool_band {
  ATTNPOOL_BAND_PERCENTILE = 0,
  ATTNPOOL_BAND_BASIC = 1,
  ATTNPOOL_BAND_NORMAL = 2,
  ATTNPOOL_BAND_SIMULTANEOUS = 3
};

typedef struct attnpool_bootstrap_options {
  size_t struct_size;         ///< sizeof(attnpool_bootstrap_options)
  const double* key_weights;  ///< NULL, or one per key
  size_t key_weights_count;
  attnpool_progress progress;  ///< or NULL
  void* user;                  ///< handed to progress
  size_t replicates;           ///< 2 to 1,000,000; default 999
  uint64_t seed;
  double level;         ///< of the band, in (0, 1); default 0.95
  double tolerance;     ///< as in attnpool_options
  int kind;             ///< ATTNPOOL_RESAMPLING_*
  int multiplier;       ///< ATTNPOOL_MULTIPLIER_*; wild only
  int residuals;        ///< ATTNPOOL_VARIANCE_HC0 to ATTNPOOL_VARIANCE_HC3, the default; wild only
  int band;             ///< ATTNPOOL_BAND_*
  int keep_replicates;  ///< not 0: the replicates too
  int algorithm;        ///< ATTNPOOL_ALGORITHM_*
  int threads;          ///< as in attnpool_options
} attnpool_bootstrap_options;

/// The defaults that the fields name.
static inline attnpool_bootstrap_options attnpool_bootstrap_options_default(void) {
  attnpool_bootstrap_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.replicates = 999;
  options.level = 0.95;
  options.residuals = ATTNPOOL_VARIANCE_HC3;
  return options;
}

/// Made by attnpool_bootstrap_f32 and _f64, freed by attnpool_bootstrap_destroy with all that it points to. Only the library
/// makes one, and newer versions add fields at the end. What was not asked for is NULL.
typedef struct attnpool_bootstrap {
  size_t queries, cols;          ///< Q, V
  const double* mean;            ///< [Q, V] as attnpool_pool_*
  const double* standard_error;  ///< [Q, V] standard deviation of the replicates
  const double *lower, *upper;   ///< [Q, V] the band
  const size_t* used;            ///< [Q] replicates that count
  const double* critical;        ///< [V] standard errors that the simultaneous band reaches
  const double* replicates;      ///< [B, Q, V]
} attnpool_bootstrap;

/// Standard errors and a band from replicates of the data, for queries [Q, D] from keys [K, D] and values [K, V]. *result is set
/// to NULL if the call fails.
attnpool_status attnpool_bootstrap_f32(attnpool_in_f32 queries, attnpool_in_f32 keys, attnpool_in_f32 values,
                                       const double* w, size_t w_count, const attnpool_bootstrap_options* options,
                                       attnpool_bootstrap** result) ATTNPOOL_NOEXCEPT;
attnpool_status attnpool_bootstrap_f64(attnpool_in_f64 queries, attnpool_in_f64 keys, attnpool_in_f64 values,
                                       const double* w, size_t w_count, const attnpool_bootstrap_options* options,
                                       attnpool_bootstrap** result) ATTNPOOL_NOEXCEPT;

/// NULL is allowed.
void attnpool_bootstrap_destroy(attnpool_bootstrap* result) ATTNPOOL_NOEXCEPT;

// ---- keys that arrive in pieces ----------------------------------------------------------------

/// The running softmax sums of a fixed set of queries.
typedef struct attnpool_pool_state_f32 attnpool_pool_state_f32;
typedef struct attnpool_pool_state_f64 attnpool_pool_state_f64;

/// A state that has seen no key. Copies queries [Q, D] and w; value_cols = V >= 1. *state is set to NULL if the call
/// fails.
attnpool_status attnpool_pool_state_create_f32(attnpool_in_f32 queries, size_t value_cols, const double* w,
                                               size_t w_count, attnpool_pool_state_f32** state) ATTNPOOL_NOEXCEPT;
attnpool_status attnpool_pool_state_create_f64(attnpool_in_f64 queries, size_t value_cols, const double* w,
                                               size_t w_count, attnpool_pool_state_f64** state) ATTNPOOL_NOEXCEPT;

/// Adds keys [K, D] with values [K, V]; K = 0 is allowed. options.range counts keys of this piece. A call that fails
/// leaves the state as it was.
attnpool_status attnpool_pool_state_update_f32(attnpool_pool_state_f32* state, attnpool_in_f32 keys,
                                               attnpool_in_f32 values,
                                               const attnpool_options* options) ATTNPOOL_NOEXCEPT;
attnpool_status attnpool_pool_state_update_f64(attnpool_pool_state_f64* state, attnpool_in_f64 keys,
                                               attnpool_in_f64 values,
                                               const attnpool_options* options) ATTNPOOL_NOEXCEPT;

/// Adds the keys of other, which must have the same queries, value_cols and w and is left as it is.
attnpool_status attnpool_pool_state_merge_f32(attnpool_pool_state_f32* state,
                                              const attnpool_pool_state_f32* other) ATTNPOOL_NOEXCEPT;
attnpool_status attnpool_pool_state_merge_f64(attnpool_pool_state_f64* state,
                                              const attnpool_pool_state_f64* other) ATTNPOOL_NOEXCEPT;

/// out [Q, V]: the pooled values of all keys so far; NaN for a query that has seen none. The state stays usable.
attnpool_status attnpool_pool_state_finish_f32(const attnpool_pool_state_f32* state,
                                               attnpool_out_f32 out) ATTNPOOL_NOEXCEPT;
attnpool_status attnpool_pool_state_finish_f64(const attnpool_pool_state_f64* state,
                                               attnpool_out_f64 out) ATTNPOOL_NOEXCEPT;

/// out [Q]: log sum_k e^score, -inf for a query that has seen no key.
attnpool_status attnpool_pool_state_log_sum_exp_f32(const attnpool_pool_state_f32* state, float* out) ATTNPOOL_NOEXCEPT;
attnpool_status attnpool_pool_state_log_sum_exp_f64(const attnpool_pool_state_f64* state,
                                                    double* out) ATTNPOOL_NOEXCEPT;

/// NULL is allowed.
void attnpool_pool_state_destroy_f32(attnpool_pool_state_f32* state) ATTNPOOL_NOEXCEPT;
void attnpool_pool_state_destroy_f64(attnpool_pool_state_f64* state) ATTNPOOL_NOEXCEPT;

// ---- threads and instruction sets --------------------------------------------------------------

/// *count: the threads that a call with options.threads = requested would use.
attnpool_status attnpool_thread_count(int requested, int* count) ATTNPOOL_NOEXCEPT;

/// The instruction sets that can run here, weakest first, by name: index 0, 1, ... until NULL.
const char* attnpool_supported_isa(size_t index) ATTNPOOL_NOEXCEPT;

/// *name: the instruction set that calls use now.
attnpool_status attnpool_active_isa(const char** name) ATTNPOOL_NOEXCEPT;

/// Makes every call of the process use the named instruction set; NULL goes back to ATTNPOOL_ISA or the best. Of a name
/// that is unknown or unsupported nothing changes. Not for use while other threads compute.
attnpool_status attnpool_force_isa(const char* name) ATTNPOOL_NOEXCEPT;

#ifdef __cplusplus
}
#endif
#endif
