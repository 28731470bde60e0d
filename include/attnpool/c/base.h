#ifndef ATTNPOOL_C_BASE_H
#define ATTNPOOL_C_BASE_H
// A part of attnpool.h, which is what to include.
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

/// How a call is carried out; all plans give the same answer within the tolerance. PRUNED, GRID and
/// WINDOW serve the ranges ALL, FIRST and ALL_BUT_SELF; GRID at most three dimensions, WINDOW one and the kernels from BOXCAR to
/// TRICUBE.
enum attnpool_algorithm {
  ATTNPOOL_ALGORITHM_AUTOMATIC = 0,
  ATTNPOOL_ALGORITHM_DENSE = 1,
  ATTNPOOL_ALGORITHM_PRUNED = 2,
  ATTNPOOL_ALGORITHM_GRID = 3,
  ATTNPOOL_ALGORITHM_WINDOW = 4
};

/// What a call of attnpool_pool_*, attnpool_pool_gradient_* or attnpool_loss_gradient_* did.
typedef struct attnpool_report {
  int algorithm;            ///< ATTNPOOL_ALGORITHM_*: the plan that was carried out
  size_t fallback_queries;  ///< queries that the grid could not answer within the tolerance, so that another plan did
  double error_bound;       ///< no row of attnpool_pool_* has a larger bound (see attnpool_options.error_bounds)
} attnpool_report;

/// The smoothing kernel K as a function of u, the distance in bandwidths; the compact ones (2 to 7 and 1) are 0 from u = 1 on.
enum attnpool_kernel {
  ATTNPOOL_KERNEL_GAUSSIAN = 0,           ///< e^(-u^2 / 2)
  ATTNPOOL_KERNEL_BOXCAR = 1,             ///< 1 for u < 1
  ATTNPOOL_KERNEL_TRIANGULAR = 2,         ///< 1 - u
  ATTNPOOL_KERNEL_EPANECHNIKOV = 3,       ///< 1 - u^2
  ATTNPOOL_KERNEL_BIWEIGHT = 4,           ///< (1 - u^2)^2
  ATTNPOOL_KERNEL_TRIWEIGHT = 5,          ///< (1 - u^2)^3
  ATTNPOOL_KERNEL_TRICUBE = 6,            ///< (1 - u^3)^3
  ATTNPOOL_KERNEL_COSINE = 7,             ///< cos(pi u / 2)
  ATTNPOOL_KERNEL_LAPLACE = 8,            ///< e^-u
  ATTNPOOL_KERNEL_RATIONAL_QUADRATIC = 9  ///< (1 + u^2 / (2 alpha))^-alpha
};

/// The answer for a query that has visible keys, but none within the reach of a compact kernel.
enum attnpool_empty {
  ATTNPOOL_EMPTY_NAN = 0,      ///< NaN
  ATTNPOOL_EMPTY_NEAREST = 1,  ///< the value of the nearest key; the mean of several that are equally near
  ATTNPOOL_EMPTY_MEAN = 2,     ///< the mean of all visible keys
  ATTNPOOL_EMPTY_ERROR = 3     ///< the call fails with ATTNPOOL_INVALID_ARGUMENT, naming the first such query
};

/// What an answer rests on.
enum attnpool_query_status {
  ATTNPOOL_QUERY_ANSWERED = 0,  ///< by keys within four bandwidths
  ATTNPOOL_QUERY_FAR = 1,       ///< the nearest key is more than four bandwidths away
  ATTNPOOL_QUERY_UNSEEN = 2,    ///< the query is not finite, or no key is visible to it: everything is NaN
  ATTNPOOL_QUERY_EMPTY = 3,     ///< no key is within the kernel's reach: the answer is that of attnpool_options.empty
  ATTNPOOL_QUERY_LOWER_ORDER =
      4  ///< keys do not determine the local polynomial that was asked for: one of lower degree
};

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
  int kernel;                 ///< ATTNPOOL_KERNEL_*, of every function that takes w
  double kernel_alpha;        ///< of ATTNPOOL_KERNEL_RATIONAL_QUADRATIC, in (0, 1000]; 0: 1
  int kernel_product;         ///< not 0: the product of K over the dimensions, instead of K of the distance
  int order;  ///< attnpool_pool_*, attnpool_pool_batch_*: degree of the local polynomial, 0, 1 or (one dimension) 2
  int* query_status;          ///< NULL, or [Q], of the same functions: ATTNPOOL_QUERY_* of each query
  size_t query_status_count;  ///< Q, or 0 with NULL
  int empty;                  ///< ATTNPOOL_EMPTY_*, of the same functions
} attnpool_options;

/// The defaults: every key, automatic threads, no callback.
static inline attnpool_options attnpool_options_default(void) {
  attnpool_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  return options;
}

#ifdef __cplusplus
}
#endif
#endif
