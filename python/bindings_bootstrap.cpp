// The bootstrap of attnpool._core.
#include "bindings.hpp"

namespace attnpool_python {
namespace {

attnpool::BootstrapOptions options_from(const py::dict& given) {
  const auto text = [&](const char* name) { return given[name].cast<std::string>(); };
  attnpool::BootstrapOptions options;
  options.kind = attnpool::from_string<attnpool::Resampling>(text("kind"));
  options.multiplier = attnpool::from_string<attnpool::Multiplier>(text("multiplier"));
  options.residuals = attnpool::from_string<attnpool::Variance>(text("residuals"));
  options.band = attnpool::from_string<attnpool::BootstrapBand>(text("band"));
  options.replicates = given["replicates"].cast<std::size_t>();
  options.seed = given["seed"].cast<std::uint64_t>();
  options.level = given["level"].cast<double>();
  options.keep_replicates = given["keep_replicates"].cast<bool>();
  return options;
}

}  // namespace

py::dict bootstrap(const py::array_t<double>& queries, const py::array_t<double>& keys,
                   const py::array_t<double>& values, const attnpool::Kernel& kernel, const CallOptions& how,
                   const py::dict& given) {
  const auto q = input<double>("queries", queries), k = input<double>("keys", keys),
             v = input<double>("values", values);
  const attnpool::Options& call = how.all();
  attnpool::BootstrapOptions options = options_from(given);
  options.progress = call.progress;
  attnpool::BootstrapResult result;
  without_gil([&] {
    const attnpool::Inference inference(k, v, kernel,
                                        {.key_weights = call.key_weights,
                                         .algorithm = call.algorithm,
                                         .tolerance = call.tolerance,
                                         .threads = call.threads,
                                         .progress = call.progress});
    result = inference.bootstrap(q, options);
  });
  py::array_t<std::int64_t> used(static_cast<py::ssize_t>(result.used.size()));
  for (std::size_t i = 0; i < result.used.size(); ++i)
    used.mutable_data()[i] = static_cast<std::int64_t>(result.used[i]);
  return py::dict("mean"_a = array(result.mean), "standard_error"_a = array(result.standard_error),
                  "lower"_a = array(result.lower), "upper"_a = array(result.upper), "used"_a = used,
                  "critical"_a = array(result.critical), "replicates"_a = array(result.replicates));
}

}  // namespace attnpool_python
