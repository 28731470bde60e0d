#include "commands/training.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "base/errors.hpp"
#include "commands/inference.hpp"
#include "display/progress.hpp"

namespace attnpool::program {
namespace {

std::vector<double> sorted_column(const Matrix<double>& matrix, std::size_t column) {
  std::vector<double> x;
  x.reserve(matrix.rows);
  for (std::size_t r = 0; r < matrix.rows; ++r) x.push_back(matrix(r, column));
  std::sort(x.begin(), x.end());
  return x;
}

/// The smallest positive one of standard deviation and interquartile range / 1.349 of sorted numbers, 0 if they are all
/// the same. An outlier moves the first only; many ties make the second 0. Numbers are counted from the first, so that
/// their distance from 0 does not matter.
double spread(const std::vector<double>& x) {
  const double unit = x.back() / 2 - x.front() / 2;  // twice it may overflow
  if (!(unit > 0)) return 0;
  const auto scaled = [&](double value) { return value / 2 / unit - x.front() / 2 / unit; };
  double mean = 0, squares = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {  // Welford's recurrence
    const double delta = scaled(x[i]) - mean;
    mean += delta / static_cast<double>(i + 1);
    squares += delta * (scaled(x[i]) - mean);
  }
  const double deviation = std::sqrt(squares / static_cast<double>(x.size()));
  const double quartiles = (scaled(x[3 * (x.size() - 1) / 4]) - scaled(x[(x.size() - 1) / 4])) / 1.349;
  return (quartiles > 0 ? std::min(deviation, quartiles) : deviation) * unit * 2;
}

double spread(const Matrix<double>& matrix) {
  double squares = 0;
  for (std::size_t c = 0; c < matrix.cols; ++c) squares += std::pow(spread(sorted_column(matrix, c)), 2);
  return std::sqrt(squares / static_cast<double>(matrix.cols));
}

/// Constant columns and the edges of the number range leave no rule; any value serves there.
double usable_or_one(double value) { return std::isfinite(value) && value > 0 ? value : 1; }

/// Without leave-one-out the loss falls with the bandwidth: Silverman's rule on a robust spread of the x columns.
double rule_start(const Data& data) {
  return usable_or_one(1 / (1.06 * spread(data.keys) * std::pow(static_cast<double>(data.keys.rows), -0.2)));
}

SelectionOptions selection_options(const TrainingOptions& options, ProgressDisplay& display) {
  SelectionOptions selection;
  selection.criterion = options.criterion;
  selection.per_dimension = options.per_dimension;
  selection.kernel = options.smoothing.kernel;
  selection.order = options.smoothing.order;
  // A bandwidth at which a row has no other within reach is then out of the question, as it is for nan.
  if (options.smoothing.empty != Empty::error) selection.empty = options.smoothing.empty;
  selection.threads = options.descent.threads;
  selection.progress = [&display](double fraction) { return display.update(fraction); };
  return selection;
}

Selection select(const Data& data, const TrainingOptions& options, bool quiet) {
  ProgressDisplay display("fit: selection", quiet);
  SelectionOptions selection = selection_options(options, display);
  selection.key_weights = data.key_weights;
  return select_bandwidth<double>(data.keys.view(), data.values.view(), selection);
}

/// The groups one below the other, as the library takes them.
std::vector<Selection> select_each(const std::vector<Data>& groups, const TrainingOptions& options, bool quiet) {
  ProgressDisplay display("fit: selection", quiet);
  Matrix<double> keys(0, groups.front().keys.cols), values(0, groups.front().values.cols);
  std::vector<std::size_t> offsets{0};
  std::vector<double> weights;
  for (const Data& group : groups) {
    keys.cells.insert(keys.cells.end(), group.keys.cells.begin(), group.keys.cells.end());
    values.cells.insert(values.cells.end(), group.values.cells.begin(), group.values.cells.end());
    weights.insert(weights.end(), group.key_weights.begin(), group.key_weights.end());
    offsets.push_back(offsets.back() + group.keys.rows);
  }
  keys.rows = values.rows = offsets.back();
  SelectionOptions selection = selection_options(options, display);
  selection.key_weights = weights;
  return select_bandwidth_batch<double>(offsets, keys.view(), values.view(), selection);
}

FitResult descend(const Data& data, Precision precision, FitOptions options, bool quiet) {
  ProgressDisplay display("fit", quiet);
  options.progress = [&](const FitProgress& progress) {
    std::string detail = "epoch " + std::to_string(std::min(progress.epoch + 1, progress.epochs)) + " of " +
                         std::to_string(progress.epochs);
    if (std::isfinite(progress.loss)) detail += ", loss " + to_short_text(progress.loss);
    return display.update(progress.fraction, detail);
  };
  return in_precision(precision, [&](auto zero) {
    using T = decltype(zero);
    const auto keys = converted<T>(data.keys, "the x columns", middles(data.keys)),
               values = converted<T>(data.values, "the y columns");
    return fit<T>(keys.view(), values.view(), options);
  });
}

/// The first w of a descent: that of the least leave-one-out loss, one for all x columns.
Training::Start start_of(const Data& data, const TrainingOptions& options, bool quiet) {
  if (!options.descent.leave_one_out) return {rule_start(data), ""};
  TrainingOptions least = options;
  least.criterion = Criterion::leave_one_out;
  least.per_dimension = false;
  const Selection found = select(data, least, quiet);
  return {found.w[0] > 0 ? found.w[0] : rule_start(data), to_string(found.bound)};
}

Training descended(const Data& data, Precision precision, const TrainingOptions& asked, bool quiet) {
  Training training;
  FitOptions options = asked.descent;
  if (options.w0.empty()) {
    const Training::Start start = start_of(data, asked, quiet);
    options.w0 = {start.w};
    training.at_bound = start.at_bound;
  }
  training.result = descend(data, precision, options, quiet);
  training.options = std::move(options);
  return training;
}

/// Selection works in double, but the model is to predict in float: refuses what a float cannot hold.
void check_precision(const Data& data, Precision precision) {
  if (precision != Precision::float_) return;
  converted<float>(data.keys, "the x columns", middles(data.keys));
  converted<float>(data.values, "the y columns");
}

Training selected(const Data& data, const TrainingOptions& asked, Selection found) {
  Training training;
  training.rows = data.keys.rows;
  training.options = asked.descent;
  training.options.key_weights = data.key_weights;
  training.criterion = asked.criterion;
  training.smoothing = asked.smoothing;
  training.at_bound = to_string(found.bound);
  training.result.w = found.w;
  training.result.loss = found.leave_one_out;
  training.result.stop = found.cancelled ? FitStop::cancelled : found.converged ? FitStop::converged : FitStop::epochs;
  training.selection = std::move(found);
  return training;
}

std::vector<double> bandwidths_by(const std::string& rule, MatrixView<const double> keys,
                                  MatrixView<const double> values, const std::vector<double>& key_weights) {
  if (rule == "scott") return scott<double>(keys, {.key_weights = key_weights});
  if (rule == "silverman") return silverman<double>(keys, {.key_weights = key_weights});
  try {
    return {ruppert_sheather_wand<double>(keys, values)};
  } catch (const std::invalid_argument& e) {
    std::string message = e.what();
    for (const auto& [ours, theirs] : {std::pair{"keys:", "x:"}, {"values:", "y:"}})
      if (message.starts_with(ours)) message.replace(0, std::strlen(ours), theirs);
    throw DataError("--method " + rule + ": " + message);
  }
}

Training ruled(const Data& data, Precision precision, const TrainingOptions& asked) {
  const auto keys = converted<double>(data.keys, "the x columns", middles(data.keys)),
             values = converted<double>(data.values, "the y columns");
  if (precision == Precision::float_) {
    converted<float>(data.keys, "the x columns", middles(data.keys));
    converted<float>(data.values, "the y columns");
  }
  Training training;
  training.options = asked.descent;
  training.rule = asked.rule;
  for (const double h : bandwidths_by(asked.rule, keys.view(), values.view(), data.key_weights))
    training.result.w.push_back(1 / h);
  training.smoothing = asked.smoothing;
  training.summary =
      summary_of(data, Kernel(asked.smoothing.kernel, training.result.w), asked.smoothing, asked.descent.threads);
  training.result.loss = training.summary->leave_one_out;
  training.result.stop = FitStop::converged;
  return training;
}

}  // namespace

double first_w(const Data& data) { return rule_start(data); }

Training train(const Data& data, Precision precision, TrainingOptions options, bool quiet) {
  if (options.selects) {
    check_precision(data, precision);
    return selected(data, options, select(data, options, quiet));
  }
  options.descent.key_weights = data.key_weights;
  Training training =
      !options.rule.empty() ? ruled(data, precision, options) : descended(data, precision, options, quiet);
  training.rows = data.keys.rows;
  return training;
}

std::vector<Training> train_groups(const std::vector<Data>& groups, Precision precision, const TrainingOptions& options,
                                   bool quiet) {
  std::vector<Training> trainings;
  if (!options.selects) {
    for (const Data& group : groups) {
      trainings.push_back(train(group, precision, options, quiet));
      if (trainings.back().result.stop == FitStop::cancelled) break;
    }
    return trainings;
  }
  for (const Data& group : groups) check_precision(group, precision);
  std::vector<Selection> found = select_each(groups, options, quiet);
  for (std::size_t g = 0; g < groups.size(); ++g)
    trainings.push_back(selected(groups[g], options, std::move(found[g])));
  return trainings;
}

}  // namespace attnpool::program
