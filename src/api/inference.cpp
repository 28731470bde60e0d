#include <attnpool/inference.hpp>
#include <cstdint>
#include <mutex>

#include "base/to_string.hpp"
#include "base/validate.hpp"
#include "inference/predictor.hpp"

namespace attnpool {

struct Inference::State {
  detail::Predictor predictor;
  std::mutex in_use;  // held while a call uses the memory that the predictor keeps
};

namespace {

std::vector<double> in_double(MatrixView<const float> x) {
  std::vector<double> result;
  for (std::size_t r = 0; r < x.rows; ++r) result.insert(result.end(), x.row(r), x.row(r) + x.cols);
  return result;
}

template <class T>
detail::WeightedRows checked_rows(MatrixView<const T> keys, MatrixView<const T> values, const Kernel& kernel,
                                  const InferenceOptions& options) {
  detail::check_enum("variance", "Variance", options.variance);
  detail::check_view("keys", keys);
  detail::check_inputs<T>(keys, keys, values, kernel);
  if (!kernel.profile().is_gaussian())
    detail::bad_argument("kernel",
                         std::string("must be gaussian for inference, got ") + to_string(kernel.profile().shape));
  return detail::weighted_rows<T>(keys, values, options.key_weights, "inference");
}

void check_level(double level) {
  if (!(level > 0 && level < 1))
    detail::bad_argument("level", "must be between 0 and 1, got " + detail::to_string(level));
}

void check_bootstrap(const BootstrapOptions& options, std::size_t rows) {
  constexpr std::size_t most_replicates = 1'000'000;
  detail::check_enum("kind", "Resampling", options.kind);
  detail::check_enum("multiplier", "Multiplier", options.multiplier);
  detail::check_enum("residuals", "Variance", options.residuals);
  detail::check_enum("band", "BootstrapBand", options.band);
  check_level(options.level);
  if (options.replicates < 2 || options.replicates > most_replicates)
    detail::bad_argument("replicates", "must be from 2 to " + detail::to_string(most_replicates) + ", got " +
                                           detail::to_string(options.replicates));
  if (options.residuals == Variance::local)
    detail::bad_argument("residuals", "must be one of hc0, hc1, hc2, hc3, got local");
  if (options.kind == Resampling::pairs && options.multiplier != Multiplier::rademacher)
    detail::bad_argument("multiplier", "is an option of the wild bootstrap, not of pairs");
  if (options.kind == Resampling::pairs && options.residuals != Variance::hc3)
    detail::bad_argument("residuals", "is an option of the wild bootstrap, not of pairs");
  if (rows > UINT32_MAX)
    detail::bad_argument("keys", "the bootstrap serves at most 4294967295 rows, got " + detail::to_string(rows));
}

}  // namespace

Inference::Inference(In<float> keys, In<float> values, const Kernel& kernel, const InferenceOptions& options)
    : state_(new State{{checked_rows<float>(keys, values, kernel, options), kernel, options, keys.rows}, {}}) {}
Inference::Inference(In<double> keys, In<double> values, const Kernel& kernel, const InferenceOptions& options)
    : state_(new State{{checked_rows<double>(keys, values, kernel, options), kernel, options, keys.rows}, {}}) {}
Inference::~Inference() = default;
Inference::Inference(Inference&&) noexcept = default;
Inference& Inference::operator=(Inference&&) noexcept = default;

const FitSummary& Inference::summary() const { return state_->predictor.summary; }
const std::vector<double>& Inference::leverages() const { return state_->predictor.leverages; }
const std::vector<double>& Inference::residuals() const { return state_->predictor.residuals; }

Prediction Inference::predict(In<double> queries, const PredictionOptions& options) const {
  detail::check_view("queries", queries);
  detail::check_equal("queries", "columns", queries.cols, state_->predictor.dims(), "keys");
  check_level(options.level);
  const std::lock_guard lock(state_->in_use);
  return state_->predictor.predict(queries, options);
}
Prediction Inference::predict(In<float> queries, const PredictionOptions& options) const {
  detail::check_view("queries", queries);
  const std::vector<double> converted = in_double(queries);
  return predict(MatrixView<const double>(converted.data(), queries.rows, queries.cols), options);
}

BootstrapResult Inference::bootstrap(In<double> queries, const BootstrapOptions& options) const {
  detail::check_view("queries", queries);
  detail::check_equal("queries", "columns", queries.cols, state_->predictor.dims(), "keys");
  check_bootstrap(options, state_->predictor.summary.rows);
  const std::lock_guard lock(state_->in_use);
  return state_->predictor.bootstrap(queries, options);
}
BootstrapResult Inference::bootstrap(In<float> queries, const BootstrapOptions& options) const {
  detail::check_view("queries", queries);
  const std::vector<double> converted = in_double(queries);
  return bootstrap(MatrixView<const double>(converted.data(), queries.rows, queries.cols), options);
}

}  // namespace attnpool
