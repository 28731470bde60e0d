// attnpool._core: the selection of bandwidths, of one problem and of many.
#include <pybind11/stl.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "bindings.hpp"

namespace attnpool_python {
namespace {

using namespace py::literals;
using attnpool::Selection;

attnpool::SelectionOptions options(const std::string& criterion, bool per_dimension,
                                   const std::optional<std::vector<double>>& key_weights, int threads,
                                   const py::object& progress, const attnpool::Kernel& kernel, int order,
                                   const std::string& empty) {
  attnpool::SelectionOptions o;
  o.kernel = kernel.profile();
  o.order = order;
  o.empty = attnpool::from_string<attnpool::Empty>(empty);
  o.criterion = attnpool::from_string<attnpool::Criterion>(criterion);
  o.per_dimension = per_dimension;
  if (key_weights) o.key_weights = *key_weights;
  o.threads = threads;
  o.progress = [&progress](double fraction) {
    py::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) return false;
    if (progress.is_none()) return true;
    try {
      return progress(fraction).ptr() != Py_False;
    } catch (py::error_already_set& e) {
      e.restore();
      return false;
    }
  };
  return o;
}

py::dict as_dict(const Selection& s) {
  py::list curve, minima;
  for (const auto& point : s.curve) curve.append(py::make_tuple(point.factor, point.value, point.estimated));
  for (const auto& minimum : s.minima) minima.append(py::make_tuple(minimum.w, minimum.value));
  return py::dict("w"_a = s.w, "value"_a = s.value, "rule_w"_a = s.rule_w, "rule_value"_a = s.rule_value,
                  "scale"_a = s.scale, "curve"_a = curve, "minima"_a = minima,
                  "at_bound"_a = attnpool::to_string(s.bound), "converged"_a = s.converged, "cancelled"_a = s.cancelled,
                  "evaluations"_a = s.evaluations, "leave_one_out"_a = s.leave_one_out, "gcv"_a = s.gcv,
                  "aicc"_a = s.aicc, "trace"_a = s.trace, "r_squared"_a = s.r_squared,
                  "residual_error"_a = s.residual_error);
}

py::dict select_bandwidth(const py::array_t<double>& keys, const py::array_t<double>& values,
                          const std::string& criterion, bool per_dimension,
                          const std::optional<std::vector<double>>& key_weights, int threads,
                          const py::object& progress, const attnpool::Kernel& kernel, int order,
                          const std::string& empty) {
  const auto o = options(criterion, per_dimension, key_weights, threads, progress, kernel, order, empty);
  const auto k = input<double>("keys", keys), v = input<double>("values", values);
  Selection s;
  without_gil([&] { s = attnpool::select_bandwidth<double>(k, v, o); });
  if (PyErr_Occurred()) throw py::error_already_set();
  return as_dict(s);
}

// The selections of many problems: their figures as arrays, one of them in full on demand.
class SelectionBatch {
 public:
  SelectionBatch(const std::vector<std::size_t>& offsets, const py::array_t<double>& keys,
                 const py::array_t<double>& values, const std::string& criterion, bool per_dimension,
                 const std::optional<std::vector<double>>& key_weights, int threads, const py::object& progress,
                 const attnpool::Kernel& kernel, int order, const std::string& empty) {
    const auto o = options(criterion, per_dimension, key_weights, threads, progress, kernel, order, empty);
    const auto k = input<double>("keys", keys), v = input<double>("values", values);
    w_count_ = per_dimension ? k.cols : 1;
    without_gil([&] { selections_ = attnpool::select_bandwidth_batch<double>(offsets, k, v, o); });
    if (PyErr_Occurred()) throw py::error_already_set();
  }

  py::dict one(std::size_t i) const { return as_dict(selections_.at(i)); }

  py::dict figures() const {
    py::array_t<double> w({static_cast<py::ssize_t>(selections_.size()), static_cast<py::ssize_t>(w_count_)});
    double* to = w.mutable_data();
    for (const Selection& s : selections_) to = std::copy(s.w.begin(), s.w.end(), to);
    py::list bounds;
    for (const Selection& s : selections_) bounds.append(attnpool::to_string(s.bound));
    return py::dict(
        "w"_a = w, "value"_a = of_each<double>(&Selection::value),
        "rule_value"_a = of_each<double>(&Selection::rule_value), "at_bound"_a = bounds,
        "converged"_a = of_each<bool>(&Selection::converged), "cancelled"_a = of_each<bool>(&Selection::cancelled),
        "evaluations"_a = of_each<std::int64_t>(&Selection::evaluations),
        "leave_one_out"_a = of_each<double>(&Selection::leave_one_out), "gcv"_a = of_each<double>(&Selection::gcv),
        "aicc"_a = of_each<double>(&Selection::aicc), "trace"_a = of_each<double>(&Selection::trace),
        "r_squared"_a = of_each<double>(&Selection::r_squared),
        "residual_error"_a = of_each<double>(&Selection::residual_error));
  }

 private:
  template <class Entry, class Member>
  py::array_t<Entry> of_each(Member Selection::*member) const {
    py::array_t<Entry> result(static_cast<py::ssize_t>(selections_.size()));
    std::transform(selections_.begin(), selections_.end(), result.mutable_data(),
                   [&](const Selection& s) { return static_cast<Entry>(s.*member); });
    return result;
  }

  std::vector<Selection> selections_;
  std::size_t w_count_ = 1;
};

}  // namespace

void bind_selection(py::module_& m) {
  m.def("select_bandwidth", &select_bandwidth);
  py::class_<SelectionBatch>(m, "SelectionBatch")
      .def(py::init<const std::vector<std::size_t>&, const py::array_t<double>&, const py::array_t<double>&,
                    const std::string&, bool, const std::optional<std::vector<double>>&, int, const py::object&,
                    const attnpool::Kernel&, int, const std::string&>())
      .def("one", &SelectionBatch::one)
      .def("figures", &SelectionBatch::figures);
}

}  // namespace attnpool_python
