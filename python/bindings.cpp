// attnpool._core: the library on two-dimensional NumPy arrays. Making such arrays out of whatever the caller has is the
// work of attnpool/_arrays.py; what stands here refuses anything else, releases the GIL and answers Ctrl-C.
#include "bindings.hpp"

#include <cstring>
#include <optional>

using namespace attnpool_python;

namespace {

// ---- functions ----------------------------------------------------------------------------------

void exponential(const py::array& x, py::array out) {
  with_type_of(out, [&](auto zero) {
    using T = decltype(zero);
    const auto in = input<T>("x", x);
    const auto result = output<T>("out", out);
    if (in.rows != 1 || result.rows != 1 || in.cols != result.cols)
      throw py::value_error("out: must have the shape of x");
    if (result.data != in.data) check_apart<T>("out", result, "x", in);
    without_gil([&] {
      constexpr std::size_t chunk = std::size_t{1} << 22;  // some milliseconds
      SignalWatch watch;
      for (std::size_t i = 0; i < in.cols; i += chunk) {
        attnpool::exp<T>(in.data + i, result.data + i, std::min(chunk, in.cols - i));
        watch.due();
      }
    });
  });
}

void softmax(const py::array& scores, py::array out, int threads) {
  with_type_of(out, [&](auto zero) {
    using T = decltype(zero);
    const auto in = input<T>("scores", scores);
    const auto result = output<T>("out", out);
    without_gil([&] { attnpool::softmax<T>(in, result, threads_only(threads)); });
  });
}

void log_sum_exp(const py::array& scores, py::array out, int threads) {
  with_type_of(out, [&](auto zero) {
    using T = decltype(zero);
    const auto in = input<T>("scores", scores);
    const auto result = output<T>("out", out);
    if (result.rows != 1 || result.cols != in.rows) throw py::value_error("out: must have one entry per row of scores");
    without_gil([&] { attnpool::log_sum_exp<T>(in, result.data, threads_only(threads)); });
  });
}

void average_pool(const py::array& values, py::array out) {
  with_type_of(out, [&](auto zero) {
    using T = decltype(zero);
    const auto in = input<T>("values", values);
    const auto result = output<T>("out", out);
    without_gil([&] { attnpool::average_pool<T>(in, result); });
  });
}

// Problems of more arithmetic than this are done one after another, each by all threads, so that a batch of few large
// ones keeps every thread busy and hears Ctrl-C; smaller ones are shared out whole.
constexpr double large_problem = 5e7;

// Returns what each answer rests on, as numbers of QueryStatus, if `with_status`.
py::array_t<int> pool(std::size_t count, const py::array& queries, const py::array& keys, const py::array& values,
                      const attnpool::Kernel& kernel, const CallOptions& how, py::array out, bool with_status) {
  std::vector<attnpool::QueryStatus> status;
  with_type_of(out, [&](auto zero) {
    using T = decltype(zero);
    const auto q = input<T>("queries", queries), k = input<T>("keys", keys), v = input<T>("values", values);
    const auto result = output<T>("out", out);
    check_count(count, q.rows, k.rows);
    check_apart<T>("out", result, "queries", q);
    check_apart<T>("out", result, "keys", k);
    check_apart<T>("out", result, "values", v);
    if (with_status) status.resize(q.rows);
    const double work = static_cast<double>(q.rows / count) * static_cast<double>(k.rows / count) *
                        static_cast<double>(k.cols + v.cols + 14);
    without_gil([&] {
      if (count > 1 && work < large_problem)
        return attnpool::pool_batch<T>(count, q, k, v, kernel, result, how.with_status(status));
      for (std::size_t i = 0; i < count; ++i) {
        attnpool::Options options = how.part(count, i);
        if (with_status) options.status = std::span(status).subspan(i * (q.rows / count), q.rows / count);
        attnpool::pool<T>(part(q, count, i), part(k, count, i), part(v, count, i), kernel, part(result, count, i),
                          options);
      }
    });
  });
  py::array_t<int> numbers(static_cast<py::ssize_t>(status.size()));
  for (std::size_t q = 0; q < status.size(); ++q) numbers.mutable_data()[q] = static_cast<int>(status[q]);
  return numbers;
}

void attention_weights(std::size_t count, const py::array& queries, const py::array& keys,
                       const attnpool::Kernel& kernel, const CallOptions& how, py::array out) {
  with_type_of(out, [&](auto zero) {
    using T = decltype(zero);
    const auto q = input<T>("queries", queries), k = input<T>("keys", keys);
    const auto result = output<T>("out", out);
    check_count(count, q.rows, k.rows);
    check_apart<T>("out", result, "queries", q);
    check_apart<T>("out", result, "keys", k);
    without_gil([&] {
      SignalWatch watch;
      for (std::size_t i = 0; i < count; ++i, watch.due())
        attnpool::attention_weights<T>(part(q, count, i), part(k, count, i), kernel, part(result, count, i),
                                       how.part(count, i));
    });
  });
}

void pool_gradient(std::size_t count, const py::array& queries, const py::array& keys, const py::array& values,
                   const attnpool::Kernel& kernel, const CallOptions& how, py::array out, py::array gradient) {
  with_type_of(out, [&](auto zero) {
    using T = decltype(zero);
    const auto q = input<T>("queries", queries), k = input<T>("keys", keys), v = input<T>("values", values);
    const auto result = output<T>("out", out), derivative = output<T>("gradient", gradient);
    check_count(count, q.rows, k.rows);  // and out and gradient are always new arrays
    without_gil([&] {
      SignalWatch watch;
      for (std::size_t i = 0; i < count; ++i, watch.due())
        attnpool::pool_gradient<T>(part(q, count, i), part(k, count, i), part(v, count, i), kernel,
                                   part(result, count, i), part(derivative, count, i), how.part(count, i));
    });
  });
}

// A model file as a dictionary of its members, matrices flat.
py::dict load_model(const std::string& path) {
  const attnpool::Model m = attnpool::load_model(path);
  py::dict d;
  d["x"] = m.x;
  d["y"] = m.y;
  d["keys"] = m.keys;
  d["values"] = m.values;
  d["key_weights"] = m.key_weights;
  d["w"] = m.w;
  d["x_origin"] = m.x_origin;
  d["groups"] = m.groups;
  d["group_w"] = m.group_w;
  d["in_double"] = m.in_double;
  d["kernel"] = attnpool::to_string(m.kernel.shape);
  d["alpha"] = m.kernel.alpha;
  d["product"] = m.kernel.product;
  d["order"] = m.order;
  d["empty"] = attnpool::to_string(m.empty);
  return d;
}

void save_model(const std::string& path, const py::dict& d) {
  attnpool::Model m;
  m.x = d["x"].cast<std::vector<std::string>>();
  m.y = d["y"].cast<std::vector<std::string>>();
  m.keys = d["keys"].cast<std::vector<double>>();
  m.values = d["values"].cast<std::vector<double>>();
  m.key_weights = d["key_weights"].cast<std::vector<double>>();
  m.w = d["w"].cast<std::vector<double>>();
  m.in_double = d["in_double"].cast<bool>();
  m.kernel = {attnpool::from_string<attnpool::KernelShape>(d["kernel"].cast<std::string>()), d["alpha"].cast<double>(),
              d["product"].cast<bool>()};
  m.order = d["order"].cast<int>();
  m.empty = attnpool::from_string<attnpool::Empty>(d["empty"].cast<std::string>());
  attnpool::save_model(m, path);
}

std::string explain(const py::array& queries, const py::array& keys, const py::array& values,
                    const attnpool::Kernel& kernel, const CallOptions& how) {
  return with_type_of(keys, [&](auto zero) {
    using T = decltype(zero);
    return attnpool::explain_pool<T>(input<T>("queries", queries), input<T>("keys", keys), input<T>("values", values),
                                     kernel, how.all());
  });
}

std::pair<double, std::vector<double>> loss_gradient(const py::array& queries, const py::array& keys,
                                                     const py::array& values, const py::array& targets,
                                                     const attnpool::Kernel& kernel, const CallOptions& how,
                                                     const std::string& loss) {
  return with_type_of(keys, [&](auto zero) {
    using T = decltype(zero);
    const auto q = input<T>("queries", queries), k = input<T>("keys", keys), v = input<T>("values", values),
               y = input<T>("targets", targets);
    const attnpool::Loss kind = attnpool::from_string<attnpool::Loss>(loss);
    attnpool::LossAndGradient result;
    without_gil([&] { result = attnpool::loss_gradient<T>(q, k, v, y, kernel, kind, how.all()); });
    return std::pair(result.loss, result.gradient);
  });
}

py::dict fit(const py::array& keys, const py::array& values, const std::vector<double>& w0, std::uint64_t seed,
             const std::string& loss, double learning_rate, int epochs, bool leave_one_out, double tolerance,
             const CallOptions& how, const py::object& progress) {
  attnpool::FitOptions o;
  o.w0 = w0;
  o.seed = seed;
  o.loss = attnpool::from_string<attnpool::Loss>(loss);
  o.learning_rate = learning_rate;
  o.epochs = epochs;
  o.leave_one_out = leave_one_out;
  o.tolerance = tolerance;
  o.threads = how.all().threads;
  o.algorithm = how.all().algorithm;
  o.algorithm_tolerance = how.all().tolerance;
  o.key_weights = how.all().key_weights;
  o.progress = [&](const attnpool::FitProgress& p) {
    py::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) return false;
    if (progress.is_none()) return true;
    try {
      return progress("epoch"_a = p.epoch, "epochs"_a = p.epochs, "fraction"_a = p.fraction, "loss"_a = p.loss,
                      "w"_a = *p.w)
                 .ptr() != Py_False;
    } catch (py::error_already_set& e) {
      e.restore();
      return false;
    }
  };
  attnpool::FitResult result;
  with_type_of(keys, [&](auto zero) {
    using T = decltype(zero);
    const auto k = input<T>("keys", keys), v = input<T>("values", values);
    without_gil([&] { result = attnpool::fit<T>(k, v, o); });
  });
  if (PyErr_Occurred()) throw py::error_already_set();
  return py::dict("w"_a = result.w, "loss"_a = result.loss, "losses"_a = result.losses, "ws"_a = result.ws,
                  "stop"_a = attnpool::to_string(result.stop));
}

std::vector<double> rule_of_thumb(const py::array_t<double>& keys,
                                  const std::optional<std::vector<double>>& key_weights, bool scaled, bool silverman) {
  attnpool::RuleOptions o;
  if (key_weights) o.key_weights = *key_weights;
  o.scaled = scaled;
  const auto k = input<double>("keys", keys);
  return silverman ? attnpool::silverman<double>(k, o) : attnpool::scott<double>(k, o);
}

double plug_in(const py::array_t<double>& keys, const py::array_t<double>& values, int blockmax, int divisor,
               double trim, double proptrun, int gridsize, const std::optional<std::pair<double, double>>& interval) {
  attnpool::PlugInOptions o{blockmax, divisor, trim, proptrun, gridsize, {}};
  if (interval) o.interval = {interval->first, interval->second};
  const auto k = input<double>("keys", keys), v = input<double>("values", values);
  double bandwidth = 0;
  without_gil([&] { bandwidth = attnpool::ruppert_sheather_wand<double>(k, v, o); });
  return bandwidth;
}

// ---- tiled matrices -----------------------------------------------------------------------------

// Whether every row of a matrix is the same ("tiled"), or row i is one common row without its entry i
// ("leave_one_out", shape n x (n - 1)), or neither (""). Compares bits, so that NaN equals itself.
std::string tiling(const py::array& matrix) {
  return with_type_of(matrix, [&](auto zero) -> std::string {
    using T = decltype(zero);
    const auto m = input<T>("matrix", matrix);
    const std::size_t n = m.rows, cols = m.cols;
    const auto equal = [](const T* a, const T* b, std::size_t count) {
      return std::memcmp(a, b, count * sizeof(T)) == 0;
    };
    py::gil_scoped_release release;
    std::size_t same = 0;
    while (same < n && equal(m.row(same), m.data, cols)) ++same;
    if (same == n) return "tiled";
    if (n < 2 || cols + 1 != n) return "";
    std::vector<T> whole(n);
    whole[0] = m(1, 0);
    std::copy(m.data, m.data + cols, whole.begin() + 1);
    for (std::size_t i = 0; i < n; ++i)
      if (!equal(m.row(i), whole.data(), i) || !equal(m.row(i) + i, whole.data() + i + 1, cols - i)) return "";
    return "leave_one_out";
  });
}

py::dict config() {
  std::vector<std::string> compiled, supported;
  for (attnpool::Isa isa : attnpool::compiled_isas()) compiled.push_back(attnpool::to_string(isa));
  for (attnpool::Isa isa : attnpool::supported_isas()) supported.push_back(attnpool::to_string(isa));
  return py::dict("version"_a = attnpool::version(), "isa"_a = attnpool::to_string(attnpool::active_isa()),
                  "isas_compiled"_a = compiled, "isas_supported"_a = supported, "threads"_a = attnpool::thread_count());
}

}  // namespace

PYBIND11_MODULE(_core, m) {
  using attnpool::KeyRange;
  py::class_<KeyRange>(m, "KeyRange", "Which keys a query may see: always one interval, minus at most one key.")
      .def_static("all", &KeyRange::all, "Every key.")
      .def_static(
          "first", [](const py::object& count) { return KeyRange::first(count_of("count", count)); }, "count"_a,
          "Keys 0 .. count-1 (a valid length).")
      .def_static(
          "causal", [](const py::object& offset) { return KeyRange::causal(offset_of("offset", offset)); },
          "offset"_a = 0, "Query i sees keys 0 .. i + offset.")
      .def_static(
          "window",
          [](const py::object& before, const py::object& after) {
            return KeyRange::window(count_of("before", before), count_of("after", after));
          },
          "before"_a, "after"_a, "Query i sees keys i - before .. i + after.")
      .def_static(
          "all_but_self", [](const py::object& offset) { return KeyRange::all_but_self(offset_of("offset", offset)); },
          "offset"_a = 0, "Leave-one-out: query i sees every key but key i + offset.")
      .def("contains", &KeyRange::contains, "query"_a, "key"_a, "key_count"_a);

  py::class_<attnpool::Kernel>(m, "Kernel")
      .def(py::init(&kernel_of), "numbers"_a, "are_bandwidths"_a, "shape"_a = "gaussian", "alpha"_a = 1.0,
           "product"_a = false);
  py::class_<CallOptions>(m, "CallOptions")
      .def(py::init<const KeyRange&, int, const std::string&, double, py::array_t<double>, int, const std::string&>(),
           "key_range"_a, "threads"_a, "algorithm"_a, "tolerance"_a, "key_weights"_a, "order"_a = 0, "empty"_a = "nan");

  m.attr("__version__") = attnpool::version();
  m.def("exp", &exponential);
  m.def("softmax", &softmax);
  m.def("log_sum_exp", &log_sum_exp);
  m.def("average_pool", &average_pool);
  m.def("pool", &pool, "count"_a, "queries"_a, "keys"_a, "values"_a, "kernel"_a, "how"_a, "out"_a,
        "with_status"_a = false);
  m.def("explain", &explain);
  m.def("attention_weights", &attention_weights);
  m.def("pool_gradient", &pool_gradient);
  m.def("loss_gradient", &loss_gradient);
  m.def("fit", &fit);
  m.def("rule_of_thumb", &rule_of_thumb);
  m.def("plug_in", &plug_in);
  m.def("infer", &attnpool_python::infer);
  m.def("bootstrap", &attnpool_python::bootstrap);
  m.def("lowess", &attnpool_python::lowess);
  m.def("pool_error", [](std::size_t dims, double reach, bool is_double) {
    return is_double ? attnpool::pool_error<double>(dims, reach) : attnpool::pool_error<float>(dims, reach);
  });
  m.def("load_model", &load_model);
  m.def("save_model", &save_model);
  m.def("tiling", &tiling);
  m.def("config", &config);
  bind_selection(m);
  bind_states(m);
}
