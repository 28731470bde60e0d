#pragma once
#include <attnpool/gradient.hpp>
#include <attnpool/kernel.hpp>
#include <attnpool/options.hpp>
#include <attnpool/view.hpp>
#include <memory>

namespace attnpool {

/// Keys and values of which what the algorithms compute from them (their order, boxes, moments) is kept from call to call
/// and computed again only where another score needs it. Answers as the functions of the same names.
///   keys [K, D], values [K, V], key_weights [K] or empty: read, not copied; they must outlive this object unchanged.
/// May be used by several threads at a time: their calls take turns, each on all of its options.threads.
/// Options::key_weights of a call must be empty, and Options::progress must not use the same object.
template <class T>
class PoolPlan {
 public:
  /// Errors as pool().
  PoolPlan(In<T> keys, In<T> values, std::span<const double> key_weights = {});
  ~PoolPlan();
  PoolPlan(PoolPlan&&) noexcept;
  PoolPlan& operator=(PoolPlan&&) noexcept;

  void pool(In<T> queries, const Kernel& kernel, MatrixView<T> out, const Options& options = {}) const;

  /// The loss of predicting each value from the other keys, and (with_gradient) its gradient in w, else empty.
  LossAndGradient leave_one_out(const Kernel& kernel, Loss loss, bool with_gradient, const Options& options = {}) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace attnpool
