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
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double square(double x) { return x * x; }
// Most exponents are 0.
double power_of_2(double exponent) { return exponent == 0 ? 1 : std::exp2(exponent); }
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
             narrow_workspace, [&](const QuerySums& q) {
               double of_squares[query_block];
               for (std::size_t i = 0; i < q.count; ++i) of_squares[i] = sum_of_squares(q.query(i));
               fill_in(out, first, q, of_squares, z);
               if (given.error_bounds) fill_in_bounds(out, first, q, of_squares);
               if (given.slopes) fill_in_slopes(out, queries, first, q, of_squares);
             });
  fill_in_status(out, queries, first, given);
}

// The nearest key is at most far_distance away if the weights sum to more than all keys would weigh there; of the other
// queries the distance is computed.
void Predictor::fill_in_status(Prediction& out, MatrixView<const double> queries, std::size_t first,
                               const PredictionOptions& given) {
  constexpr double log2_far = -far_distance * far_distance / 2 * 1.4426950408889634;
  const double enough = std::log2(total_weight) + log2_far + 1e-6;
  double reference = 0, weight_enough = std::exp2(enough);  // the same for most queries
  std::vector<std::size_t> open;
  std::vector<double> open_queries;
  for (std::size_t q = 0; q < queries.rows; ++q) {
    if (wide.reference[q] != reference) reference = wide.reference[q], weight_enough = std::exp2(enough + reference);
    if (!given.nearest && wide.weight[q] > weight_enough) continue;
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

// Far from all keys both sums are taken relative to the same key, if possible, so that the large distance does not enter.
Predictor::References Predictor::references(std::size_t q) const {
  const double *a = &wide.origin[q * data.dims], *b = &narrow.origin[q * data.dims];
  if (std::equal(a, a + data.dims, b)) return {wide.reference_at_origin[q], narrow.reference_at_origin[q]};
  return {wide.reference[q], narrow.reference[q]};
}

double Predictor::sum_of_squares(std::size_t q) const {
  // Squares of key weights may vanish beside the largest: then there is no answer.
  if (narrow.weight[q] == 0 && wide.weight[q] != 0) return nan;
  const References of = references(q);
  const double sum = narrow.weight[q] / square(wide.weight[q]) * power_of_2(2 * of.wide - of.narrow);
  return sum > 1 ? 1 : sum;
}

void Predictor::fill_in(Prediction& out, std::size_t first, const QuerySums& of, const double* sum, double z) const {
  const std::size_t cols = data.cols;
  for (std::size_t i = 0; i < of.count; ++i) {
    const std::size_t q = of.query(i);
    out.effective_keys[first + q] = 1 / sum[i];
    out.leverage[first + q] = power_of_2(wide.reference[q] - data.weight_exponent) / wide.weight[q];
  }
  for (std::size_t v = 0; v < cols; ++v) {
    const double unit = unit_of(v);
    for (std::size_t i = 0; i < of.count; ++i) {
      const std::size_t q = of.query(i), at = (first + q) * cols + v;
      const double mean = wide.mean[q * column_count + v], error = unit * std::sqrt(variance_part(q, v) * sum[i]);
      out.mean[at] = mean;
      out.standard_error[at] = error;
      out.lower[at] = mean - z * error;
      out.upper[at] = mean + z * error;
    }
  }
}

double Predictor::unit_of(std::size_t v) const {
  return variance == Variance::local ? workspace.values.unit[v] : term_unit[v];
}

// The squared standard error is unit_of(v)^2 * variance_part * sum_of_squares.
double Predictor::variance_part(std::size_t q, std::size_t v) const {
  if (variance != Variance::local) return narrow.mean[q * term_count + v];
  const double* means = &wide.mean[q * column_count];
  return not_negative(means[data.cols + v] - square((means[v] - workspace.values.middle[v]) / unit_of(v)));
}

// Bounds of means are relative to ranges: at most 1, and 4 for the local variance.
void Predictor::fill_in_bounds(Prediction& out, std::size_t first, const QuerySums& of, const double* sum) const {
  for (std::size_t i = 0; i < of.count; ++i) {
    const std::size_t q = of.query(i);
    const References reference = references(q);
    const double exponents =
        std::abs(std::log2(wide.weight[q]) - reference.wide) + std::abs(std::log2(narrow.weight[q]) - reference.narrow);
    const double sum_error = narrow.bound[q] / 2 + wide.bound[q] + 1e-15 * (1 + exponents);
    out.error_bounds[first + q] = wide.bound[q];
    for (std::size_t v = 0; v < data.cols; ++v) {
      const double part = variance_part(q, v);
      const double of_square = sum[i] * (4 * (narrow.bound[q] + wide.bound[q]) + part * sum_error);
      out.standard_error_bounds[(first + q) * data.cols + v] =
          unit_of(v) * std::min(std::sqrt(of_square), of_square / std::sqrt(part * sum[i]));
    }
  }
}

// With delta = |w| s (query - key), d mean / d query = -|w| / s Cov(delta, value), whose variance is that of the weights
// p_k (delta_k - mean delta): first and second moments at sqrt(2) w, where delta is sqrt(2) times as large. Far from all
// keys a pass counts delta from a key instead of the query, and the passes may have chosen different ones.
void Predictor::fill_in_slopes(Prediction& out, MatrixView<const double> queries, std::size_t first,
                               const QuerySums& of, const double* sum) const {
  const std::size_t dims = data.dims, cols = data.cols;
  for (std::size_t d = 0; d < dims; ++d) {
    const double w = std::abs(kernel.w_of(d));
    if (w == 0) continue;        // 0, as the results begin
    double center[query_block];  // the mean of delta, counted as the narrow pass does
    for (std::size_t i = 0; i < of.count; ++i) {
      const std::size_t q = of.query(i), at = q * dims + d;
      const auto place = [&](const QueryPass& pass) {
        return std::isnan(pass.origin[at]) ? queries(q, d) : pass.origin[at];
      };
      center[i] = wide.delta[at] - w * exponent_scale * (place(wide) - place(narrow));
    }
    for (std::size_t v = 0; v < cols; ++v) fill_in_slope(out, first, of, sum, d, v, w / exponent_scale, center);
  }
}

void Predictor::fill_in_slope(Prediction& out, std::size_t first, const QuerySums& of, const double* sum, std::size_t d,
                              std::size_t v, double factor, const double* center) const {
  const std::size_t dims = data.dims, cols = data.cols, term = variance == Variance::local ? 0 : v;
  const double middle = workspace.values.middle[v], term_middle = narrow_workspace.values.middle[term];
  for (std::size_t i = 0; i < of.count; ++i) {
    const std::size_t q = of.query(i), at = q * dims + d;
    const std::size_t from = (first + q) * cols + v, to = ((first + q) * dims + d) * cols + v;
    const double covariance = wide.mean_delta[at * column_count + v] - wide.delta[at] * (out.mean[from] - middle);
    out.slope[to] = -factor * covariance;
    const double once =
        (narrow.mean_delta[at * term_count + term] + term_middle * narrow.delta[at]) * (1 / std::sqrt(2.0));
    const double twice = (narrow.mean_delta_square[at * term_count + term] + term_middle * narrow.delta_square[at]) / 2;
    const double zeroth = narrow.mean[q * term_count + term];
    const double spread = not_negative(twice - 2 * center[i] * once + center[i] * center[i] * zeroth);
    const double unit = variance == Variance::local ? out.standard_error[from] / std::sqrt(sum[i]) : term_unit[v];
    out.slope_error[to] = factor * unit * std::sqrt(spread * sum[i]);
  }
  if (out.slope_bounds.empty()) return;
  // |delta| of weights that count is below 16, and so is the error of its moments in units of that of the weights.
  for (std::size_t i = 0; i < of.count; ++i) {
    const std::size_t q = of.query(i), at = q * dims + d;
    out.slope_bounds[((first + q) * dims + d) * cols + v] =
        factor * 2 * workspace.values.unit[v] * wide.bound[q] * (24 + 3 * std::abs(wide.delta[at]));
  }
}

}  // namespace attnpool::detail
