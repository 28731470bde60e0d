#include <attnpool/prepared.hpp>

#include "api/steps.hpp"
#include "base/to_string.hpp"
#include "base/validate.hpp"

namespace attnpool {

template <class T>
struct Prepared<T>::State {
  MatrixView<const T> keys, values;
  std::span<const double> key_weights;
  detail::Workspace<T> workspace;

  // options with the key weights of this object.
  Options completed(Options options, std::size_t query_count) const {
    if (!options.key_weights.empty())
      detail::bad_argument("key_weights",
                           "belong to the constructor, got " + detail::to_string(options.key_weights.size()));
    options.key_weights = key_weights;
    detail::check_options(options, query_count, keys.rows, keys.cols);
    return options;
  }
};

template <class T>
Prepared<T>::Prepared(In<T> keys, In<T> values, std::span<const double> key_weights)
    : state_(new State{keys, values, key_weights, {}}) {
  detail::check_inputs<T>(MatrixView<const T>(nullptr, 0, keys.cols), keys, values, Gaussian(1.0));
  Options options;
  options.key_weights = key_weights;
  detail::check_options(options, 0, keys.rows, keys.cols);
  state_->workspace.prepare(values, options);
}
template <class T>
Prepared<T>::~Prepared() = default;
template <class T>
Prepared<T>::Prepared(Prepared&&) noexcept = default;
template <class T>
Prepared<T>& Prepared<T>::operator=(Prepared&&) noexcept = default;

template <class T>
void Prepared<T>::pool(In<T> queries, const Gaussian& score, MatrixView<T> out, const Options& options) {
  detail::check_pool<T>(queries, state_->keys, state_->values, score, out);
  const Options all = state_->completed(options, queries.rows);
  detail::pool_with<T>({queries, state_->keys, score, detail::Moments::none, all}, out, state_->workspace);
}

template <class T>
LossAndGradient Prepared<T>::leave_one_out(const Gaussian& score, Loss loss, bool with_gradient,
                                           const Options& options) {
  detail::check_dimensions(score, state_->keys.cols);
  detail::check_unused(options, "leave_one_out", detail::uses_key_weights | detail::uses_plan | detail::uses_report);
  Options all = state_->completed(options, state_->keys.rows);
  all.range = KeyRange::all_but_self();
  const detail::Moments moments = with_gradient ? detail::moments_of(score) : detail::Moments::none;
  return detail::loss_gradient<T>({state_->keys, state_->keys, score, moments, all}, state_->values, loss,
                                  state_->workspace);
}

template class Prepared<float>;
template class Prepared<double>;

}  // namespace attnpool
