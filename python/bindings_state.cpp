// PoolState of attnpool._core.
#include <mutex>

#include "bindings.hpp"

namespace attnpool_python {
namespace {

// A PoolState that several Python threads may use: one at a time is inside.
template <class T>
class State {
 public:
  State(const py::array& queries, std::size_t value_cols, const attnpool::Kernel& kernel)
      : state_(input<T>("queries", queries), value_cols, kernel) {}

  void update(const py::array& keys, const py::array& values, const CallOptions& how) {
    const auto k = input<T>("keys", keys), v = input<T>("values", values);
    without_gil([&] {
      const std::lock_guard lock(mutex_);
      state_.update(k, v, how.all());
    });
  }
  void merge(const State& other) {
    without_gil([&] {
      const attnpool::PoolState<T> copy = other.copy();  // never two locks at once; also lets a state merge itself
      const std::lock_guard lock(mutex_);
      state_.merge(copy);
    });
  }
  void finish(py::array out) const {
    const auto result = output<T>("out", out);
    without_gil([&] {
      const std::lock_guard lock(mutex_);
      state_.finish(result);
    });
  }
  void log_sum_exp(py::array out) const {
    const auto result = output<T>("out", out);
    if (result.rows != 1 || result.cols != state_.query_count())
      throw py::value_error("out: must have one entry per query");
    without_gil([&] {
      const std::lock_guard lock(mutex_);
      state_.log_sum_exp(result.data);
    });
  }

 private:
  attnpool::PoolState<T> copy() const {
    const std::lock_guard lock(mutex_);
    return state_;
  }
  mutable std::mutex mutex_;
  attnpool::PoolState<T> state_;
};

template <class T>
void bind_state(py::module_& m, const char* name) {
  py::class_<State<T>>(m, name)
      .def(py::init<const py::array&, std::size_t, const attnpool::Kernel&>())
      .def("update", &State<T>::update)
      .def("merge", &State<T>::merge)
      .def("finish", &State<T>::finish)
      .def("log_sum_exp", &State<T>::log_sum_exp);
}

}  // namespace

void bind_states(py::module_& m) {
  bind_state<float>(m, "PoolState32");
  bind_state<double>(m, "PoolState64");
}

}  // namespace attnpool_python
