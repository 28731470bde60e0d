#ifndef ATTNPOOL_C_FIT_H
#define ATTNPOOL_C_FIT_H
// A part of attnpool.h, which is what to include.
#include <attnpool/c/base.h>

#ifdef __cplusplus
extern "C" {
#endif

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

#ifdef __cplusplus
}
#endif
#endif
