// The C interface over the C++ one: views and options translated, exceptions turned into status codes. It decides
// nothing that the C++ functions decide; what is checked here is what C++ cannot get wrong (null handles, numbers of
// enums, struct sizes).
#include "api/c_api.hpp"

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

using namespace attnpool::detail::c_api;
using attnpool::detail::bad_argument;
using attnpool::detail::to_string;

struct attnpool_pool_state_f32 {
  attnpool::PoolState<float> state;
};
struct attnpool_pool_state_f64 {
  attnpool::PoolState<double> state;
};

// An array, not a std::string: keeping a message must not fail, and nothing is left to destroy when a thread ends.
static thread_local char last_error[512];

attnpool_status attnpool::detail::c_api::failure(attnpool_status status, const char* message) noexcept {
  const std::size_t length = std::min(std::strlen(message), sizeof last_error - 1);
  std::memcpy(last_error, message, length);
  last_error[length] = '\0';
  return status;
}

namespace {

// Ranges count in ptrdiff_t; what is beyond any number of keys saturates.
constexpr std::ptrdiff_t beyond = PTRDIFF_MAX / 4;
std::size_t saturated(std::size_t count) { return std::min(count, static_cast<std::size_t>(beyond)); }

attnpool::KeyRange range_from(const attnpool_options& options) {
  const std::ptrdiff_t offset = std::clamp(options.range_offset, -beyond, beyond);
  switch (options.range) {
    case ATTNPOOL_RANGE_ALL:
      return attnpool::KeyRange::all();
    case ATTNPOOL_RANGE_FIRST:
      return attnpool::KeyRange::first(saturated(options.range_count));
    case ATTNPOOL_RANGE_CAUSAL:
      return attnpool::KeyRange::causal(offset);
    case ATTNPOOL_RANGE_WINDOW:
      return attnpool::KeyRange::window(saturated(options.range_before), saturated(options.range_after));
    case ATTNPOOL_RANGE_ALL_BUT_SELF:
      return attnpool::KeyRange::all_but_self(offset);
  }
  bad_argument("range", "must be one of ATTNPOOL_RANGE_*, got " + to_string(options.range));
}

// The C++ options of one call; lives as long as it, and then fills in the caller's report.
class CallOptions {
 public:
  explicit CallOptions(const attnpool_options* given) {
    const attnpool_options from = known(given, attnpool_options_default());
    options_.range = range_from(from);
    options_.threads = from.threads;
    options_.algorithm = static_cast<attnpool::Algorithm>(from.algorithm);
    options_.tolerance = from.tolerance;
    options_.key_weights = weights(from.key_weights, from.key_weights_count);
    if (!from.error_bounds && from.error_bounds_count > 0)
      bad_argument("error_bounds", "is null, of " + to_string(from.error_bounds_count) + " entries");
    options_.error_bounds = {from.error_bounds, from.error_bounds ? from.error_bounds_count : 0};
    if (from.progress)
      options_.progress = [call = from.progress, user = from.user](double fraction) {
        return call(user, fraction) == 0;
      };
    profile_ = {static_cast<attnpool::KernelShape>(from.kernel), from.kernel_alpha == 0 ? 1 : from.kernel_alpha,
                from.kernel_product != 0};
    options_.order = from.order;
    options_.empty = static_cast<attnpool::Empty>(from.empty);
    if (!from.query_status && from.query_status_count > 0)
      bad_argument("query_status", "is null, of " + to_string(from.query_status_count) + " entries");
    status_.resize(from.query_status ? from.query_status_count : 0);
    options_.status = status_;
    status_out_ = from.query_status;
    out_ = from.report;
    if (out_) options_.report = &report_;
  }
  CallOptions(const CallOptions&) = delete;
  CallOptions& operator=(const CallOptions&) = delete;
  ~CallOptions() {
    for (std::size_t q = 0; q < status_.size(); ++q) status_out_[q] = static_cast<int>(status_[q]);
    if (out_) *out_ = {static_cast<int>(report_.algorithm), report_.fallback_queries, report_.error_bound};
  }
  attnpool::Kernel kernel(const double* w, std::size_t w_count) const { return {profile_, entries("w", w, w_count)}; }
  operator const attnpool::Options&() const { return options_; }  // NOLINT: implicit, it stands for them

 private:
  attnpool::Options options_;
  attnpool::KernelProfile profile_;
  std::vector<attnpool::QueryStatus> status_;
  int* status_out_ = nullptr;
  attnpool::Report report_;
  attnpool_report* out_ = nullptr;
};
CallOptions read(const attnpool_options* given) { return CallOptions(given); }

// ---- bodies that float and double share --------------------------------------------------------

template <class In>
attnpool_status loss_gradient(In queries, In keys, In values, In targets, const double* w, std::size_t w_count,
                              int loss, double* loss_value, double* gradient,
                              const attnpool_options* options) noexcept {
  return guarded([&] {
    not_null("loss_value", loss_value);
    not_null("gradient", gradient);
    const CallOptions how(options);
    const attnpool::LossAndGradient result = attnpool::loss_gradient(
        view(queries), view(keys), view(values), view(targets), how.kernel(w, w_count), loss_from(loss), how);
    *loss_value = result.loss;
    std::copy(result.gradient.begin(), result.gradient.end(), gradient);
  });
}

template <class In, class State>
attnpool_status create(In queries, std::size_t value_cols, const double* w, std::size_t w_count,
                       State** state) noexcept {
  if (state) *state = nullptr;
  return guarded([&] {
    State*& made = not_null("state", state);
    made = new State{{view(queries), value_cols, gaussian(w, w_count)}};
  });
}

// What attnpool_force_isa() holds. A plain pointer: nothing is to run when the process ends, other threads may compute.
std::mutex forcing;
attnpool::ScopedIsa* forced = nullptr;

}  // namespace

// ---- the functions of the header, in its order -------------------------------------------------

const char* attnpool_status_string(int status) noexcept {
  switch (status) {
    case ATTNPOOL_OK:
      return "ok";
    case ATTNPOOL_INVALID_ARGUMENT:
      return "invalid argument";
    case ATTNPOOL_CANCELLED:
      return "cancelled";
    case ATTNPOOL_OUT_OF_MEMORY:
      return "out of memory";
    case ATTNPOOL_INTERNAL_ERROR:
      return "internal error";
  }
  return "unknown status";
}

const char* attnpool_last_error() noexcept { return last_error; }

const char* attnpool_version() noexcept { return attnpool::version(); }

attnpool_status attnpool_exp_f32(const float* x, float* out, size_t count) noexcept {
  return guarded([&] { attnpool::exp<float>(x, out, count); });
}
attnpool_status attnpool_exp_f64(const double* x, double* out, size_t count) noexcept {
  return guarded([&] { attnpool::exp<double>(x, out, count); });
}

attnpool_status attnpool_softmax_f32(attnpool_in_f32 scores, attnpool_out_f32 out,
                                     const attnpool_options* options) noexcept {
  return guarded([&] { attnpool::softmax<float>(view(scores), view(out), read(options)); });
}
attnpool_status attnpool_softmax_f64(attnpool_in_f64 scores, attnpool_out_f64 out,
                                     const attnpool_options* options) noexcept {
  return guarded([&] { attnpool::softmax<double>(view(scores), view(out), read(options)); });
}

attnpool_status attnpool_log_sum_exp_f32(attnpool_in_f32 scores, float* out, const attnpool_options* options) noexcept {
  return guarded([&] { attnpool::log_sum_exp<float>(view(scores), out, read(options)); });
}
attnpool_status attnpool_log_sum_exp_f64(attnpool_in_f64 scores, double* out,
                                         const attnpool_options* options) noexcept {
  return guarded([&] { attnpool::log_sum_exp<double>(view(scores), out, read(options)); });
}

attnpool_status attnpool_pool_f32(attnpool_in_f32 queries, attnpool_in_f32 keys, attnpool_in_f32 values,
                                  const double* w, size_t w_count, attnpool_out_f32 out,
                                  const attnpool_options* options) noexcept {
  return guarded([&] {
    const CallOptions how(options);
    attnpool::pool<float>(view(queries), view(keys), view(values), how.kernel(w, w_count), view(out), how);
  });
}
attnpool_status attnpool_pool_f64(attnpool_in_f64 queries, attnpool_in_f64 keys, attnpool_in_f64 values,
                                  const double* w, size_t w_count, attnpool_out_f64 out,
                                  const attnpool_options* options) noexcept {
  return guarded([&] {
    const CallOptions how(options);
    attnpool::pool<double>(view(queries), view(keys), view(values), how.kernel(w, w_count), view(out), how);
  });
}

attnpool_status attnpool_pool_batch_f32(size_t count, attnpool_in_f32 queries, attnpool_in_f32 keys,
                                        attnpool_in_f32 values, const double* w, size_t w_count, attnpool_out_f32 out,
                                        const attnpool_options* options) noexcept {
  return guarded([&] {
    const CallOptions how(options);
    attnpool::pool_batch<float>(count, view(queries), view(keys), view(values), how.kernel(w, w_count), view(out), how);
  });
}
attnpool_status attnpool_pool_batch_f64(size_t count, attnpool_in_f64 queries, attnpool_in_f64 keys,
                                        attnpool_in_f64 values, const double* w, size_t w_count, attnpool_out_f64 out,
                                        const attnpool_options* options) noexcept {
  return guarded([&] {
    const CallOptions how(options);
    attnpool::pool_batch<double>(count, view(queries), view(keys), view(values), how.kernel(w, w_count), view(out),
                                 how);
  });
}

attnpool_status attnpool_attention_weights_f32(attnpool_in_f32 queries, attnpool_in_f32 keys, const double* w,
                                               size_t w_count, attnpool_out_f32 weights,
                                               const attnpool_options* options) noexcept {
  return guarded([&] {
    const CallOptions how(options);
    attnpool::attention_weights<float>(view(queries), view(keys), how.kernel(w, w_count), view(weights), how);
  });
}
attnpool_status attnpool_attention_weights_f64(attnpool_in_f64 queries, attnpool_in_f64 keys, const double* w,
                                               size_t w_count, attnpool_out_f64 weights,
                                               const attnpool_options* options) noexcept {
  return guarded([&] {
    const CallOptions how(options);
    attnpool::attention_weights<double>(view(queries), view(keys), how.kernel(w, w_count), view(weights), how);
  });
}

attnpool_status attnpool_average_pool_f32(attnpool_in_f32 values, attnpool_out_f32 out) noexcept {
  return guarded([&] { attnpool::average_pool<float>(view(values), view(out)); });
}
attnpool_status attnpool_average_pool_f64(attnpool_in_f64 values, attnpool_out_f64 out) noexcept {
  return guarded([&] { attnpool::average_pool<double>(view(values), view(out)); });
}

attnpool_status attnpool_pool_gradient_f32(attnpool_in_f32 queries, attnpool_in_f32 keys, attnpool_in_f32 values,
                                           const double* w, size_t w_count, attnpool_out_f32 out,
                                           attnpool_out_f32 gradient, const attnpool_options* options) noexcept {
  return guarded([&] {
    const CallOptions how(options);
    attnpool::pool_gradient<float>(view(queries), view(keys), view(values), how.kernel(w, w_count), view(out),
                                   view(gradient), how);
  });
}
attnpool_status attnpool_pool_gradient_f64(attnpool_in_f64 queries, attnpool_in_f64 keys, attnpool_in_f64 values,
                                           const double* w, size_t w_count, attnpool_out_f64 out,
                                           attnpool_out_f64 gradient, const attnpool_options* options) noexcept {
  return guarded([&] {
    const CallOptions how(options);
    attnpool::pool_gradient<double>(view(queries), view(keys), view(values), how.kernel(w, w_count), view(out),
                                    view(gradient), how);
  });
}

attnpool_status attnpool_loss_gradient_f32(attnpool_in_f32 queries, attnpool_in_f32 keys, attnpool_in_f32 values,
                                           attnpool_in_f32 targets, const double* w, size_t w_count, int loss,
                                           double* loss_value, double* gradient,
                                           const attnpool_options* options) noexcept {
  return loss_gradient(queries, keys, values, targets, w, w_count, loss, loss_value, gradient, options);
}
attnpool_status attnpool_loss_gradient_f64(attnpool_in_f64 queries, attnpool_in_f64 keys, attnpool_in_f64 values,
                                           attnpool_in_f64 targets, const double* w, size_t w_count, int loss,
                                           double* loss_value, double* gradient,
                                           const attnpool_options* options) noexcept {
  return loss_gradient(queries, keys, values, targets, w, w_count, loss, loss_value, gradient, options);
}

attnpool_status attnpool_pool_state_create_f32(attnpool_in_f32 queries, size_t value_cols, const double* w,
                                               size_t w_count, attnpool_pool_state_f32** state) noexcept {
  return create(queries, value_cols, w, w_count, state);
}
attnpool_status attnpool_pool_state_create_f64(attnpool_in_f64 queries, size_t value_cols, const double* w,
                                               size_t w_count, attnpool_pool_state_f64** state) noexcept {
  return create(queries, value_cols, w, w_count, state);
}

attnpool_status attnpool_pool_state_update_f32(attnpool_pool_state_f32* state, attnpool_in_f32 keys,
                                               attnpool_in_f32 values, const attnpool_options* options) noexcept {
  return guarded([&] { not_null("state", state).state.update(view(keys), view(values), read(options)); });
}
attnpool_status attnpool_pool_state_update_f64(attnpool_pool_state_f64* state, attnpool_in_f64 keys,
                                               attnpool_in_f64 values, const attnpool_options* options) noexcept {
  return guarded([&] { not_null("state", state).state.update(view(keys), view(values), read(options)); });
}

attnpool_status attnpool_pool_state_merge_f32(attnpool_pool_state_f32* state,
                                              const attnpool_pool_state_f32* other) noexcept {
  return guarded([&] { not_null("state", state).state.merge(not_null("other", other).state); });
}
attnpool_status attnpool_pool_state_merge_f64(attnpool_pool_state_f64* state,
                                              const attnpool_pool_state_f64* other) noexcept {
  return guarded([&] { not_null("state", state).state.merge(not_null("other", other).state); });
}

attnpool_status attnpool_pool_state_finish_f32(const attnpool_pool_state_f32* state, attnpool_out_f32 out) noexcept {
  return guarded([&] { not_null("state", state).state.finish(view(out)); });
}
attnpool_status attnpool_pool_state_finish_f64(const attnpool_pool_state_f64* state, attnpool_out_f64 out) noexcept {
  return guarded([&] { not_null("state", state).state.finish(view(out)); });
}

attnpool_status attnpool_pool_state_log_sum_exp_f32(const attnpool_pool_state_f32* state, float* out) noexcept {
  return guarded([&] { not_null("state", state).state.log_sum_exp(out); });
}
attnpool_status attnpool_pool_state_log_sum_exp_f64(const attnpool_pool_state_f64* state, double* out) noexcept {
  return guarded([&] { not_null("state", state).state.log_sum_exp(out); });
}

void attnpool_pool_state_destroy_f32(attnpool_pool_state_f32* state) noexcept { delete state; }
void attnpool_pool_state_destroy_f64(attnpool_pool_state_f64* state) noexcept { delete state; }

attnpool_status attnpool_thread_count(int requested, int* count) noexcept {
  return guarded([&] { not_null("count", count) = attnpool::thread_count(requested); });
}

const char* attnpool_supported_isa(size_t index) noexcept {
  const char* found = nullptr;
  guarded([&] {
    const std::vector<attnpool::Isa> isas = attnpool::supported_isas();
    if (index < isas.size()) found = to_string(isas[index]);
  });
  return found;
}

attnpool_status attnpool_active_isa(const char** name) noexcept {
  return guarded([&] { not_null("name", name) = attnpool::to_string(attnpool::active_isa()); });
}

attnpool_status attnpool_force_isa(const char* name) noexcept {
  return guarded([&] {
    std::optional<attnpool::Isa> wanted;
    if (name) wanted = attnpool::from_string<attnpool::Isa>(name);  // throws before anything has changed
    const std::lock_guard<std::mutex> lock(forcing);
    delete forced;
    forced = nullptr;
    if (wanted) forced = new attnpool::ScopedIsa(*wanted);
  });
}
