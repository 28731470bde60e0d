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
#include <attnpool/c/base.h>
#include <attnpool/c/fit.h>
#include <attnpool/c/inference.h>
#include <attnpool/c/lowess.h>
#include <attnpool/c/pool.h>
#include <attnpool/c/selection.h>

#ifdef __cplusplus
extern "C" {
#endif

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
