#pragma once
// What the files of the extension module share.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <attnpool/attnpool.hpp>
#include <cstdint>
#include <string>

namespace attnpool_python {

namespace py = pybind11;
using attnpool::MatrixView;

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

template <class F>
void without_gil(F&& compute) {
  try {
    py::gil_scoped_release release;
    compute();
  } catch (const attnpool::Cancelled&) {
    throw py::error_already_set();  // what SignalWatch found
  }
}

// select_bandwidth, and SelectionBatch: many of them.
void bind_selection(py::module_& m);

}  // namespace attnpool_python
