#include "inference/predictor.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/threads.hpp"
#include "data/units.hpp"
#include "inference/bootstrap.hpp"
#include "inference/normal_quantile.hpp"

namespace attnpool::detail {
namespace {

constexpr double far_distance = 4;                 // bandwidths: a key there weighs 3e-4 of one at the query
constexpr std::size_t queries_per_chunk = 131072;  // so that the sums of a chunk stay in the caches
constexpr std::size_t queries_per_task = 4096;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double square(double x) { return x * x; }
double not_negative(double x) { return x < 0 ? 0 : x; }  // NaN stays

// Tells of work that is the part of all from `begin` to `end`.
Progress part_of(const Progress& progress, double begin, double end) {
  if (!progress) return {};
  return [&progress, begin, end](double fraction) { return progress(begin + (end - begin) * fraction); };
}

Gaussian narrowed(const Kernel& kernel) {
  std::vector<double> w = kernel.w();
  for (double& x : w) x *= std::sqrt(2.0);
  return Gaussian(w);
}

}  // namespace

Predictor::Predictor(WeightedRows rows, const Kernel& given, const InferenceOptions& from, std::size_t all_rows)
    : data(std::move(rows)),
      kernel(given),
      narrow_kernel(narrowed(given)),
      variance(from.variance),
      caller_rows(all_rows) {
  options.algorithm = from.algorithm, options.tolerance = from.tolerance, options.threads = from.threads;
  options.progress = from.progress;
  options.key_weights = data.weights;
  check_options(options, 0, data.rows, data.dims);
  workspace.prepare(data.value_view(), options);
  found = residuals_of(data, kernel, options, workspace);
  if (options.progress && !options.progress(1)) throw Cancelled("cancelled by the progress callback");
  options.progress = {};
  summary = found.summary;
  for (std::size_t k = 0; k < data.rows; ++k) total_weight += data.weight(k);
  in_callers_rows();
  make_columns();
  make_terms();
}

void Predictor::in_callers_rows() {
  leverages.assign(caller_rows, 0);
  residuals.assign(caller_rows * data.cols, nan);
  for (std::size_t i = 0; i < data.rows; ++i) {
    leverages[data.origin[i]] = 1 - found.rest[i];
    for (std::size_t v = 0; v < data.cols; ++v)
      residuals[data.origin[i] * data.cols + v] = found.left_out[i * data.cols + v] * found.rest[i];
  }
}

// For the local variance: the values less their column's middle, so that squares do not cancel, and the squares.
void Predictor::make_columns() {
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

void Predictor::make_terms() {
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
  Options of_terms = options;
  of_terms.key_weights = squared_weights;
  narrow_workspace.prepare({terms.data(), data.rows, term_count}, of_terms);
}

Prediction Predictor::predict(MatrixView<const double> queries, const PredictionOptions& given) {
  const std::size_t count = queries.rows, dims = data.dims, cols = data.cols;
  Prediction out;
  out.queries = count, out.dims = dims, out.cols = cols;
  for (auto* x : {&out.mean, &out.standard_error, &out.lower, &out.upper}) x->resize(count * cols);
  for (auto* x : {&out.slope, &out.slope_error}) x->resize(given.slopes ? count * dims * cols : 0);
  for (auto* x : {&out.effective_keys, &out.leverage}) x->resize(count);
  out.nearest.resize(given.nearest ? count : 0);
  out.error_bounds.resize(given.error_bounds ? count : 0);
  out.standard_error_bounds.resize(given.error_bounds ? count * cols : 0);
  out.slope_bounds.resize(given.error_bounds ? out.slope.size() : 0);
  out.status.resize(count);
  const double z = normal_quantile(given.level);
  for (std::size_t first = 0; first < count; first += queries_per_chunk) {
    const std::size_t part = std::min(queries_per_chunk, count - first);
    const auto progress = [&](double begin, double end) {
      const double done = static_cast<double>(first), all = static_cast<double>(count);
      const double own = static_cast<double>(part);
      return part_of(given.progress, (done + begin * own) / all, (done + end * own) / all);
    };
    predict_chunk(out, {queries.row(first), part, dims, queries.row_stride}, first, given, z, progress);
  }
  return out;
}

BootstrapResult Predictor::bootstrap(MatrixView<const double> queries, const BootstrapOptions& given) {
  return detail::bootstrap({data, kernel, options, found, workspace}, queries, given);
}

template <class Part>
void Predictor::predict_chunk(Prediction& out, MatrixView<const double> queries, std::size_t first,
                              const PredictionOptions& given, double z, const Part& progress) {
  Report report;  // asks for the bounds that a plan has for each query
  Options wide_options = options, narrow_options = options;
  wide_options.progress = progress(0, 0.5);
  narrow_options.progress = progress(0.5, 1);
  if (given.error_bounds) wide_options.report = narrow_options.report = &report;
  narrow_options.key_weights = squared_weights;
  wide.run({queries, data.key_view(), kernel, given.slopes ? Moments::first : Moments::none, wide_options}, workspace);
  narrow.run({queries, data.key_view(), narrow_kernel, given.slopes ? Moments::both : Moments::none, narrow_options},
             narrow_workspace);
  const std::size_t tasks = (queries.rows + queries_per_task - 1) / queries_per_task;
  const double operations = 300.0 * static_cast<double>(queries.rows);
  parallel_for(tasks, threads_for(options.threads, operations), {}, [&](std::size_t task, int) {
    const std::size_t end = std::min(queries.rows, (task + 1) * queries_per_task);
    for (std::size_t q = task * queries_per_task; q < end; ++q) {
      fill_in(out, first, q, z);
      if (given.slopes) fill_in_slopes(out, queries, first, q);
    }
  });
  fill_in_status(out, queries, first, given);
}

// The nearest key is at most far_distance away if the weights sum to more than all keys would weigh there; of the other
// queries the distance is computed.
void Predictor::fill_in_status(Prediction& out, MatrixView<const double> queries, std::size_t first,
                               const PredictionOptions& given) {
  constexpr double log2_far = -far_distance * far_distance / 2 * 1.4426950408889634;
  const double enough = std::log2(total_weight) + log2_far + 1e-6;
  std::vector<std::size_t> open;
  std::vector<double> open_queries;
  for (std::size_t q = 0; q < queries.rows; ++q) {
    if (!given.nearest && wide.log2_weight[q] > enough) continue;
    open.push_back(q);
    open_queries.insert(open_queries.end(), queries.row(q), queries.row(q) + data.dims);
  }
  if (open.empty()) return;
  if (!nearest) nearest.emplace(data.key_view(), kernel);
  const std::vector<double> distance = (*nearest)({open_queries.data(), open.size(), data.dims}, options.threads, {});
  for (std::size_t i = 0; i < open.size(); ++i) {
    const std::size_t q = first + open[i];
    if (given.nearest) out.nearest[q] = distance[i];
    out.status[q] = std::isnan(distance[i])      ? QueryStatus::unseen
                    : distance[i] > far_distance ? QueryStatus::far
                                                 : QueryStatus::answered;
  }
}

// sum_k p_k^2 of a query, and its logarithms: far from all keys both sums are taken relative to the same key, if possible, so
// that the large distance does not enter.
Predictor::Squares Predictor::squares(std::size_t q) const {
  const double *a = &wide.origin[q * data.dims], *b = &narrow.origin[q * data.dims];
  const bool same_origin = std::equal(a, a + data.dims, b);
  const double of_weights = same_origin ? wide.log2_at_origin[q] : wide.log2_weight[q];
  const double of_squares = same_origin ? narrow.log2_at_origin[q] : narrow.log2_weight[q];
  const double log2_sum = of_squares - 2 * of_weights;
  // Squares of key weights may vanish beside the largest: then there is no answer.
  const bool vanished = std::isinf(of_squares) && !std::isinf(of_weights);
  return {.sum = vanished       ? nan
                 : log2_sum > 0 ? 1
                                : std::exp2(log2_sum),
          .error = narrow.bound[q] / 2 + wide.bound[q] + 1e-15 * (1 + std::abs(of_squares) + std::abs(of_weights))};
}

void Predictor::fill_in(Prediction& out, std::size_t first, std::size_t q, double z) const {
  const std::size_t cols = data.cols;
  const auto [sum, sum_error] = squares(q);
  out.effective_keys[first + q] = 1 / sum;
  out.leverage[first + q] = std::exp2(-wide.log2_weight[q] - data.weight_exponent);
  if (!out.error_bounds.empty()) out.error_bounds[first + q] = wide.bound[q];
  for (std::size_t v = 0; v < cols; ++v) {
    const std::size_t at = (first + q) * cols + v;
    const double mean = wide.mean[q * column_count + v];
    double variance_part = 0, unit = 0;  // the squared standard error is unit^2 * variance_part * sum
    if (variance == Variance::local) {
      unit = workspace.values.unit[v];
      const double deviation = (mean - workspace.values.middle[v]) / unit;
      variance_part = not_negative(wide.mean[q * column_count + cols + v] - deviation * deviation);
    } else {
      unit = term_unit[v];
      variance_part = narrow.mean[q * term_count + v];
    }
    const double error = std::sqrt(variance_part * sum);
    out.mean[at] = mean;
    out.standard_error[at] = unit * error;
    out.lower[at] = mean - z * unit * error;
    out.upper[at] = mean + z * unit * error;
    if (out.standard_error_bounds.empty()) continue;
    // Bounds of means are relative to ranges: at most 1, and 4 for the local variance.
    const double of_square = sum * (4 * (narrow.bound[q] + wide.bound[q]) + variance_part * sum_error);
    out.standard_error_bounds[at] = unit * std::min(std::sqrt(of_square), of_square / error);
  }
}

// With delta = |w| s (query - key), d mean / d query = -|w| / s Cov(delta, value), whose variance is that of the weights
// p_k (delta_k - mean delta): first and second moments at sqrt(2) w, where delta is sqrt(2) times as large. Far from all
// keys a pass counts delta from a key instead of the query, and the passes may have chosen different ones.
void Predictor::fill_in_slopes(Prediction& out, MatrixView<const double> queries, std::size_t first,
                               std::size_t q) const {
  const double s = std::sqrt(exponent_scale_squared), sum = squares(q).sum;
  const auto& values = workspace.values;
  for (std::size_t d = 0; d < data.dims; ++d) {
    const std::size_t at = q * data.dims + d;
    const double w = std::abs(kernel.w_of(d)), factor = w / s;
    const auto place = [&](const QueryPass& pass) {
      return std::isnan(pass.origin[at]) ? queries(q, d) : pass.origin[at];
    };
    const double center = wide.delta[at] - w * s * (place(wide) - place(narrow));  // counted as the narrow pass does
    for (std::size_t v = 0; v < data.cols; ++v) {
      const std::size_t from = (first + q) * data.cols + v, to = ((first + q) * data.dims + d) * data.cols + v;
      const double covariance =
          wide.mean_delta[at * column_count + v] - wide.delta[at] * (out.mean[from] - values.middle[v]);
      out.slope[to] = w == 0 ? 0 : -factor * covariance;
      const std::size_t term = variance == Variance::local ? 0 : v;
      const double middle = narrow_workspace.values.middle[term], zeroth = narrow.mean[q * term_count + term];
      const double once = (narrow.mean_delta[at * term_count + term] + middle * narrow.delta[at]) / std::sqrt(2.0);
      const double twice = (narrow.mean_delta_square[at * term_count + term] + middle * narrow.delta_square[at]) / 2;
      const double spread = not_negative(twice - 2 * center * once + center * center * zeroth);
      const double unit = variance == Variance::local ? out.standard_error[from] / std::sqrt(sum) : term_unit[v];
      out.slope_error[to] = w == 0 ? 0 : factor * unit * std::sqrt(spread * sum);
      // |delta| of weights that count is below 16, and so is the error of its moments in units of that of the weights.
      if (!out.slope_bounds.empty())
        out.slope_bounds[to] = factor * 2 * values.unit[v] * wide.bound[q] * (24 + 3 * std::abs(wide.delta[at]));
    }
  }
}

}  // namespace attnpool::detail
