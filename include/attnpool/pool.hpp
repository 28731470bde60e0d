#pragma once
#include <attnpool/kernel.hpp>
#include <attnpool/options.hpp>
#include <attnpool/view.hpp>
#include <string>

/// Attention pooling with a Gaussian score, in O(Q K (D + V)) time at worst (Algorithm::dense) and O((Q + K) V) where Algorithm::grid
/// serves, with O(K (D + V)) extra memory.
///
/// Shapes    queries [Q, D], keys [K, D], values [K, V]; D, V, K >= 1, Q >= 0. Rows may be strided, any alignment.
/// Aliasing  out must not overlap an input.
/// Errors    std::invalid_argument that names the argument and the value: shapes that disagree, K, D or V = 0, null
///           data, row_stride < cols, sizes whose product overflows, overlap, a key that is not finite. Checked before
///           anything is written.
/// Special   a query that is not finite makes its own row of out NaN. A value that is not finite makes out NaN or
///           infinite in its column, for every query that may see it. A query that sees no key gets NaN (no data, no
///           answer). Far from every key the nearest keys decide, however far (weights are relative to the nearest key,
///           computed without cancellation in double); coordinates saturate 2^500 bandwidths from the keys (2^60 in
///           attention_weights<float>, which computes in float).
/// Error     dense: see pool_error; grid: at most Options::tolerance; Options::error_bounds tells for each query. out lies within
///           the smallest and the largest value of its column.
/// Bits      do not depend on the number of threads. With Algorithm::dense they do not depend on the other queries of the call
///           either, except that at most 4 queries on at least 32768 keys are answered by another order of summation (one
///           pass over keys and values as they lie); Algorithm::automatic chooses by the sizes and a sample of the call. See
///           Isa for ISAs.

namespace attnpool {

/// out[q,:] = sum_k p(q,k) * values[k,:],   p(q,:) = softmax_k(score(q,k)) over the keys in options.range.
/// (Nadaraya 1964, Watson 1964; the softmax form is Zhang et al., Dive into Deep Learning, "Attention pooling".)
template <class T>
void pool(In<T> queries, In<T> keys, In<T> values, const Kernel& kernel, MatrixView<T> out,
          const Options& options = {});

/// Many problems of one shape in one call. With Q = queries.rows / count and K = keys.rows / count, problem i is rows
/// [i Q, (i + 1) Q) of queries and out, and rows [i K, (i + 1) K) of keys and values. Each gives the same bits as
/// pool() of it alone (but for the exception above); options.range counts within a problem. Threads share the problems.
/// options.report is not filled in.
template <class T>
void pool_batch(std::size_t count, In<T> queries, In<T> keys, In<T> values, const Kernel& kernel, MatrixView<T> out,
                const Options& options = {});

/// How pool() would go about this call and why. Errors as pool().
template <class T>
Explanation explain(In<T> queries, In<T> keys, In<T> values, const Kernel& kernel, const Options& options = {});

/// explain().text()
template <class T>
std::string explain_pool(In<T> queries, In<T> keys, In<T> values, const Kernel& kernel, const Options& options = {});

/// |out - exact| <= pool_error<T>(D, reach) * (max - min of the value column) + epsilon * max |value|, where exact is
/// the real-number formula on the given floating-point inputs and reach the largest w[d] * |key - centre of the keys'
/// bounding box|, in bandwidths (it stops mattering at 10). A worst case, with all roundings aligned; measured errors
/// are some hundred times smaller (about epsilon on 10,000 x 10,000 points). Key weights cost no more than is in it. Derivation:
/// src/result/error_bound.cpp.
template <class T>
double pool_error(std::size_t dims, double reach);

/// weights[q,k] = p(q,k), shape [Q, K]; keys outside options.range get exactly 0. Rows sum to 1 within
/// (softmax_error + K / 4096) * epsilon.
template <class T>
void attention_weights(In<T> queries, In<T> keys, const Kernel& kernel, MatrixView<T> weights,
                       const Options& options = {});

/// Average pooling: every row of out [Q, V] is the mean of values [K, V], summed in double.
template <class T>
void average_pool(In<T> values, MatrixView<T> out);

}  // namespace attnpool
