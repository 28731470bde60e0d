// The C interface: rules for the bandwidth.
#include "api/c_api.hpp"

namespace attnpool::detail::c_api {
namespace {

template <class In>
using Element = std::remove_cvref_t<decltype(*In::data)>;

template <class In, class Rule>
attnpool_status rule_of_thumb(In keys, const attnpool_rule_options* given, double* bandwidths,
                              const Rule& rule) noexcept {
  return guarded([&] {
    double& first = not_null("bandwidths", bandwidths);
    const attnpool_rule_options from = known(given, attnpool_rule_options_default());
    const std::vector<double> found =
        rule(view(keys), attnpool::RuleOptions{.key_weights = weights(from.key_weights, from.key_weights_count),
                                               .scaled = from.unscaled == 0});
    std::copy(found.begin(), found.end(), &first);
  });
}

template <class In>
attnpool_status scott(In keys, const attnpool_rule_options* options, double* bandwidths) noexcept {
  return rule_of_thumb(keys, options, bandwidths,
                       [](auto k, const auto& o) { return attnpool::scott<Element<In>>(k, o); });
}

template <class In>
attnpool_status silverman(In keys, const attnpool_rule_options* options, double* bandwidths) noexcept {
  return rule_of_thumb(keys, options, bandwidths,
                       [](auto k, const auto& o) { return attnpool::silverman<Element<In>>(k, o); });
}

template <class In>
attnpool_status ruppert_sheather_wand(In keys, In values, const attnpool_plug_in_options* given,
                                      double* bandwidth) noexcept {
  return guarded([&] {
    double& found = not_null("bandwidth", bandwidth);
    const attnpool_plug_in_options from = known(given, attnpool_plug_in_options_default());
    attnpool::PlugInOptions options{.blockmax = from.blockmax,
                                    .divisor = from.divisor,
                                    .trim = from.trim,
                                    .proptrun = from.proptrun,
                                    .gridsize = from.gridsize};
    if (from.low != 0 || from.high != 0) options.interval = {from.low, from.high};
    found = attnpool::ruppert_sheather_wand<Element<In>>(view(keys), view(values), options);
  });
}

}  // namespace
}  // namespace attnpool::detail::c_api

using namespace attnpool::detail;

attnpool_status attnpool_scott_f32(attnpool_in_f32 keys, const attnpool_rule_options* options,
                                   double* bandwidths) noexcept {
  return c_api::scott(keys, options, bandwidths);
}
attnpool_status attnpool_scott_f64(attnpool_in_f64 keys, const attnpool_rule_options* options,
                                   double* bandwidths) noexcept {
  return c_api::scott(keys, options, bandwidths);
}

attnpool_status attnpool_silverman_f32(attnpool_in_f32 keys, const attnpool_rule_options* options,
                                       double* bandwidths) noexcept {
  return c_api::silverman(keys, options, bandwidths);
}
attnpool_status attnpool_silverman_f64(attnpool_in_f64 keys, const attnpool_rule_options* options,
                                       double* bandwidths) noexcept {
  return c_api::silverman(keys, options, bandwidths);
}

attnpool_status attnpool_ruppert_sheather_wand_f32(attnpool_in_f32 keys, attnpool_in_f32 values,
                                                   const attnpool_plug_in_options* options,
                                                   double* bandwidth) noexcept {
  return c_api::ruppert_sheather_wand(keys, values, options, bandwidth);
}
attnpool_status attnpool_ruppert_sheather_wand_f64(attnpool_in_f64 keys, attnpool_in_f64 values,
                                                   const attnpool_plug_in_options* options,
                                                   double* bandwidth) noexcept {
  return c_api::ruppert_sheather_wand(keys, values, options, bandwidth);
}
