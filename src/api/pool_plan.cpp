#include <attnpool/pool_plan.hpp>
#include <mutex>

#include "api/steps.hpp"
#include "base/to_string.hpp"
#include "base/validate.hpp"

namespace attnpool {

template <class T>
struct PoolPlan<T>::State {
  MatrixView<const T> keys, values;
  std::span<const double> key_weights;
  detail::Workspace<T> workspace;
  std::mutex in_use;  // held while a call uses the workspace

  // options with the key weights of this object.
  Options completed(Options options, std::size_t query_count, const Kernel& kernel) const {
    if (!options.key_weights.empty())
      detail::bad_argument("key_weights",
                           "belong to the constructor, got " + detail::to_string(options.key_weights.size()));
    options.key_weights = key_weights;
    detail::check_options(options, query_count, keys.rows, keys.cols, kernel.profile());
    return options;
  }
};

template <class T>
PoolPlan<T>::PoolPlan(In<T> keys, In<T> values, std::span<const double> key_weights)
    : state_(new State{keys, values, key_weights, {}, {}}) {
  detail::check_inputs<T>(MatrixView<const T>(nullptr, 0, keys.cols), keys, values, Gaussian(1.0));
  Options options;
  options.key_weights = key_weights;
  detail::check_options(options, 0, keys.rows, keys.cols);
  state_->workspace.prepare(values, options);
}
template <class T>
PoolPlan<T>::~PoolPlan() = default;
template <class T>
PoolPlan<T>::PoolPlan(PoolPlan&&) noexcept = default;
template <class T>
PoolPlan<T>& PoolPlan<T>::operator=(PoolPlan&&) noexcept = default;

template <class T>
void PoolPlan<T>::pool(In<T> queries, const Kernel& kernel, MatrixView<T> out, const Options& options) const {
  detail::check_pool<T>(queries, state_->keys, state_->values, kernel, out);
  const Options all = state_->completed(options, queries.rows, kernel);
  const std::lock_guard lock(state_->in_use);
  detail::pool_with<T>({queries, state_->keys, kernel, detail::moments_of_order(all.order), all}, out,
                       state_->workspace);
}

template <class T>
LossAndGradient PoolPlan<T>::leave_one_out(const Kernel& kernel, Loss loss, bool with_gradient,
                                           const Options& options) const {
  detail::check_dimensions(kernel, state_->keys.cols);
  detail::check_unused(options, "leave_one_out",
                       detail::uses_key_weights | detail::uses_algorithm | detail::uses_report);
  Options all = state_->completed(options, state_->keys.rows, kernel);
  all.range = KeyRange::all_but_self();
  if (with_gradient) detail::check_differentiable(kernel.profile());
  const detail::Moments moments = with_gradient ? detail::moments_of(kernel) : detail::Moments::none;
  const std::lock_guard lock(state_->in_use);
  return detail::loss_gradient<T>({state_->keys, state_->keys, kernel, moments, all}, state_->values, loss,
                                  state_->workspace);
}

template class PoolPlan<float>;
template class PoolPlan<double>;

}  // namespace attnpool
