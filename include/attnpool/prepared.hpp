#pragma once
#include <attnpool/gradient.hpp>
#include <attnpool/options.hpp>
#include <attnpool/score.hpp>
#include <attnpool/view.hpp>
#include <memory>

namespace attnpool {

/// Keys and values made ready once, for any number of calls: what a plan computes from them (their order, boxes,
/// moments) is kept, and computed again only where another score needs it. Answers as the functions of the same names.
///   keys [K, D], values [K, V], key_weights [K] or empty: read, not copied; they must outlive this object unchanged.
/// Not for several threads at a time. Options::key_weights of a call must be empty.
template <class T>
class Prepared {
 public:
  /// Errors as pool().
  Prepared(In<T> keys, In<T> values, std::span<const double> key_weights = {});
  ~Prepared();
  Prepared(Prepared&&) noexcept;
  Prepared& operator=(Prepared&&) noexcept;

  void pool(In<T> queries, const Gaussian& score, MatrixView<T> out, const Options& options = {});

  /// The loss of predicting each value from the other keys, and (with_gradient) its gradient in w, else empty.
  LossAndGradient leave_one_out(const Gaussian& score, Loss loss, bool with_gradient, const Options& options = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace attnpool
