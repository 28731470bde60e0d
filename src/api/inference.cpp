#include <attnpool/inference.hpp>
#include <cmath>
#include <limits>
#include <mutex>

#include "api/steps.hpp"
#include "base/to_string.hpp"
#include "base/validate.hpp"
#include "data/units.hpp"
#include "inference/nearest_distance.hpp"
#include "inference/residuals.hpp"

namespace attnpool {
namespace {

using detail::Moments;
using detail::QuerySums;
using detail::WeightedRows;

constexpr double far_distance = 4;  // bandwidths: a key there weighs 3e-4 of one at the query
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// The z of a normal variate that lies within -+ z with probability `level`, by Newton's method on the complementary error
// function. From z = 0 every step falls short of the solution, since the function is convex, until they are as good as equal.
double normal_quantile(double level) {
  const double density = std::sqrt(2 / std::acos(-1.0));
  double z = 0;
  for (int i = 0; i < 200; ++i) {
    const double step = (std::erfc(z / std::sqrt(2.0)) - (1 - level)) / (density * std::exp(-z * z / 2));
    if (!(step > 1e-15 * z)) break;
    z += step;
  }
  return z;
}

double square(double x) { return x * x; }
double not_negative(double x) { return x < 0 ? 0 : x; }  // NaN stays

// Tells of work that is the part of all from `begin` to `end`.
Progress part_of(const Progress& progress, double begin, double end) {
  if (!progress) return {};
  return [&progress, begin, end](double fraction) { return progress(begin + (end - begin) * fraction); };
}

Gaussian narrowed(const Gaussian& score) {
  std::vector<double> w = score.w();
  for (double& x : w) x *= std::sqrt(2.0);
  return Gaussian(w);
}

// Sums of one pass over the keys for every query: the logarithm of the sum of weights, the mean of every column, and the
// means of delta and of delta times the column less its middle (ScaledValues).
struct Pass {
  Pass(std::size_t queries, std::size_t dims, std::size_t cols, bool with_slopes)
      : log2_weight(queries),
        log2_at_origin(queries, nan),
        mean(queries * cols),
        bound(queries),
        origin(queries * dims, nan),
        delta(with_slopes ? queries * dims : 0),
        delta_square(delta.size()),
        mean_delta(delta.size() * cols),
        mean_delta_square(delta.size() * cols) {}

  std::vector<double> log2_weight;  // [Q], -infinity where no key is seen
  std::vector<double>
      log2_at_origin;                // [Q] the same for weights relative to one at the origin; NaN if that is the query
  std::vector<double> mean;          // [Q, C]
  std::vector<double> bound;         // [Q] of the arithmetic, relative to the range of a column
  std::vector<double> origin;        // [Q, D] QuerySums::origin, NaN for the query
  std::vector<double> delta;         // [Q, D] mean of delta
  std::vector<double> delta_square;  // [Q, D]
  std::vector<double> mean_delta;    // [Q, D, C] mean of delta * (column - middle)
  std::vector<double> mean_delta_square;  // [Q, D, C]
};

Pass run_pass(const detail::PoolRequest<double>& request, detail::Workspace<double>& workspace) {
  const auto& values = workspace.values;
  const std::size_t dims = request.keys.cols, cols = values.cols;
  const Moments moments = request.moments;
  Pass pass(request.queries.rows, dims, cols, moments != Moments::none);
  const double dense_bound = detail::dense_error(request, workspace);
  execute<double>(request, workspace, [&](const QuerySums& q) {
    double mean[detail::query_block];
    for (std::size_t v = 0; v < cols; ++v) {
      weighted_means(values, request.options.range, q, v, mean);
      for (std::size_t i = 0; i < q.count; ++i) pass.mean[q.query(i) * cols + v] = mean[i];
    }
    for (std::size_t i = 0; i < q.count; ++i) {
      const std::size_t query = q.query(i);
      const double weight = q.weight(0, i);
      pass.log2_weight[query] = std::log2(weight) - q.reference;
      if (q.origin) {
        std::copy_n(q.origin, dims, pass.origin.data() + query * dims);
        pass.log2_at_origin[query] = std::log2(weight) - q.reference_at_origin;
      }
      pass.bound[query] = q.bounds ? q.bounds[i] : dense_bound;
      for (std::size_t p = 0; p < parameter_count(moments, dims); ++p) {
        const std::size_t at = query * dims + dimension_of(moments, p);
        const bool first = is_first(moments, p);
        const double moment = q.weight(1 + p, i) / weight;
        (first ? pass.delta : pass.delta_square)[at] = moment;
        for (std::size_t v = 0; v < cols; ++v)
          (first ? pass.mean_delta : pass.mean_delta_square)[at * cols + v] =
              values.unit[v] * (q.value(1 + p, v, i) / weight);
      }
    }
  });
  return pass;
}

}  // namespace

struct Inference::State {
  WeightedRows data;
  Gaussian score, narrow_score;
  Variance variance;
  Options options;  // of the passes: algorithm, tolerance, threads
  std::size_t caller_rows = 0;
  FitSummary summary;
  std::vector<double> leverages, residuals;  // in the caller's rows
  std::vector<double> columns;               // [rows][column_count]: values, and for the local variance their squares
  std::size_t column_count = 0;
  std::vector<double> terms, term_unit;  // [rows][term_count]: r_k^2 in units of term_unit^2
  std::size_t term_count = 0;
  std::vector<double> squared_weights;
  detail::NearestDistance nearest;
  // Of the columns with the key weights, and of the terms with their squares.
  detail::Workspace<double> workspace, narrow_workspace;
  std::mutex in_use;

  State(WeightedRows rows, const Gaussian& given, const InferenceOptions& from, std::size_t all_rows)
      : data(std::move(rows)),
        score(given),
        narrow_score(narrowed(given)),
        variance(from.variance),
        caller_rows(all_rows),
        nearest(data.key_view(), given) {
    options.algorithm = from.algorithm, options.tolerance = from.tolerance, options.threads = from.threads;
    options.progress = from.progress;
    options.key_weights = data.weights;
    detail::check_options(options, 0, data.rows, data.dims);
    workspace.prepare(data.value_view(), options);
    const detail::Residuals found = detail::residuals_of(data, score, options, workspace);
    if (options.progress && !options.progress(1)) throw Cancelled("cancelled by the progress callback");
    options.progress = {};
    summary = found.summary;
    in_callers_rows(found);
    make_columns();
    make_terms(found);
  }

  void in_callers_rows(const detail::Residuals& found) {
    leverages.assign(caller_rows, 0);
    residuals.assign(caller_rows * data.cols, nan);
    for (std::size_t i = 0; i < data.rows; ++i) {
      leverages[data.origin[i]] = 1 - found.rest[i];
      for (std::size_t v = 0; v < data.cols; ++v)
        residuals[data.origin[i] * data.cols + v] = found.left_out[i * data.cols + v] * found.rest[i];
    }
  }

  // For the local variance: the values less their column's middle, so that squares do not cancel, and the squares.
  void make_columns() {
    column_count = data.cols * (variance == Variance::local ? 2 : 1);
    if (variance != Variance::local) return;
    columns.resize(data.rows * column_count);
    for (std::size_t i = 0; i < data.rows; ++i)
      for (std::size_t v = 0; v < data.cols; ++v) {
        const double value = data.values[i * data.cols + v];
        columns[i * column_count + v] = value;
        columns[i * column_count + data.cols + v] =
            square((value - workspace.values.middle[v]) / workspace.values.unit[v]);
      }
    workspace.prepare({columns.data(), data.rows, column_count}, options);
  }

  void make_terms(const detail::Residuals& found) {
    term_count = variance == Variance::local ? 1 : data.cols;
    if (variance == Variance::local) {
      terms.assign(data.rows, 1);
      term_unit.assign(1, 1);
    } else {
      terms = variance_terms(found, variance);
      term_unit.assign(term_count, 0);
      for (std::size_t i = 0; i < terms.size(); ++i)
        if (!(std::abs(terms[i]) <= term_unit[i % term_count])) term_unit[i % term_count] = std::abs(terms[i]);
      for (std::size_t i = 0; i < terms.size(); ++i)
        terms[i] = term_unit[i % term_count] > 0 ? square(terms[i] / term_unit[i % term_count]) : 0;
    }
    for (const double c : data.weights) squared_weights.push_back(c * c);
    Options narrow = options;
    narrow.key_weights = squared_weights;
    narrow_workspace.prepare({terms.data(), data.rows, term_count}, narrow);
  }

  Prediction predict(MatrixView<const double> queries, const PredictionOptions& given);
  void fill_in(Prediction& out, MatrixView<const double> queries, std::size_t q, const Pass& wide, const Pass& narrow,
               double z) const;
  void fill_in_slopes(Prediction& out, MatrixView<const double> queries, std::size_t q, const Pass& wide,
                      const Pass& narrow, double ratio) const;
};

Prediction Inference::State::predict(MatrixView<const double> queries, const PredictionOptions& given) {
  const std::lock_guard lock(in_use);
  const std::size_t count = queries.rows, dims = data.dims, cols = data.cols;
  Prediction out;
  out.queries = count, out.dims = dims, out.cols = cols;
  for (auto* x : {&out.mean, &out.standard_error, &out.lower, &out.upper, &out.standard_error_bounds})
    x->resize(count * cols);
  for (auto* x : {&out.slope, &out.slope_error, &out.slope_bounds}) x->resize(given.slopes ? count * dims * cols : 0);
  for (auto* x : {&out.effective_keys, &out.leverage, &out.error_bounds}) x->resize(count);
  out.status.resize(count);
  if (count == 0) return out;

  Report report;  // asks for bounds
  Options wide_options = options, narrow_options = options;
  wide_options.progress = part_of(given.progress, 0, 0.4);
  narrow_options.progress = part_of(given.progress, 0.4, 0.8);
  wide_options.report = narrow_options.report = &report;
  narrow_options.key_weights = squared_weights;
  const Pass wide = run_pass(
      {queries, data.key_view(), score, given.slopes ? Moments::first : Moments::none, wide_options}, workspace);
  const Pass narrow =
      run_pass({queries, data.key_view(), narrow_score, given.slopes ? Moments::both : Moments::none, narrow_options},
               narrow_workspace);
  out.nearest = nearest(queries, options.threads, part_of(given.progress, 0.8, 1));
  const double z = normal_quantile(given.level);
  for (std::size_t q = 0; q < count; ++q) fill_in(out, queries, q, wide, narrow, z);
  return out;
}

void Inference::State::fill_in(Prediction& out, MatrixView<const double> queries, std::size_t q, const Pass& wide,
                               const Pass& narrow, double z) const {
  const std::size_t cols = data.cols;
  // log2 of sum_k p_k^2. Far from all keys both sums are taken relative to the same key, if possible, so that the large
  // distance does not enter.
  const bool same_origin =
      std::equal(&wide.origin[q * data.dims], &wide.origin[q * data.dims] + data.dims, &narrow.origin[q * data.dims]);
  const double narrow_sum = same_origin ? narrow.log2_at_origin[q] : narrow.log2_weight[q],
               wide_sum = same_origin ? wide.log2_at_origin[q] : wide.log2_weight[q];
  const double log2_ratio = narrow_sum - 2 * wide_sum;
  const double ratio = log2_ratio > 0 ? 1 : std::exp2(log2_ratio);
  out.effective_keys[q] = 1 / ratio;
  out.leverage[q] = std::exp2(-wide.log2_weight[q] - data.weight_exponent);
  out.error_bounds[q] = wide.bound[q];
  out.status[q] = std::isnan(out.nearest[q])      ? QueryStatus::unseen
                  : out.nearest[q] > far_distance ? QueryStatus::far
                                                  : QueryStatus::answered;
  for (std::size_t v = 0; v < cols; ++v) {
    const std::size_t at = q * cols + v;
    const double mean = wide.mean[q * column_count + v];
    double variance_part, unit;  // standard error^2 = unit^2 * variance_part * ratio
    if (variance == Variance::local) {
      unit = workspace.values.unit[v];
      variance_part =
          not_negative(wide.mean[q * column_count + cols + v] - square((mean - workspace.values.middle[v]) / unit));
    } else {
      unit = term_unit[v];
      variance_part = narrow.mean[q * term_count + v];
    }
    const double error = unit * std::sqrt(variance_part * ratio);
    // The bounds of means are relative to ranges, here at most 1 (4 for the local variance); those of weights to them.
    const double relative =
        narrow.bound[q] / 2 + wide.bound[q] + 1e-15 * (1 + std::abs(narrow_sum) + std::abs(wide_sum));
    const double of_square = ratio * (4 * (narrow.bound[q] + wide.bound[q]) + variance_part * relative);
    out.mean[at] = mean;
    out.standard_error[at] = error;
    out.lower[at] = mean - z * error;
    out.upper[at] = mean + z * error;
    out.standard_error_bounds[at] = unit * std::min(std::sqrt(of_square), of_square / std::sqrt(variance_part * ratio));
  }
  if (!out.slope.empty()) fill_in_slopes(out, queries, q, wide, narrow, ratio);
}

// With delta = |w| s (query - key), d mean / d query = -|w| / s Cov(delta, value), whose variance is that of the weights
// p_k (delta_k - mean delta): first and second moments at sqrt(2) w, where delta is sqrt(2) times as large. Far from all
// keys a pass counts delta from a key instead of the query, and the passes may have chosen different ones.
void Inference::State::fill_in_slopes(Prediction& out, MatrixView<const double> queries, std::size_t q,
                                      const Pass& wide, const Pass& narrow, double ratio) const {
  const std::size_t cols = data.cols;
  const double s = std::sqrt(detail::exponent_scale_squared);
  for (std::size_t d = 0; d < data.dims; ++d) {
    const std::size_t at = q * data.dims + d;
    const double w = std::abs(score.w_of(d)), factor = w / s;
    // The mean of delta in the wide pass, counted from the origin of the narrow one.
    const auto place = [&](const Pass& pass) { return std::isnan(pass.origin[at]) ? queries(q, d) : pass.origin[at]; };
    const double center = wide.delta[at] - w * s * (place(wide) - place(narrow));
    for (std::size_t v = 0; v < cols; ++v) {
      const std::size_t to = at * cols + v;
      const double covariance = wide.mean_delta[at * column_count + v] -
                                wide.delta[at] * (out.mean[q * cols + v] - workspace.values.middle[v]);
      out.slope[to] = w == 0 ? 0 : -factor * covariance;
      out.slope_bounds[to] =
          factor * 2 * workspace.values.unit[v] * wide.bound[q] * (24 + 3 * std::abs(wide.delta[at]));
      const std::size_t term = variance == Variance::local ? 0 : v;
      const double middle = narrow_workspace.values.middle[term], zeroth = narrow.mean[q * term_count + term];
      const double first = (narrow.mean_delta[at * term_count + term] + middle * narrow.delta[at]) / std::sqrt(2.0);
      const double second = (narrow.mean_delta_square[at * term_count + term] + middle * narrow.delta_square[at]) / 2;
      const double spread = not_negative(second - 2 * center * first + center * center * zeroth);
      const double unit =
          variance == Variance::local ? out.standard_error[q * cols + v] / std::sqrt(ratio) : term_unit[v];
      out.slope_error[to] = w == 0 ? 0 : factor * unit * std::sqrt(spread * ratio);
    }
  }
}

namespace {

std::vector<double> in_double(MatrixView<const float> x) {
  std::vector<double> result;
  for (std::size_t r = 0; r < x.rows; ++r) result.insert(result.end(), x.row(r), x.row(r) + x.cols);
  return result;
}

template <class T>
WeightedRows checked_rows(MatrixView<const T> keys, MatrixView<const T> values, const Gaussian& score,
                          const InferenceOptions& options) {
  if (std::string(to_string(options.variance)) == "unknown")
    detail::bad_argument(
        "variance", "is not one of Variance's values, got " + detail::to_string(static_cast<int>(options.variance)));
  detail::check_view("keys", keys);
  detail::check_inputs<T>(keys, keys, values, score);
  return detail::weighted_rows<T>(keys, values, options.key_weights, "inference");
}

}  // namespace

Inference::Inference(In<float> keys, In<float> values, const Gaussian& score, const InferenceOptions& options)
    : state_(std::make_unique<State>(checked_rows<float>(keys, values, score, options), score, options, keys.rows)) {}
Inference::Inference(In<double> keys, In<double> values, const Gaussian& score, const InferenceOptions& options)
    : state_(std::make_unique<State>(checked_rows<double>(keys, values, score, options), score, options, keys.rows)) {}
Inference::~Inference() = default;
Inference::Inference(Inference&&) noexcept = default;
Inference& Inference::operator=(Inference&&) noexcept = default;

const FitSummary& Inference::summary() const { return state_->summary; }
const std::vector<double>& Inference::leverages() const { return state_->leverages; }
const std::vector<double>& Inference::residuals() const { return state_->residuals; }

Prediction Inference::predict(In<double> queries, const PredictionOptions& options) const {
  detail::check_view("queries", queries);
  detail::check_equal("queries", "columns", queries.cols, state_->data.dims, "keys");
  if (!(options.level > 0 && options.level < 1))
    detail::bad_argument("level", "must be between 0 and 1, got " + detail::to_string(options.level));
  return state_->predict(queries, options);
}
Prediction Inference::predict(In<float> queries, const PredictionOptions& options) const {
  detail::check_view("queries", queries);
  const std::vector<double> converted = in_double(queries);
  return predict(MatrixView<const double>(converted.data(), queries.rows, queries.cols), options);
}

}  // namespace attnpool
