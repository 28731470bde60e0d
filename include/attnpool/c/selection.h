#ifndef ATTNPOOL_C_SELECTION_H
#define ATTNPOOL_C_SELECTION_H
// A part of attnpool.h, which is what to include.
#include <attnpool/c/base.h>

#ifdef __cplusplus
extern "C" {
#endif

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
  int kernel;                  ///< ATTNPOOL_KERNEL_*
  double kernel_alpha;         ///< as in attnpool_options
  int kernel_product;          ///< as in attnpool_options
  int order;                   ///< as in attnpool_options: tr H and the criteria are then those of local lines
  int empty;  ///< ATTNPOOL_EMPTY_NAN: bandwidths at which a row has no other within reach are out of the question;
              ///< or ATTNPOOL_EMPTY_NEAREST, ATTNPOOL_EMPTY_MEAN
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

#ifdef __cplusplus
}
#endif
#endif
