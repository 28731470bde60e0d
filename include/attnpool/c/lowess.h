#ifndef ATTNPOOL_C_LOWESS_H
#define ATTNPOOL_C_LOWESS_H
// A part of attnpool.h, which is what to include.
#include <attnpool/c/base.h>

#ifdef __cplusplus
extern "C" {
#endif

// ---- robust local lines ------------------------------------------------------------------------

typedef struct attnpool_lowess_options {
  size_t struct_size;          ///< sizeof(attnpool_lowess_options)
  attnpool_progress progress;  ///< or NULL
  void* user;                  ///< handed to progress
  double fraction;             ///< of the points that each line sees, in [0, 1]; default 2/3
  double delta;                ///< >= 0: lines are fitted about so far apart, in units of x; 0: at every point
  int iterations;              ///< >= 0: passes after the first; default 3
  int threads;                 ///< as in attnpool_options
} attnpool_lowess_options;

/// The defaults that the fields name.
static inline attnpool_lowess_options attnpool_lowess_options_default(void) {
  attnpool_lowess_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.fraction = 2.0 / 3;
  options.iterations = 3;
  return options;
}

/// Made by attnpool_lowess_f64, freed by attnpool_lowess_destroy with all that it points to. Only the library makes one, and newer
/// versions add fields at the end.
typedef struct attnpool_lowess {
  size_t count, at_count;
  const double* fitted;              ///< [count] in the order of x; y itself where there is no line
  const double* residuals;           ///< [count] y - fitted
  const double* robustness_weights;  ///< [count] in [0, 1], of the last pass
  const double* at;     ///< [at_count] at the further points; NaN where there is no line; NULL if there are none
  size_t neighbours;    ///< points in each window
  size_t without_line;  ///< of the count points
  int passes;           ///< at most 1 + iterations
} attnpool_lowess;

/// Cleveland's robust locally weighted regression of y [count] on x [count], in any order, and its values at the further points
/// at [at_count], which may be NULL if there are none; lowess.hpp has the conventions. *result is set to NULL if the call fails.
attnpool_status attnpool_lowess_f64(size_t count, const double* x, const double* y, size_t at_count, const double* at,
                                    const attnpool_lowess_options* options, attnpool_lowess** result) ATTNPOOL_NOEXCEPT;

/// NULL is allowed.
void attnpool_lowess_destroy(attnpool_lowess* result) ATTNPOOL_NOEXCEPT;

#ifdef __cplusplus
}
#endif
#endif
