#include <attnpool/inference.hpp>
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
detail::WeightedRows checked_rows(MatrixView<const T> keys, MatrixView<const T> values, const Gaussian& score,
                                  const InferenceOptions& options) {
  detail::check_enum("variance", "Variance", options.variance);
  detail::check_view("keys", keys);
  detail::check_inputs<T>(keys, keys, values, score);
  return detail::weighted_rows<T>(keys, values, options.key_weights, "inference");
}

}  // namespace

Inference::Inference(In<float> keys, In<float> values, const Gaussian& score, const InferenceOptions& options)
    : state_(new State{{checked_rows<float>(keys, values, score, options), score, options, keys.rows}, {}}) {}
Inference::Inference(In<double> keys, In<double> values, const Gaussian& score, const InferenceOptions& options)
    : state_(new State{{checked_rows<double>(keys, values, score, options), score, options, keys.rows}, {}}) {}
Inference::~Inference() = default;
Inference::Inference(Inference&&) noexcept = default;
Inference& Inference::operator=(Inference&&) noexcept = default;

const FitSummary& Inference::summary() const { return state_->predictor.summary; }
const std::vector<double>& Inference::leverages() const { return state_->predictor.leverages; }
const std::vector<double>& Inference::residuals() const { return state_->predictor.residuals; }

Prediction Inference::predict(In<double> queries, const PredictionOptions& options) const {
  detail::check_view("queries", queries);
  detail::check_equal("queries", "columns", queries.cols, state_->predictor.dims(), "keys");
  if (!(options.level > 0 && options.level < 1))
    detail::bad_argument("level", "must be between 0 and 1, got " + detail::to_string(options.level));
  const std::lock_guard lock(state_->in_use);
  return state_->predictor.predict(queries, options);
}
Prediction Inference::predict(In<float> queries, const PredictionOptions& options) const {
  detail::check_view("queries", queries);
  const std::vector<double> converted = in_double(queries);
  return predict(MatrixView<const double>(converted.data(), queries.rows, queries.cols), options);
}

}  // namespace attnpool
