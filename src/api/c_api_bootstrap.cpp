// The C interface: the bootstrap.
#include "api/c_api.hpp"

namespace attnpool::detail::c_api {
namespace {

// The public struct and the memory that it points to.
struct OwnedBootstrap : attnpool_bootstrap {
  explicit OwnedBootstrap(attnpool::BootstrapResult result) : attnpool_bootstrap{}, owner(std::move(result)) {
    const auto pointer = [](const std::vector<double>& x) { return x.empty() ? nullptr : x.data(); };
    queries = owner.queries, cols = owner.cols;
    mean = pointer(owner.mean), standard_error = pointer(owner.standard_error);
    lower = pointer(owner.lower), upper = pointer(owner.upper);
    used = owner.used.empty() ? nullptr : owner.used.data();
    critical = pointer(owner.critical), replicates = pointer(owner.replicates);
  }
  OwnedBootstrap(const OwnedBootstrap&) = delete;
  OwnedBootstrap& operator=(const OwnedBootstrap&) = delete;

 private:
  attnpool::BootstrapResult owner;
};
static_assert(static_cast<int>(attnpool::Resampling::pairs) == ATTNPOOL_RESAMPLING_PAIRS &&
              static_cast<int>(attnpool::Multiplier::mammen) == ATTNPOOL_MULTIPLIER_MAMMEN &&
              static_cast<int>(attnpool::BootstrapBand::basic) == ATTNPOOL_BAND_BASIC &&
              static_cast<int>(attnpool::BootstrapBand::normal) == ATTNPOOL_BAND_NORMAL &&
              static_cast<int>(attnpool::BootstrapBand::simultaneous) == ATTNPOOL_BAND_SIMULTANEOUS);

template <class In>
attnpool_status bootstrap(In queries, In keys, In values, const double* w, std::size_t w_count,
                          const attnpool_bootstrap_options* given, attnpool_bootstrap** result) noexcept {
  if (result) *result = nullptr;
  return guarded([&] {
    attnpool_bootstrap*& made = not_null("result", result);
    const attnpool_bootstrap_options from = known(given, attnpool_bootstrap_options_default());
    attnpool::Progress progress;
    if (from.progress)
      progress = [call = from.progress, user = from.user](double fraction) { return call(user, fraction) == 0; };
    const attnpool::Inference inference(view(keys), view(values), gaussian(w, w_count),
                                        {.key_weights = weights(from.key_weights, from.key_weights_count),
                                         .algorithm = static_cast<attnpool::Algorithm>(from.algorithm),
                                         .tolerance = from.tolerance,
                                         .threads = from.threads,
                                         .progress = progress});
    made = new OwnedBootstrap(
        inference.bootstrap(view(queries), {.kind = static_cast<attnpool::Resampling>(from.kind),
                                            .replicates = from.replicates,
                                            .seed = from.seed,
                                            .multiplier = static_cast<attnpool::Multiplier>(from.multiplier),
                                            .residuals = static_cast<attnpool::Variance>(from.residuals),
                                            .band = static_cast<attnpool::BootstrapBand>(from.band),
                                            .level = from.level,
                                            .keep_replicates = from.keep_replicates != 0,
                                            .progress = progress}));
  });
}

}  // namespace
}  // namespace attnpool::detail::c_api

using namespace attnpool::detail::c_api;

attnpool_status attnpool_bootstrap_f32(attnpool_in_f32 queries, attnpool_in_f32 keys, attnpool_in_f32 values,
                                       const double* w, size_t w_count, const attnpool_bootstrap_options* options,
                                       attnpool_bootstrap** result) noexcept {
  return bootstrap(queries, keys, values, w, w_count, options, result);
}
attnpool_status attnpool_bootstrap_f64(attnpool_in_f64 queries, attnpool_in_f64 keys, attnpool_in_f64 values,
                                       const double* w, size_t w_count, const attnpool_bootstrap_options* options,
                                       attnpool_bootstrap** result) noexcept {
  return bootstrap(queries, keys, values, w, w_count, options, result);
}
void attnpool_bootstrap_destroy(attnpool_bootstrap* result) noexcept { delete static_cast<OwnedBootstrap*>(result); }
