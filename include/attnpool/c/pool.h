#ifndef ATTNPOOL_C_POOL_H
#define ATTNPOOL_C_POOL_H
// A part of attnpool.h, which is what to include.
#include <attnpool/c/base.h>

#ifdef __cplusplus
extern "C" {
#endif

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

#ifdef __cplusplus
}
#endif
#endif
