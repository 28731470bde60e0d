#pragma once
#include <attnpool/kernel.hpp>
#include <attnpool/options.hpp>
#include <attnpool/view.hpp>
#include <vector>

namespace attnpool {

/// pool() and its derivative with respect to w, in one pass over the keys.
///   out      [Q, V], as pool()
///   gradient [Q, P * V]: gradient[q, p * V + v] = d out[q,v] / d w[p], P = number of entries of score.w()
/// The derivative of a softmax-weighted mean is a covariance under the weights:
///   d out / d w_p = sum_k p_k (v_k - out) ds_k/dw_p = -Cov_p(v, w_p delta_p^2),   delta_p = q_p - k_p
/// (scalar w: delta^2 summed over dimensions). It is 0 at w = 0, NaN where out is NaN. Conditions and errors as pool().
template <class T>
void pool_gradient(In<T> queries, In<T> keys, In<T> values, const Kernel& kernel, MatrixView<T> out,
                   MatrixView<T> gradient, const Options& options = {});

/// Squared error over all queries and value columns: half the sum (as in the book's chapter) or the mean.
enum class Loss { half_sum, mean };

/// "half-sum", "mean".
const char* to_string(Loss loss) noexcept;

struct LossAndGradient {
  double loss = 0;
  std::vector<double> gradient;  ///< d loss / d w, one entry per entry of score.w()
};

/// The loss of predicting targets [Q, V] at queries from keys and values, and its exact gradient in w. Queries whose
/// prediction is NaN (they see no key) make the loss NaN. Sums over queries are in double, in a fixed order.
template <class T>
LossAndGradient loss_gradient(MatrixView<const T> queries, MatrixView<const T> keys, MatrixView<const T> values,
                              MatrixView<const T> targets, const Kernel& kernel, Loss loss,
                              const Options& options = {});

}  // namespace attnpool
