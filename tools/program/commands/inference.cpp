#include "commands/inference.hpp"

#include <attnpool/from_string.hpp>
#include <sstream>

#include "base/arguments.hpp"
#include "base/errors.hpp"
#include "base/number.hpp"

namespace attnpool::program {

double checked_level(const InferenceArguments& arguments) {
  const double level = number_argument("--level", arguments.level);
  if (!(level > 0 && level < 1)) throw UsageError("--level: " + in_quotes(arguments.level) + " is not between 0 and 1");
  return level;
}

void add_inference_options(CLI::App& command, InferenceArguments& arguments) {
  command.add_flag(
      "--standard-error", arguments.standard_error,
      "Add to every y column Y its standard error Y_se, the ends Y_lower and Y_upper of a pointwise band for "
      "the expectation of the prediction, and a column effective_keys");
  command
      .add_option("--variance", arguments.variance,
                  "Of the standard error: hc0 to hc3 from the residuals of the data, hc3 from the errors of predicting "
                  "each row from the others; local: one variance around each query")
      ->type_name("hc0|hc1|hc2|hc3|local")
      ->check(CLI::IsMember({"hc0", "hc1", "hc2", "hc3", "local"}))
      ->capture_default_str();
  command.add_option("--level", arguments.level, "Of the band, between 0 and 1")->type_name("P")->capture_default_str();
  command.add_flag(
      "--slope", arguments.slope,
      "Add the derivative of every y column Y in every x column X, Y_per_X, and its standard error Y_per_X_se");
}

void check_inference(const InferenceArguments& arguments, const Problem& problem) {
  checked_level(arguments);
  if (!arguments.wanted()) return;
  const char* option = arguments.standard_error ? "--standard-error" : "--slope";
  if (problem.leave_one_out || problem.range != KeyRange::all())
    throw UsageError(std::string(option) +
                     ": serves predictions from all rows, not --leave-one-out, --causal or --window");
  require_gaussian_mean(option, problem.smoothing);
}

void require_gaussian_mean(const std::string& option, const Smoothing& smoothing) {
  if (!smoothing.is_gaussian_mean())
    throw UsageError(option + ": serves the gaussian kernel at order 0, got " + text_of(smoothing));
}

FitSummary summary_of(const Data& data, const Kernel& kernel, const Smoothing& smoothing, int threads) {
  const auto keys = converted<double>(data.keys, "the x columns", middles(data.keys)),
             values = converted<double>(data.values, "the y columns");
  if (smoothing.is_gaussian_mean())
    return Inference(keys.view(), values.view(), kernel, {.key_weights = data.key_weights, .threads = threads})
        .summary();
  Options options;
  options.key_weights = data.key_weights;
  options.order = smoothing.order;
  options.empty = smoothing.empty;
  options.threads = threads;
  return fit_summary<double>(keys.view(), values.view(), kernel, options);
}

std::vector<Column> inference_columns(const InferenceArguments& arguments, const Problem& problem) {
  std::vector<Column> columns;
  const auto add = [&](const std::string& name) {
    columns.push_back({name, std::vector<double>(problem.queries.rows)});
  };
  for (const std::string& y : problem.data.y)
    for (const char* end : {"_se", "_lower", "_upper"})
      if (arguments.standard_error) add(y + end);
  if (arguments.standard_error) add("effective_keys");
  for (const std::string& x : problem.data.x)
    for (const std::string& y : problem.data.y)
      for (const char* end : {"", "_se"})
        if (arguments.slope) add(y + "_per_" + x + end);
  return columns;
}

std::size_t infer(const InferenceArguments& arguments, const Part& part, const Options& call,
                  std::vector<Column>& columns) {
  const Problem& problem = part.problem;
  const Arrays<double> arrays(problem);
  const Inference inference(arrays.keys.view(), arrays.values.view(), *problem.score,
                            {.variance = from_string<Variance>(arguments.variance),
                             .key_weights = problem.data.key_weights,
                             .algorithm = call.algorithm,
                             .tolerance = call.tolerance,
                             .threads = call.threads,
                             .progress = call.progress});
  const attnpool::Prediction p = inference.predict(
      arrays.queries.view(), {.level = checked_level(arguments), .slopes = arguments.slope, .progress = call.progress});
  std::size_t far = 0;
  for (std::size_t q = 0; q < p.queries; ++q) {
    const std::size_t row = row_of(part, q);
    std::size_t c = 0;
    far += p.status[q] == QueryStatus::far;
    for (std::size_t v = 0; v < p.cols && arguments.standard_error; ++v)
      for (const auto* x : {&p.standard_error, &p.lower, &p.upper}) columns[c++].cells[row] = (*x)[q * p.cols + v];
    if (arguments.standard_error) columns[c++].cells[row] = p.effective_keys[q];
    for (std::size_t i = 0; i < p.dims * p.cols && arguments.slope; ++i)
      for (const auto* x : {&p.slope, &p.slope_error}) columns[c++].cells[row] = (*x)[q * p.dims * p.cols + i];
  }
  return far;
}

std::string text_of(const FitSummary& fit) {
  std::ostringstream text;
  text << "rows       " << fit.rows << ", " << plural(fit.dims, "x column") << ", " << plural(fit.cols, "y column")
       << "\n"
       << "fit        tr H " << to_short_text(fit.trace) << ", R squared " << to_short_text(fit.r_squared)
       << ", residual standard error " << to_short_text(fit.residual_error) << "\n"
       << "criteria   leave-one-out " << to_short_text(fit.leave_one_out) << ", GCV " << to_short_text(fit.gcv)
       << ", AICc " << to_short_text(fit.aicc) << "\n";
  return text.str();
}

nlohmann::ordered_json to_json(const FitSummary& fit) {
  return {{"rows", fit.rows},
          {"leave_one_out", fit.leave_one_out},
          {"gcv", fit.gcv},
          {"aicc", fit.aicc},
          {"trace", fit.trace},
          {"r_squared", fit.r_squared},
          {"residual_error", fit.residual_error}};
}

}  // namespace attnpool::program
