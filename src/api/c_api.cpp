// The C interface over the C++ one: views and options translated, exceptions turned into status codes. It decides
// nothing that the C++ functions decide; what is checked here is what C++ cannot get wrong (null handles, numbers of
// enums, struct sizes).
#include <attnpool/attnpool.h>

#include <algorithm>
#include <attnpool/attnpool.hpp>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/to_string.hpp"
#include "base/validate.hpp"

using attnpool::detail::bad_argument;
using attnpool::detail::to_string;

struct attnpool_pool_state_f32 {
  attnpool::PoolState<float> state;
};
struct attnpool_pool_state_f64 {
  attnpool::PoolState<double> state;
};

namespace {

// ---- errors ------------------------------------------------------------------------------------

// An array, not a std::string: keeping a message must not fail, and nothing is left to destroy when a thread ends.
thread_local char last_error[512];

attnpool_status failure(attnpool_status status, const char* message) noexcept {
  const std::size_t length = std::min(std::strlen(message), sizeof last_error - 1);
  std::memcpy(last_error, message, length);
  last_error[length] = '\0';
  return status;
}

// Every function that can fail is one call of this; no exception gets past it.
template <class Body>
attnpool_status guarded(const Body& body) noexcept {
  try {
    body();
    return ATTNPOOL_OK;
  } catch (const std::invalid_argument& e) {
    return failure(ATTNPOOL_INVALID_ARGUMENT, e.what());
  } catch (const attnpool::Cancelled& e) {
    return failure(ATTNPOOL_CANCELLED, e.what());
  } catch (const std::bad_alloc&) {
    return failure(ATTNPOOL_OUT_OF_MEMORY, "out of memory");
  } catch (const std::length_error&) {  // more elements than a container can count
    return failure(ATTNPOOL_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& e) {
    return failure(ATTNPOOL_INTERNAL_ERROR, e.what());
  } catch (...) {
    return failure(ATTNPOOL_INTERNAL_ERROR, "an exception of unknown type");
  }
}

// ---- arguments ---------------------------------------------------------------------------------

template <class T>
T& not_null(const char* name, T* pointer) {
  if (!pointer) bad_argument(name, "is null");
  return *pointer;
}

attnpool::MatrixView<const float> view(attnpool_in_f32 m) { return {m.data, m.rows, m.cols, m.row_stride}; }
attnpool::MatrixView<const double> view(attnpool_in_f64 m) { return {m.data, m.rows, m.cols, m.row_stride}; }
attnpool::MatrixView<float> view(attnpool_out_f32 m) { return {m.data, m.rows, m.cols, m.row_stride}; }
attnpool::MatrixView<double> view(attnpool_out_f64 m) { return {m.data, m.rows, m.cols, m.row_stride}; }

std::vector<double> entries(const char* name, const double* data, std::size_t count) {
  if (count > 0) not_null(name, data);
  return {data, data + count};
}
attnpool::Gaussian gaussian(const double* w, std::size_t w_count) {
  return attnpool::Gaussian(entries("w", w, w_count));
}

attnpool::Loss loss_from(int loss) {
  switch (loss) {
    case ATTNPOOL_LOSS_HALF_SUM:
      return attnpool::Loss::half_sum;
    case ATTNPOOL_LOSS_MEAN:
      return attnpool::Loss::mean;
  }
  bad_argument("loss", "must be one of ATTNPOOL_LOSS_*, got " + to_string(loss));
}

// The options that the caller gave, in the struct of this version: fields that the caller does not know have their
// defaults, fields that this library does not know must be zero (the rule of openat2 and other extensible structs).
template <class Struct>
Struct known(const Struct* given, const Struct& defaults) {
  if (!given) return defaults;
  constexpr std::size_t plausible = 4096;  // more is an uninitialised struct_size; reading so far would fault
  const std::size_t size = given->struct_size;
  if (size < sizeof size || size > plausible || size % sizeof size != 0)
    bad_argument("options", "struct_size must be the size of the struct, " + to_string(sizeof(Struct)) +
                                " in this version, got " + to_string(size));
  const unsigned char* bytes = reinterpret_cast<const unsigned char*>(given);
  for (std::size_t i = sizeof(Struct); i < size; ++i)
    if (bytes[i] != 0)
      bad_argument("options", "struct_size is " + to_string(size) + " and byte " + to_string(i) +
                                  " is set, but this version knows " + to_string(sizeof(Struct)) + " bytes");
  Struct result = defaults;
  std::memcpy(&result, given, std::min(size, sizeof(Struct)));
  return result;
}

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

std::span<const double> weights(const double* data, std::size_t count) {
  if (!data && count > 0) bad_argument("key_weights", "is null, of " + to_string(count) + " entries");
  return {data, data ? count : 0};
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
    out_ = from.report;
    if (out_) options_.report = &report_;
  }
  CallOptions(const CallOptions&) = delete;
  CallOptions& operator=(const CallOptions&) = delete;
  ~CallOptions() {
    if (out_) *out_ = {static_cast<int>(report_.algorithm), report_.fallback_queries, report_.error_bound};
  }
  operator const attnpool::Options&() const { return options_; }  // NOLINT: implicit, it stands for them

 private:
  attnpool::Options options_;
  attnpool::Report report_;
  attnpool_report* out_ = nullptr;
};
CallOptions read(const attnpool_options* given) { return CallOptions(given); }

attnpool::FitOptions read(const attnpool_fit_options* given) {
  const attnpool_fit_options from = known(given, attnpool_fit_options_default());
  attnpool::FitOptions options;
  options.w0 = entries("w0", from.w0, from.w0_count);
  options.seed = from.seed;
  options.loss = loss_from(from.loss);
  options.learning_rate = from.learning_rate;
  options.epochs = from.epochs;
  options.leave_one_out = from.leave_one_out != 0;
  options.tolerance = from.tolerance;
  options.threads = from.threads;
  options.algorithm = static_cast<attnpool::Algorithm>(from.algorithm);
  options.algorithm_tolerance = from.algorithm_tolerance;
  options.key_weights = weights(from.key_weights, from.key_weights_count);
  if (from.progress)
    options.progress = [call = from.progress, user = from.user](const attnpool::FitProgress& p) {
      const attnpool_fit_report report{p.epoch, p.epochs, p.fraction, p.loss, p.w->data(), p.w->size()};
      return call(user, &report) == 0;
    };
  return options;
}

// ---- bodies that float and double share --------------------------------------------------------

template <class In>
attnpool_status loss_gradient(In queries, In keys, In values, In targets, const double* w, std::size_t w_count,
                              int loss, double* loss_value, double* gradient,
                              const attnpool_options* options) noexcept {
  return guarded([&] {
    not_null("loss_value", loss_value);
    not_null("gradient", gradient);
    const attnpool::LossAndGradient result = attnpool::loss_gradient(
        view(queries), view(keys), view(values), view(targets), gaussian(w, w_count), loss_from(loss), read(options));
    *loss_value = result.loss;
    std::copy(result.gradient.begin(), result.gradient.end(), gradient);
  });
}

// The public struct and the memory that it points to.
struct OwnedFitResult : attnpool_fit_result {
  explicit OwnedFitResult(attnpool::FitResult from) : attnpool_fit_result{}, owner(std::move(from)) {
    all_ws.reserve(owner.ws.size() * owner.w.size());
    for (const std::vector<double>& one : owner.ws) all_ws.insert(all_ws.end(), one.begin(), one.end());
    stop = static_cast<int>(owner.stop);
    w_count = owner.w.size();
    w = owner.w.data();
    loss = owner.loss;
    loss_count = owner.losses.size();
    losses = owner.losses.data();
    ws = all_ws.data();
  }
  OwnedFitResult(const OwnedFitResult&) = delete;
  OwnedFitResult& operator=(const OwnedFitResult&) = delete;

 private:
  attnpool::FitResult owner;
  std::vector<double> all_ws;
};
static_assert(static_cast<int>(attnpool::FitStop::epochs) == ATTNPOOL_STOP_EPOCHS &&
              static_cast<int>(attnpool::FitStop::converged) == ATTNPOOL_STOP_CONVERGED &&
              static_cast<int>(attnpool::FitStop::diverged) == ATTNPOOL_STOP_DIVERGED &&
              static_cast<int>(attnpool::FitStop::cancelled) == ATTNPOOL_STOP_CANCELLED &&
              static_cast<int>(attnpool::FitStop::flat) == ATTNPOOL_STOP_FLAT);

template <class In>
attnpool_status fit(In keys, In values, const attnpool_fit_options* options, attnpool_fit_result** result) noexcept {
  if (result) *result = nullptr;
  return guarded([&] {
    attnpool_fit_result*& made = not_null("result", result);
    made = new OwnedFitResult(attnpool::fit(view(keys), view(values), read(options)));
  });
}

attnpool::SelectionOptions read(const attnpool_selection_options* given) {
  const attnpool_selection_options from = known(given, attnpool_selection_options_default());
  if (from.criterion < ATTNPOOL_CRITERION_LEAVE_ONE_OUT || from.criterion > ATTNPOOL_CRITERION_AICC)
    bad_argument("criterion", "must be ATTNPOOL_CRITERION_*, 0 to 2, got " + to_string(from.criterion));
  attnpool::SelectionOptions options;
  options.criterion = static_cast<attnpool::Criterion>(from.criterion);
  options.per_dimension = from.per_dimension != 0;
  options.key_weights = weights(from.key_weights, from.key_weights_count);
  options.threads = from.threads;
  if (from.progress)
    options.progress = [call = from.progress, user = from.user](double fraction) { return call(user, fraction) == 0; };
  return options;
}

// The public struct and the memory that it points to.
struct OwnedSelection : attnpool_selection {
  explicit OwnedSelection(attnpool::Selection from) : attnpool_selection{}, owner(std::move(from)) {
    for (const auto& point : owner.curve) factors.push_back(point.factor), values.push_back(point.value);
    for (const auto& minimum : owner.minima) {
      ws.insert(ws.end(), minimum.w.begin(), minimum.w.end());
      minima.push_back(minimum.value);
    }
    w_count = owner.w.size(), w = owner.w.data(), rule_w = owner.rule_w.data(), scale = owner.scale.data();
    value = owner.value, rule_value = owner.rule_value;
    curve_count = factors.size(), curve_factors = factors.data(), curve_values = values.data();
    minimum_count = minima.size(), minimum_ws = ws.data(), minimum_values = minima.data();
    bound = static_cast<int>(owner.bound), converged = owner.converged, cancelled = owner.cancelled;
    evaluations = owner.evaluations, trace = owner.trace;
    leave_one_out = owner.leave_one_out, gcv = owner.gcv, aicc = owner.aicc;
    r_squared = owner.r_squared, residual_error = owner.residual_error;
  }
  OwnedSelection(const OwnedSelection&) = delete;
  OwnedSelection& operator=(const OwnedSelection&) = delete;

 private:
  attnpool::Selection owner;
  std::vector<double> factors, values, ws, minima;
};
static_assert(static_cast<int>(attnpool::Selection::Bound::smallest) == ATTNPOOL_BOUND_SMALLEST &&
              static_cast<int>(attnpool::Selection::Bound::largest) == ATTNPOOL_BOUND_LARGEST &&
              static_cast<int>(attnpool::Criterion::gcv) == ATTNPOOL_CRITERION_GCV &&
              static_cast<int>(attnpool::Criterion::aicc) == ATTNPOOL_CRITERION_AICC);

template <class In>
attnpool_status select_bandwidth(In keys, In values, const attnpool_selection_options* options,
                                 attnpool_selection** selection) noexcept {
  if (selection) *selection = nullptr;
  return guarded([&] {
    attnpool_selection*& made = not_null("selection", selection);
    using T = std::remove_cvref_t<decltype(*keys.data)>;
    made = new OwnedSelection(attnpool::select_bandwidth<T>(view(keys), view(values), read(options)));
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
    attnpool::pool<float>(view(queries), view(keys), view(values), gaussian(w, w_count), view(out), read(options));
  });
}
attnpool_status attnpool_pool_f64(attnpool_in_f64 queries, attnpool_in_f64 keys, attnpool_in_f64 values,
                                  const double* w, size_t w_count, attnpool_out_f64 out,
                                  const attnpool_options* options) noexcept {
  return guarded([&] {
    attnpool::pool<double>(view(queries), view(keys), view(values), gaussian(w, w_count), view(out), read(options));
  });
}

attnpool_status attnpool_pool_batch_f32(size_t count, attnpool_in_f32 queries, attnpool_in_f32 keys,
                                        attnpool_in_f32 values, const double* w, size_t w_count, attnpool_out_f32 out,
                                        const attnpool_options* options) noexcept {
  return guarded([&] {
    attnpool::pool_batch<float>(count, view(queries), view(keys), view(values), gaussian(w, w_count), view(out),
                                read(options));
  });
}
attnpool_status attnpool_pool_batch_f64(size_t count, attnpool_in_f64 queries, attnpool_in_f64 keys,
                                        attnpool_in_f64 values, const double* w, size_t w_count, attnpool_out_f64 out,
                                        const attnpool_options* options) noexcept {
  return guarded([&] {
    attnpool::pool_batch<double>(count, view(queries), view(keys), view(values), gaussian(w, w_count), view(out),
                                 read(options));
  });
}

attnpool_status attnpool_attention_weights_f32(attnpool_in_f32 queries, attnpool_in_f32 keys, const double* w,
                                               size_t w_count, attnpool_out_f32 weights,
                                               const attnpool_options* options) noexcept {
  return guarded([&] {
    attnpool::attention_weights<float>(view(queries), view(keys), gaussian(w, w_count), view(weights), read(options));
  });
}
attnpool_status attnpool_attention_weights_f64(attnpool_in_f64 queries, attnpool_in_f64 keys, const double* w,
                                               size_t w_count, attnpool_out_f64 weights,
                                               const attnpool_options* options) noexcept {
  return guarded([&] {
    attnpool::attention_weights<double>(view(queries), view(keys), gaussian(w, w_count), view(weights), read(options));
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
    attnpool::pool_gradient<float>(view(queries), view(keys), view(values), gaussian(w, w_count), view(out),
                                   view(gradient), read(options));
  });
}
attnpool_status attnpool_pool_gradient_f64(attnpool_in_f64 queries, attnpool_in_f64 keys, attnpool_in_f64 values,
                                           const double* w, size_t w_count, attnpool_out_f64 out,
                                           attnpool_out_f64 gradient, const attnpool_options* options) noexcept {
  return guarded([&] {
    attnpool::pool_gradient<double>(view(queries), view(keys), view(values), gaussian(w, w_count), view(out),
                                    view(gradient), read(options));
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

attnpool_status attnpool_fit_f32(attnpool_in_f32 keys, attnpool_in_f32 values, const attnpool_fit_options* options,
                                 attnpool_fit_result** result) noexcept {
  return fit(keys, values, options, result);
}
attnpool_status attnpool_fit_f64(attnpool_in_f64 keys, attnpool_in_f64 values, const attnpool_fit_options* options,
                                 attnpool_fit_result** result) noexcept {
  return fit(keys, values, options, result);
}

attnpool_status attnpool_select_bandwidth_f32(attnpool_in_f32 keys, attnpool_in_f32 values,
                                              const attnpool_selection_options* options,
                                              attnpool_selection** selection) noexcept {
  return select_bandwidth(keys, values, options, selection);
}
attnpool_status attnpool_select_bandwidth_f64(attnpool_in_f64 keys, attnpool_in_f64 values,
                                              const attnpool_selection_options* options,
                                              attnpool_selection** selection) noexcept {
  return select_bandwidth(keys, values, options, selection);
}
void attnpool_selection_destroy(attnpool_selection* selection) noexcept {
  delete static_cast<OwnedSelection*>(selection);
}

void attnpool_fit_result_destroy(attnpool_fit_result* result) noexcept { delete static_cast<OwnedFitResult*>(result); }

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
