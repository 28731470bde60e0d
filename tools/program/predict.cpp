#include <algorithm>
#include <attnpool/attnpool.hpp>
#include <iostream>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>

#include "atomic_file.hpp"
#include "commands.hpp"
#include "csv.hpp"
#include "errors.hpp"
#include "interrupt.hpp"
#include "json_file.hpp"
#include "npy.hpp"
#include "pictures.hpp"
#include "plan_options.hpp"
#include "problem.hpp"
#include "progress.hpp"

namespace attnpool::program {
namespace {

struct PredictOptions {
  CommonOptions common;
  ProblemOptions problem;
  PlanOptions plan;
  std::string out = "-", plot;
  bool bounds = false;
};

/// Of the column that --bounds adds.
constexpr const char* bound_name = "bound";

struct Prediction {
  Report report;
  std::optional<Explanation> explanation;
};

/// The data, and the prediction as a line through the queries in ascending order.
template <class T>
std::string picture_of(const Problem& problem, const Matrix<T>& predictions) {
  std::vector<std::size_t> order(problem.queries.rows);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto& x = problem.queries.cells;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return x[a] < x[b]; });
  const Data& data = problem.data;
  Panel panel{"", data.x[0], data.y[0], {{"data", Stroke::points, colors::points, data.keys.cells, data.values.cells}}};
  Curve curve{"prediction", Stroke::line, colors::fit, {}, {}};
  for (const std::size_t q : order) {
    curve.x.push_back(x[q]);
    curve.y.push_back(static_cast<double>(predictions(q, 0)));
  }
  panel.title =
      data.y[0] + " over " + data.x[0] + ", bandwidth " + to_short_text(1 / std::abs(problem.score->w_of(0)), 4);
  panel.curves.push_back(std::move(curve));
  return chart_png({panel});
}

template <class T>
void write_csv(AtomicFile& file, const Problem& problem, const Matrix<T>& predictions,
               const std::vector<double>& bounds) {
  std::vector<std::string> names = problem.data.x;
  names.insert(names.end(), problem.data.y.begin(), problem.data.y.end());
  if (!bounds.empty()) names.push_back(bound_name);
  file.write(csv_header(names));
  std::string line;
  for (std::size_t q = 0; q < predictions.rows; ++q) {
    line.clear();
    for (std::size_t d = 0; d < problem.queries.cols; ++d) line += to_text(problem.queries(q, d)) + ',';
    for (std::size_t v = 0; v < predictions.cols; ++v) line += to_text(predictions(q, v)) + ',';
    if (!bounds.empty()) line += to_text(bounds[q]) + ',';
    line.back() = '\n';
    file.write(line);
  }
}

template <class T>
void write_npy(AtomicFile& file, const Problem& problem, const Matrix<T>& predictions,
               const std::vector<double>& bounds) {
  file.write(npy_header<double>(predictions.rows, problem.queries.cols + predictions.cols + !bounds.empty()));
  std::vector<double> row;
  for (std::size_t q = 0; q < predictions.rows; ++q) {
    row.assign(&problem.queries.cells[q * problem.queries.cols],
               &problem.queries.cells[q * problem.queries.cols] + problem.queries.cols);
    for (std::size_t v = 0; v < predictions.cols; ++v) row.push_back(static_cast<double>(predictions(q, v)));
    if (!bounds.empty()) row.push_back(bounds[q]);
    file.write(npy_bytes(row));
  }
}

/// Writes the outputs.
template <class T>
Prediction predict(const PredictOptions& options, const Problem& problem, Options call) {
  Arrays<T> arrays(problem);
  const auto queries = arrays.queries.view(), keys = arrays.keys.view(), values = arrays.values.view();
  Matrix<T> predictions(queries.rows, values.cols);
  std::vector<double> bounds(options.bounds ? queries.rows : 0);
  Prediction done;
  if (options.plan.explain) {
    done.explanation = explain<T>(queries, keys, values, *problem.score, call);
    if (!options.common.quiet) std::cerr << done.explanation->text();
  }
  {
    ProgressDisplay progress("predict", options.common.quiet);
    call.progress = [&](double fraction) { return progress.update(fraction); };
    call.bounds = bounds;
    done.report.bound = std::numeric_limits<double>::quiet_NaN();  // not every way of the library knows it
    if (options.common.json) call.report = &done.report;
    pool<T>(queries, keys, values, *problem.score, predictions.view(), call);
  }
  const std::string picture = options.plot.empty() ? "" : picture_of(problem, predictions);
  AtomicFile file(options.out);
  if (interrupted()) throw CancelledByUser();  // since the last progress
  options.out.ends_with(".npy") ? write_npy(file, problem, predictions, bounds)
                                : write_csv(file, problem, predictions, bounds);
  if (!options.plot.empty()) write_file(options.plot, picture);
  file.commit();
  return done;
}

Exit run_predict(const PredictOptions& options) {
  const Clock::time_point start = Clock::now();
  const int threads = checked_threads(options.common);
  const double tolerance = checked_tolerance(options.plan);
  check_outputs(options.common, options.out, options.plot);
  const Problem problem = load_problem(options.problem);
  if (!options.plot.empty() && problem.queries.cols != 1) throw UsageError("--plot: can show one x column only");
  for (const auto* names : {&problem.data.x, &problem.data.y}) {
    if (options.bounds && std::find(names->begin(), names->end(), bound_name) != names->end()) {
      throw UsageError("--bounds: a column is called " + cited(bound_name) + " already");
    }
  }
  Options call = library_options(problem, threads, {});
  call.plan = checked_plan(options.plan, problem.queries.cols);
  call.tolerance = tolerance;
  const Prediction done =
      in_precision(problem.precision, [&](auto zero) { return predict<decltype(zero)>(options, problem, call); });
  if (!options.common.json) return Exit::ok;
  nlohmann::ordered_json report = json_report(problem, threads, start, options.out);
  report["result"] = {
      {"plan", name(done.report.plan)}, {"handed_over", done.report.handed_over}, {"bound", done.report.bound}};
  if (done.explanation) report["explanation"] = to_json(*done.explanation);
  write_json("-", report);
  return Exit::ok;
}

}  // namespace

void add_predict(CLI::App& program, Command& chosen) {
  auto options = std::make_shared<PredictOptions>();
  CLI::App* command = program.add_subcommand("predict", "Predict from a model, or from data and a bandwidth");
  add_problem_options(*command, options->problem);
  command->add_option("--out", options->out, "Predictions: CSV, or NPY if the name ends in .npy")
      ->type_name("FILE")
      ->capture_default_str();
  command->add_option("--plot", options->plot, "Picture of data and prediction, PNG")->type_name("FILE");
  command
      ->add_option("--key-weights", options->problem.key_weights,
                   "Column of --data with a weight for each row as a key, 0 or more (default: all 1)")
      ->type_name("COL")
      ->needs(command->get_option("--data"));
  add_plan_options(*command, options->plan,
                   "Say on standard error, and in the JSON report, how the work will be done and why");
  command->add_flag("--bounds", options->bounds,
                    "Add a column 'bound' to the predictions: no error of the row is larger, as a part of the range "
                    "(largest - smallest value) of its y column, but for the rounding of the largest value");
  add_common_options(*command, options->common);
  command->callback([=, &chosen] { chosen = [=] { return run_predict(*options); }; });
}

}  // namespace attnpool::program
