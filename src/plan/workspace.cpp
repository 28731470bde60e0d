#include "plan/workspace.hpp"

#include "base/threads.hpp"

namespace attnpool::detail {

template <class T>
void Workspace<T>::prepare(MatrixView<const T> new_values, const Options& options) {
  values.prepare(
      new_values, options.key_weights,
      threads_for(options.threads, static_cast<double>(new_values.rows) * static_cast<double>(new_values.cols)));
  forget_keys();
}

template <class T>
void Workspace<T>::compute_box(const PoolRequest<T>& request) {
  if (has_box && key_count == request.keys.rows) return;
  forget_keys();
  key_count = request.keys.rows;
  enclose_keys(box, request.keys, threads_for(request.options.threads, static_cast<double>(key_count)));
  region = region_of(request.keys, box);
  has_box = true;
}

template <class T>
void Workspace<T>::forget_keys() {
  has_box = has_pruned = false;
  grid.forget();
  window.forget();
}

template struct Workspace<float>;
template struct Workspace<double>;

}  // namespace attnpool::detail
