#include <attnpool/inference.hpp>
#include <attnpool/selection.hpp>
#include <cmath>

#include "base/validate.hpp"
#include "plan/choose.hpp"
#include "selection/criterion_function.hpp"
#include "selection/data.hpp"

namespace attnpool {
namespace {

using detail::SelectionData;

// In the units of data, whose dimensions are divided by powers of two; the sign of w does not matter.
std::vector<double> log_w_of(const Kernel& kernel, const SelectionData& data) {
  std::vector<double> log_w;
  for (std::size_t p = 0; p < kernel.w().size(); ++p)
    log_w.push_back(std::log(std::abs(kernel.w_of(p))) + data.key_exponent[p] * std::log(2.0));
  return log_w;
}

}  // namespace

template <class T>
FitSummary fit_summary(In<T> keys, In<T> values, const Kernel& kernel, const Options& options) {
  detail::check_view("keys", keys);
  detail::check_inputs<T>(keys, keys, values, kernel);
  detail::check_unused(options, "fit_summary", detail::uses_key_weights | detail::uses_order);
  if (!options.status.empty()) detail::bad_argument("status", "is not an option of fit_summary()");
  detail::check_options(options, keys.rows, keys.rows, keys.cols, kernel.profile());
  const SelectionData data =
      detail::selection_data<T>(keys, values, options.key_weights, kernel.is_scalar(), /*probabilities=*/false);
  detail::CriterionFunction criterion(
      data, {.kernel = kernel.profile(), .order = options.order, .empty = options.empty, .threads = options.threads},
      options.progress);
  const detail::Evaluation here = criterion(log_w_of(kernel, data), /*with_gradient=*/false);
  const double n = static_cast<double>(data.rows);
  return {.rows = data.rows,
          .dims = data.dims,
          .cols = data.cols,
          .trace = here.trace,
          .leave_one_out = std::ldexp(here.leave_one_out, 2 * data.value_exponent),
          .gcv = std::ldexp(here.gcv(n), 2 * data.value_exponent),
          .aicc = here.aicc(n) + 2 * data.value_exponent * std::log(2.0),
          .r_squared = 1 - here.residual_squares / data.variance(),
          .residual_error =
              here.rest > 0 ? std::ldexp(std::sqrt(here.residual_squares * n / here.rest), data.value_exponent) : 0};
}

template FitSummary fit_summary<float>(In<float>, In<float>, const Kernel&, const Options&);
template FitSummary fit_summary<double>(In<double>, In<double>, const Kernel&, const Options&);

}  // namespace attnpool
