// Inference of attnpool._core.
#include <optional>

#include "bindings.hpp"

namespace attnpool_python {

py::dict infer(const py::array_t<double>& queries, const py::array_t<double>& keys, const py::array_t<double>& values,
               const attnpool::Kernel& kernel, const CallOptions& how, const std::string& variance, double level,
               bool slopes) {
  const auto q = input<double>("queries", queries), k = input<double>("keys", keys),
             v = input<double>("values", values);
  const attnpool::Options& options = how.all();
  const attnpool::InferenceOptions fit_options{.variance = attnpool::from_string<attnpool::Variance>(variance),
                                               .key_weights = options.key_weights,
                                               .algorithm = options.algorithm,
                                               .tolerance = options.tolerance,
                                               .threads = options.threads,
                                               .progress = options.progress};
  std::optional<attnpool::Inference> inference;
  attnpool::Prediction p;
  without_gil([&] {
    inference.emplace(k, v, kernel, fit_options);
    p = inference->predict(
        q, {.level = level, .slopes = slopes, .nearest = true, .error_bounds = true, .progress = options.progress});
  });
  py::array_t<int> status(static_cast<py::ssize_t>(p.status.size()));  // places in the list of names
  for (std::size_t i = 0; i < p.status.size(); ++i) status.mutable_data()[i] = static_cast<int>(p.status[i]);
  py::list names;
  for (const auto of_query :
       {attnpool::QueryStatus::answered, attnpool::QueryStatus::far, attnpool::QueryStatus::unseen})
    names.append(attnpool::to_string(of_query));
  const attnpool::FitSummary& fit = inference->summary();
  return py::dict("mean"_a = array(p.mean), "standard_error"_a = array(p.standard_error), "lower"_a = array(p.lower),
                  "upper"_a = array(p.upper), "slope"_a = array(p.slope), "slope_error"_a = array(p.slope_error),
                  "effective_keys"_a = array(p.effective_keys), "leverage"_a = array(p.leverage),
                  "nearest"_a = array(p.nearest), "status"_a = status, "status_names"_a = names,
                  "error_bounds"_a = array(p.error_bounds), "residuals"_a = array(inference->residuals()),
                  "leverages"_a = array(inference->leverages()), "w"_a = kernel.w(), "rows"_a = fit.rows,
                  "trace"_a = fit.trace, "leave_one_out"_a = fit.leave_one_out, "gcv"_a = fit.gcv, "aicc"_a = fit.aicc,
                  "r_squared"_a = fit.r_squared, "residual_error"_a = fit.residual_error);
}

}  // namespace attnpool_python
