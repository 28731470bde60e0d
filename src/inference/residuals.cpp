#include "inference/residuals.hpp"

#include <algorithm>
#include <cmath>

#include "result/leverage.hpp"
#include "selection/criterion_function.hpp"

namespace attnpool::detail {
namespace {

// The largest distance of a value from the first of its column: sums of squares are taken in this unit.
double unit_of(const WeightedRows& data) {
  double unit = 0;
  for (std::size_t i = 0; i < data.values.size(); ++i)
    unit = std::max(unit, std::abs(data.values[i] / 2 - data.values[i % data.cols] / 2));
  return unit > 0 ? 2 * unit : 1;
}

// The weighted mean of the squares of deviations from the weighted mean of each column, all columns alike.
double variance_of(const WeightedRows& data, double unit, double total_weight) {
  double variance = 0;
  for (std::size_t v = 0; v < data.cols; ++v) {
    const auto deviation = [&](std::size_t i) { return data.values[i * data.cols + v] / unit - data.values[v] / unit; };
    double mean = 0, squares = 0;
    for (std::size_t i = 0; i < data.rows; ++i) mean += data.weight(i) / total_weight * deviation(i);
    for (std::size_t i = 0; i < data.rows; ++i)
      squares += data.weight(i) / total_weight * (deviation(i) - mean) * (deviation(i) - mean);
    variance += squares / static_cast<double>(data.cols);
  }
  return variance;
}

FitSummary summary_of(const WeightedRows& data, const Residuals& r) {
  const double unit = unit_of(data), n = static_cast<double>(data.rows);
  double total_weight = 0;
  for (std::size_t i = 0; i < data.rows; ++i) total_weight += data.weight(i);
  Evaluation sums;
  sums.leave_one_out = 0;
  for (std::size_t i = 0; i < data.rows; ++i) {
    const double share = data.weight(i) / total_weight / static_cast<double>(data.cols);
    for (std::size_t v = 0; v < data.cols; ++v) {
      const double error = r.left_out[i * data.cols + v] / unit, residual = error * r.rest[i];
      sums.leave_one_out += share * error * error;
      sums.residual_squares += share * residual * residual;
    }
    sums.rest += r.rest[i];
    sums.trace += 1 - r.rest[i];
  }
  return {.rows = data.rows,
          .dims = data.dims,
          .cols = data.cols,
          .trace = sums.trace,
          .leave_one_out = sums.leave_one_out * unit * unit,
          .gcv = sums.gcv(n) * unit * unit,
          .aicc = sums.aicc(n) + 2 * std::log(unit),
          .r_squared = 1 - sums.residual_squares / variance_of(data, unit, total_weight),
          .residual_error = unit * std::sqrt(sums.residual_squares * n / sums.rest)};
}

}  // namespace

Residuals residuals_of(const WeightedRows& data, const Kernel& kernel, Options options, Workspace<double>& workspace) {
  options.range = KeyRange::all_but_self();
  options.key_weights = data.weights;
  Residuals result;
  result.left_out.resize(data.values.size());
  result.rest.resize(data.rows);
  const Sink sink = [&](const QuerySums& q) {
    double mean[query_block];
    for (std::size_t v = 0; v < data.cols; ++v) {
      weighted_means(workspace.values, options.range, q, v, mean);
      for (std::size_t i = 0; i < q.count; ++i) {
        const std::size_t at = q.query(i) * data.cols + v;
        result.left_out[at] = data.values[at] - mean[i];
      }
    }
    for (std::size_t i = 0; i < q.count; ++i)
      result.rest[q.query(i)] = rest_of(q.weight(0, i), q.reference, data.weight(q.query(i)));
  };
  execute<double>({data.key_view(), data.key_view(), kernel, Moments::none, options}, workspace, sink);
  result.summary = summary_of(data, result);
  return result;
}

std::vector<double> variance_terms(const Residuals& residuals, Variance variance) {
  std::vector<double> terms = residuals.left_out;
  const FitSummary& fit = residuals.summary;
  const double n = static_cast<double>(fit.rows), hc1 = std::sqrt(n / (n - fit.trace));
  for (std::size_t i = 0; i < terms.size(); ++i) {
    const double rest = residuals.rest[i / fit.cols];
    terms[i] *= variance == Variance::hc0   ? rest
                : variance == Variance::hc1 ? rest * hc1
                : variance == Variance::hc2 ? std::sqrt(rest)
                                            : 1;
  }
  return terms;
}

}  // namespace attnpool::detail
