#pragma once
// What the bindings share: arrays as views, Ctrl-C, and the options of a call.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <attnpool/attnpool.hpp>
#include <chrono>
#include <functional>
#include <span>
#include <string>

namespace attnpool_python {

namespace py = pybind11;
using namespace py::literals;
using attnpool::MatrixView;

// ---- arrays -------------------------------------------------------------------------------------

// array as a view; its dtype must be T, its rows contiguous.
template <class T>
MatrixView<const T> input(const char* name, const py::array& array) {
  if (!py::isinstance<py::array_t<T>>(array) || array.ndim() != 2)
    throw py::type_error(std::string(name) + ": must be a matrix of one dtype");
  const py::ssize_t rows = array.shape(0), cols = array.shape(1), item = sizeof(T);
  if (rows == 0 || cols == 0)
    return {static_cast<const T*>(array.data()), static_cast<std::size_t>(rows), static_cast<std::size_t>(cols)};
  const bool contiguous_rows = cols <= 1 || array.strides(1) == item;
  const py::ssize_t stride = rows <= 1 ? cols * item : array.strides(0);
  const bool aligned = reinterpret_cast<std::uintptr_t>(array.data()) % alignof(T) == 0;
  if (!contiguous_rows || stride % item != 0 || stride < cols * item || !aligned)
    throw py::type_error(std::string(name) + ": rows must be contiguous");
  return {static_cast<const T*>(array.data()), static_cast<std::size_t>(rows), static_cast<std::size_t>(cols),
          static_cast<std::size_t>(stride / item)};
}

template <class T>
MatrixView<T> output(const char* name, py::array& array) {
  const MatrixView<const T> view = input<T>(name, array);
  return {static_cast<T*>(array.mutable_data()), view.rows, view.cols, view.row_stride};  // throws if read-only
}

// Loops over a batch hand the library one problem at a time; it cannot see that the result of one lies on the next.
template <class T>
void check_apart(const char* out_name, MatrixView<T> out, const char* in_name, MatrixView<const T> in) {
  if (out.rows == 0 || out.cols == 0 || in.rows == 0 || in.cols == 0) return;
  const T *out_end = out.row(out.rows - 1) + out.cols, *in_end = in.row(in.rows - 1) + in.cols;
  if (std::less<>()(out.data, in_end) && std::less<>()(in.data, out_end))
    throw py::value_error(std::string(out_name) + ": overlaps " + in_name);
}

inline void check_count(std::size_t count, std::size_t query_rows, std::size_t key_rows) {
  if (count == 0 || query_rows % count != 0 || key_rows % count != 0)
    throw py::value_error("count: must divide the rows of queries and keys");
}

template <class View>
View part(View view, std::size_t count, std::size_t i) {
  const std::size_t rows = view.rows / count;
  return {view.row(i * rows), rows, view.cols, view.row_stride};
}

// Calls f with a float or a double, whatever array holds.
template <class F>
auto with_type_of(const py::array& array, F&& f) {
  if (py::isinstance<py::array_t<float>>(array)) return f(float{});
  if (py::isinstance<py::array_t<double>>(array)) return f(double{});
  throw py::type_error("dtype must be float32 or float64");
}

inline attnpool::Kernel kernel_of(const std::vector<double>& numbers, bool are_bandwidths, const std::string& shape,
                                  double alpha, bool product) {
  const attnpool::KernelProfile profile(attnpool::from_string<attnpool::KernelShape>(shape), alpha, product);
  return are_bandwidths ? attnpool::Kernel::from_bandwidth(profile, numbers) : attnpool::Kernel(profile, numbers);
}

// An integer of Python or NumPy, clipped to what the library can count.
inline std::ptrdiff_t offset_of(const char* name, const py::object& x) {
  const py::object index = py::reinterpret_steal<py::object>(PyNumber_Index(x.ptr()));
  if (!index) {
    PyErr_Clear();
    throw py::type_error(std::string(name) + ": must be an integer, got " + py::repr(x).cast<std::string>());
  }
  return PyNumber_AsSsize_t(index.ptr(), nullptr);
}

inline std::size_t count_of(const char* name, const py::object& x) {
  const std::ptrdiff_t count = offset_of(name, x);
  if (count < 0)
    throw py::value_error(std::string(name) + ": must be 0 or more, got " + py::str(x).cast<std::string>());
  return static_cast<std::size_t>(count);
}

// ---- signals ------------------------------------------------------------------------------------

// A progress callback that stops the work once Python has an exception to raise, which on the main thread is how Ctrl-C
// arrives. The library calls it ten times a second; due() is for loops of our own.
class SignalWatch {
 public:
  bool operator()(double) const {
    py::gil_scoped_acquire gil;
    return PyErr_CheckSignals() == 0;
  }
  // Throws Cancelled if a signal came; looks every 50 ms.
  void due() {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::milliseconds(50)) return;
    last_ = now;
    if (!(*this)(0)) throw attnpool::Cancelled("interrupted");
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

template <class F>
void without_gil(F&& compute) {
  try {
    py::gil_scoped_release release;
    compute();
  } catch (const attnpool::Cancelled&) {
    throw py::error_already_set();  // what SignalWatch found
  }
}

// CallOptions to go about a call. key_weights: one number per row of all keys, or none at all.
class CallOptions {
 public:
  CallOptions(const attnpool::KeyRange& range, int threads, const std::string& algorithm, double tolerance,
              py::array_t<double, py::array::c_style | py::array::forcecast> key_weights, int order,
              const std::string& empty)
      : key_weights_(std::move(key_weights)) {
    options_.order = order;
    options_.empty = attnpool::from_string<attnpool::Empty>(empty);
    options_.range = range;
    options_.threads = threads;
    options_.algorithm = attnpool::from_string<attnpool::Algorithm>(algorithm);
    options_.tolerance = tolerance;
    options_.progress = SignalWatch();
    options_.key_weights = {key_weights_.data(), static_cast<std::size_t>(key_weights_.size())};
  }
  const attnpool::Options& all() const { return options_; }
  // The same, with a place for what each answer rests on.
  attnpool::Options with_status(std::vector<attnpool::QueryStatus>& status) const {
    attnpool::Options o = options_;
    o.status = status;
    return o;
  }
  // For problem i of count.
  attnpool::Options part(std::size_t count, std::size_t i) const {
    attnpool::Options o = options_;
    const std::size_t n = o.key_weights.size() / count;
    o.key_weights = o.key_weights.subspan(i * n, n);
    return o;
  }

 private:
  py::array_t<double> key_weights_;
  attnpool::Options options_;
};

inline attnpool::Options threads_only(int threads) {
  attnpool::Options o;
  o.threads = threads;
  o.progress = SignalWatch();
  return o;
}

// A copy.
inline py::array_t<double> array(const std::vector<double>& x) {
  return py::array_t<double>(static_cast<py::ssize_t>(x.size()), x.data());
}

// ---- what stands in the other files --------------------------------------------------------------

// select_bandwidth, and SelectionBatch: many of them.
void bind_selection(py::module_& m);

// PoolState32 and PoolState64.
void bind_states(py::module_& m);

py::dict infer(const py::array_t<double>& queries, const py::array_t<double>& keys, const py::array_t<double>& values,
               const attnpool::Kernel& kernel, const CallOptions& how, const std::string& variance, double level,
               bool slopes);

py::dict bootstrap(const py::array_t<double>& queries, const py::array_t<double>& keys,
                   const py::array_t<double>& values, const attnpool::Kernel& kernel, const CallOptions& how,
                   const py::dict& options);

using Numbers = py::array_t<double, py::array::c_style | py::array::forcecast>;
py::dict lowess(const Numbers& x, const Numbers& y, const Numbers& at, double fraction, int iterations, double delta,
                int threads);

}  // namespace attnpool_python
