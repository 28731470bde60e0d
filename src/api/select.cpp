#include <algorithm>
#include <attnpool/selection.hpp>
#include <cmath>

#include "api/steps.hpp"
#include "base/to_string.hpp"
#include "base/validate.hpp"
#include "selection/bandwidth_search.hpp"

namespace attnpool {
namespace {

using detail::SelectionData;

// From the units of the data to the caller's: keys were divided by 2^key_exponent, values by 2^value_exponent.
void in_callers_units(Selection& selection, const SelectionData& data, Criterion criterion) {
  const auto key_exponent = [&](std::size_t p) { return data.key_exponent[p]; };
  const auto w_unscaled = [&](std::vector<double>& w) {
    for (std::size_t p = 0; p < w.size(); ++p) {
      w[p] = std::ldexp(w[p], -key_exponent(p));
      if (!std::isfinite(w[p])) w[p] = std::numeric_limits<double>::max();
    }
  };
  w_unscaled(selection.w);
  w_unscaled(selection.rule_w);
  for (Selection::Minimum& minimum : selection.minima) w_unscaled(minimum.w);
  for (std::size_t p = 0; p < selection.scale.size(); ++p)
    selection.scale[p] = std::ldexp(selection.scale[p], key_exponent(p));
  const int twice = 2 * data.value_exponent;
  const double log_unit = twice * std::log(2.0);
  const auto unscaled = [&](double objective) {
    if (criterion == Criterion::log_loss) return objective;  // of probabilities, which were not scaled
    return criterion == Criterion::aicc ? objective + log_unit : std::ldexp(std::exp(objective), twice);
  };
  selection.rule_value = unscaled(selection.rule_value);
  for (auto& point : selection.curve) point.value = unscaled(point.value);
  for (auto& minimum : selection.minima) minimum.value = unscaled(minimum.value);
  selection.leave_one_out = std::ldexp(selection.leave_one_out, twice);
  selection.gcv = std::ldexp(selection.gcv, twice);
  selection.aicc += log_unit;
  if (criterion != Criterion::log_loss)
    selection.value = criterion == Criterion::leave_one_out ? selection.leave_one_out
                      : criterion == Criterion::gcv         ? selection.gcv
                                                            : selection.aicc;
  selection.residual_error = std::ldexp(selection.residual_error, data.value_exponent);
}

}  // namespace

void detail::check_selection(const SelectionOptions& options, std::size_t dims) {
  const Kernel valid(options.kernel, 1.0);
  Options of_passes;
  of_passes.order = options.order;
  of_passes.empty = options.empty;
  check_options(of_passes, 0, 0, dims, valid.profile());
  if (options.empty == Empty::error)
    bad_argument("empty", "cannot be error in a selection, which tries many bandwidths");
  if (options.order > 0 && options.criterion == Criterion::log_loss)
    bad_argument("order",
                 "must be 0 for the log-loss, since local lines are no probabilities, got " + to_string(options.order));
}

template <class T>
Selection select_bandwidth(In<T> keys, In<T> values, const SelectionOptions& options) {
  detail::check_enum("criterion", "Criterion", options.criterion);
  detail::check_selection(options, keys.cols);
  detail::check_view("keys", keys);
  detail::check_inputs<T>(keys, keys, values, Gaussian(1.0));
  const SelectionData data = detail::selection_data<T>(keys, values, options.key_weights, !options.per_dimension,
                                                       options.criterion == Criterion::log_loss);
  Selection selection = detail::search_bandwidth(data, options);
  in_callers_units(selection, data, options.criterion);
  return selection;
}

template Selection select_bandwidth<float>(In<float>, In<float>, const SelectionOptions&);
template Selection select_bandwidth<double>(In<double>, In<double>, const SelectionOptions&);

}  // namespace attnpool
