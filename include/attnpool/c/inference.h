#ifndef ATTNPOOL_C_INFERENCE_H
#define ATTNPOOL_C_INFERENCE_H
// A part of attnpool.h, which is what to include.
#include <attnpool/c/base.h>

#ifdef __cplusplus
extern "C" {
#endif

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

#ifdef __cplusplus
}
#endif
#endif
