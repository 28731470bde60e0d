// The C interface: robust local lines.
#include "api/c_api.hpp"

namespace attnpool::detail::c_api {
namespace {

// The public struct and the memory that it points to.
struct OwnedLowess : attnpool_lowess {
  explicit OwnedLowess(attnpool::LowessResult result) : attnpool_lowess{}, owner(std::move(result)) {
    count = owner.fitted.size(), at_count = owner.at.size();
    fitted = owner.fitted.data(), residuals = owner.residuals.data();
    robustness_weights = owner.robustness_weights.data();
    if (at_count > 0) at = owner.at.data();
    neighbours = owner.neighbours, without_line = owner.without_line, passes = owner.passes;
  }
  OwnedLowess(const OwnedLowess&) = delete;
  OwnedLowess& operator=(const OwnedLowess&) = delete;

 private:
  attnpool::LowessResult owner;
};

std::span<const double> vector(const char* name, const double* data, std::size_t count) {
  if (count == 0) return {};
  return {&not_null(name, data), checked_product(name, count, 1)};
}

}  // namespace
}  // namespace attnpool::detail::c_api

using namespace attnpool::detail::c_api;

attnpool_status attnpool_lowess_f64(size_t count, const double* x, const double* y, size_t at_count, const double* at,
                                    const attnpool_lowess_options* given, attnpool_lowess** result) noexcept {
  if (result) *result = nullptr;
  return guarded([&] {
    attnpool_lowess*& made = not_null("result", result);
    const attnpool_lowess_options from = known(given, attnpool_lowess_options_default());
    attnpool::LowessOptions options{.fraction = from.fraction,
                                    .iterations = from.iterations,
                                    .delta = from.delta,
                                    .threads = from.threads,
                                    .progress = {}};
    if (from.progress)
      options.progress = [call = from.progress, user = from.user](double done) { return call(user, done) == 0; };
    made = new OwnedLowess(
        attnpool::lowess(vector("x", x, count), vector("y", y, count), vector("at", at, at_count), options));
  });
}
void attnpool_lowess_destroy(attnpool_lowess* result) noexcept { delete static_cast<OwnedLowess*>(result); }
