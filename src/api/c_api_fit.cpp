// The C interface: fitting, selection and inference.
#include <algorithm>
#include <memory>
#include <string>

#include "api/c_api.hpp"

namespace attnpool::detail::c_api {
namespace {

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
  if (from.criterion < ATTNPOOL_CRITERION_LEAVE_ONE_OUT || from.criterion > ATTNPOOL_CRITERION_LOG_LOSS)
    bad_argument("criterion", "must be ATTNPOOL_CRITERION_*, 0 to 3, got " + to_string(from.criterion));
  attnpool::SelectionOptions options;
  options.criterion = static_cast<attnpool::Criterion>(from.criterion);
  options.kernel = {static_cast<attnpool::KernelShape>(from.kernel), from.kernel_alpha == 0 ? 1 : from.kernel_alpha,
                    from.kernel_product != 0};
  options.order = from.order;
  options.empty = static_cast<attnpool::Empty>(from.empty);
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
              static_cast<int>(attnpool::Criterion::aicc) == ATTNPOOL_CRITERION_AICC &&
              static_cast<int>(attnpool::Criterion::log_loss) == ATTNPOOL_CRITERION_LOG_LOSS);

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

template <class In>
attnpool_status select_bandwidth_batch(std::size_t count, const std::size_t* offsets, In keys, In values,
                                       const attnpool_selection_options* options,
                                       attnpool_selection** selections) noexcept {
  if (selections) std::fill(selections, selections + count, nullptr);
  return guarded([&] {
    if (count > 0) not_null("selections", selections);
    using T = std::remove_cvref_t<decltype(*keys.data)>;
    const attnpool::SelectionOptions own = read(options);
    std::vector<attnpool::Selection> found =
        offsets ? attnpool::select_bandwidth_batch<T>({offsets, count + 1}, view(keys), view(values), own)
                : attnpool::select_bandwidth_batch<T>(count, view(keys), view(values), own);
    std::vector<std::unique_ptr<OwnedSelection>> made;  // all of them, or none if memory runs out
    made.reserve(count);
    for (attnpool::Selection& one : found) made.push_back(std::make_unique<OwnedSelection>(std::move(one)));
    for (std::size_t i = 0; i < count; ++i) selections[i] = made[i].release();
  });
}

// The public struct and the memory that it points to.
struct OwnedInference : attnpool_inference {
  OwnedInference(const attnpool::Inference& inference, attnpool::Prediction predicted)
      : attnpool_inference{},
        owner(std::move(predicted)),
        own_leverages(inference.leverages()),
        own_residuals(inference.residuals()) {
    const auto pointer = [](const std::vector<double>& x) { return x.empty() ? nullptr : x.data(); };
    for (const attnpool::QueryStatus of_query : owner.status) own_status.push_back(static_cast<int>(of_query));
    queries = owner.queries, dims = owner.dims, cols = owner.cols;
    mean = pointer(owner.mean), standard_error = pointer(owner.standard_error);
    lower = pointer(owner.lower), upper = pointer(owner.upper);
    slope = pointer(owner.slope), slope_error = pointer(owner.slope_error);
    effective_keys = pointer(owner.effective_keys), leverage = pointer(owner.leverage);
    nearest = pointer(owner.nearest), status = own_status.data();
    error_bounds = pointer(owner.error_bounds), standard_error_bounds = pointer(owner.standard_error_bounds);
    slope_bounds = pointer(owner.slope_bounds);
    keys = own_leverages.size(), leverages = own_leverages.data(), residuals = own_residuals.data();
    const attnpool::FitSummary& fit = inference.summary();
    rows = fit.rows, trace = fit.trace, leave_one_out = fit.leave_one_out, gcv = fit.gcv, aicc = fit.aicc;
    r_squared = fit.r_squared, residual_error = fit.residual_error;
  }
  OwnedInference(const OwnedInference&) = delete;
  OwnedInference& operator=(const OwnedInference&) = delete;

 private:
  attnpool::Prediction owner;
  std::vector<double> own_leverages, own_residuals;
  std::vector<int> own_status;
};
static_assert(static_cast<int>(attnpool::Variance::hc1) == ATTNPOOL_VARIANCE_HC1 &&
              static_cast<int>(attnpool::Variance::hc3) == ATTNPOOL_VARIANCE_HC3 &&
              static_cast<int>(attnpool::Variance::local) == ATTNPOOL_VARIANCE_LOCAL &&
              static_cast<int>(attnpool::QueryStatus::far) == ATTNPOOL_QUERY_FAR &&
              static_cast<int>(attnpool::QueryStatus::unseen) == ATTNPOOL_QUERY_UNSEEN &&
              static_cast<int>(attnpool::QueryStatus::empty) == ATTNPOOL_QUERY_EMPTY &&
              static_cast<int>(attnpool::QueryStatus::lower_order) == ATTNPOOL_QUERY_LOWER_ORDER);
static_assert(static_cast<int>(attnpool::KernelShape::boxcar) == ATTNPOOL_KERNEL_BOXCAR &&
              static_cast<int>(attnpool::KernelShape::tricube) == ATTNPOOL_KERNEL_TRICUBE &&
              static_cast<int>(attnpool::KernelShape::rational_quadratic) == ATTNPOOL_KERNEL_RATIONAL_QUADRATIC &&
              static_cast<int>(attnpool::Empty::error) == ATTNPOOL_EMPTY_ERROR);

template <class In>
attnpool_status infer(In queries, In keys, In values, const double* w, std::size_t w_count,
                      const attnpool_inference_options* given, attnpool_inference** inference) noexcept {
  if (inference) *inference = nullptr;
  return guarded([&] {
    attnpool_inference*& made = not_null("inference", inference);
    const attnpool_inference_options from = known(given, attnpool_inference_options_default());
    attnpool::Progress progress;
    if (from.progress)
      progress = [call = from.progress, user = from.user](double fraction) { return call(user, fraction) == 0; };
    const attnpool::Inference fitted(view(keys), view(values), gaussian(w, w_count),
                                     {.variance = static_cast<attnpool::Variance>(from.variance),
                                      .key_weights = weights(from.key_weights, from.key_weights_count),
                                      .algorithm = static_cast<attnpool::Algorithm>(from.algorithm),
                                      .tolerance = from.tolerance,
                                      .threads = from.threads,
                                      .progress = progress});
    made = new OwnedInference(fitted, fitted.predict(view(queries), {.level = from.level,
                                                                     .slopes = from.slopes != 0,
                                                                     .nearest = from.nearest != 0,
                                                                     .error_bounds = from.error_bounds != 0,
                                                                     .progress = progress}));
  });
}

}  // namespace
}  // namespace attnpool::detail::c_api

using namespace attnpool::detail::c_api;

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
attnpool_status attnpool_select_bandwidth_batch_f32(size_t count, const size_t* offsets, attnpool_in_f32 keys,
                                                    attnpool_in_f32 values, const attnpool_selection_options* options,
                                                    attnpool_selection** selections) noexcept {
  return select_bandwidth_batch(count, offsets, keys, values, options, selections);
}
attnpool_status attnpool_select_bandwidth_batch_f64(size_t count, const size_t* offsets, attnpool_in_f64 keys,
                                                    attnpool_in_f64 values, const attnpool_selection_options* options,
                                                    attnpool_selection** selections) noexcept {
  return select_bandwidth_batch(count, offsets, keys, values, options, selections);
}
void attnpool_selection_destroy(attnpool_selection* selection) noexcept {
  delete static_cast<OwnedSelection*>(selection);
}

attnpool_status attnpool_infer_f32(attnpool_in_f32 queries, attnpool_in_f32 keys, attnpool_in_f32 values,
                                   const double* w, size_t w_count, const attnpool_inference_options* options,
                                   attnpool_inference** inference) noexcept {
  return infer(queries, keys, values, w, w_count, options, inference);
}
attnpool_status attnpool_infer_f64(attnpool_in_f64 queries, attnpool_in_f64 keys, attnpool_in_f64 values,
                                   const double* w, size_t w_count, const attnpool_inference_options* options,
                                   attnpool_inference** inference) noexcept {
  return infer(queries, keys, values, w, w_count, options, inference);
}
void attnpool_inference_destroy(attnpool_inference* inference) noexcept {
  delete static_cast<OwnedInference*>(inference);
}

void attnpool_fit_result_destroy(attnpool_fit_result* result) noexcept { delete static_cast<OwnedFitResult*>(result); }
