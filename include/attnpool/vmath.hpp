#pragma once
#include <attnpool/options.hpp>
#include <attnpool/view.hpp>
#include <cstddef>

namespace attnpool {

/// Maximum errors in units in the last place of the result, over every float and over double patterns sampled densely;
/// the tests and the comments beside the polynomials use these constants.
inline constexpr double exp_max_ulp = 1.0;
inline constexpr double exp_nonpositive_max_ulp = 1.0;
/// Each softmax weight that is a normal number, against the exact softmax of the given scores, in a row of n scores:
/// |weight - exact| <= (softmax_error + n / 4096 + (max - score) / 2) * epsilon * exact, epsilon = 2^-23 or 2^-52. The
/// last term is the rounding of score - max.
inline constexpr double softmax_error = 8.0;

/// out[i] = e^x[i], any x. Overflow gives inf (x > log(max)), below the smallest normal number the result underflows
/// gradually to 0; NaN gives NaN, -inf gives 0. At most exp_max_ulp. x and out may be the same array, not otherwise
/// overlap. Runs on the calling thread.
template <class T>
void exp(const std::type_identity_t<T>* x, T* out, std::size_t count);

/// out[i] = e^x[i] for x[i] <= 0: the weight function. At most exp_nonpositive_max_ulp; below log(smallest normal
/// number) (-87.34 in float, -708.40 in double) exactly 0, so no weight is ever subnormal. NaN gives NaN; for x > 0 the
/// result is unspecified.
template <class T>
void exp_nonpositive(const std::type_identity_t<T>* x, T* out, std::size_t count);

/// out[r,:] = softmax(scores[r,:]), shape of both [rows, cols]. Rows that hold a NaN or +inf, and rows of nothing but
/// -inf, become NaN; other entries of -inf get weight 0. out may be scores itself, not otherwise overlap. cols = 0 is
/// allowed.
template <class T>
void softmax(In<T> scores, MatrixView<T> out, const Options& options = {});

/// out[r] = log(sum_c exp(scores[r,c])), out of length scores.rows. -inf for an empty row or one of nothing but -inf,
/// +inf if an entry is +inf, NaN if one is NaN. Absolute error at most 4 epsilon * (1 + |out|).
template <class T>
void log_sum_exp(In<T> scores, T* out, const Options& options = {});

}  // namespace attnpool
