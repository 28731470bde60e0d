#include <unistd.h>

#include <algorithm>
#include <attnpool/attnpool.hpp>
#include <iostream>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>

#include "base/errors.hpp"
#include "base/interrupt.hpp"
#include "commands/algorithm_options.hpp"
#include "commands/bootstrap.hpp"
#include "commands/commands.hpp"
#include "commands/prediction_picture.hpp"
#include "commands/problem.hpp"
#include "display/progress.hpp"
#include "io/atomic_file.hpp"
#include "io/csv.hpp"
#include "io/json_file.hpp"
#include "io/npy.hpp"
#include "io/output.hpp"

namespace attnpool::program {
namespace {

struct PredictOptions {
  CommonOptions common;
  ProblemOptions problem;
  AlgorithmOptions algorithm;
  std::string out = "-", plot;
  InferenceArguments inference;
  BootstrapArguments bootstrap;
  bool bounds = false, status = false, out_given = false;
};

/// The header of the column that --error-bounds adds.
constexpr const char* bound_name = "error_bound";
/// And that of the column of --status.
constexpr const char* status_name = "status";

/// The answers of all queries.
struct Prediction {
  Matrix<double> values;              ///< [queries][y columns]; in float, numbers that a float holds
  std::vector<Column> added;          ///< of inference, of the bootstrap, and last the bounds of --error-bounds
  std::vector<QueryStatus> statuses;  ///< [queries]: of --status, and of other fits than Gaussian means
  std::size_t far = 0;                ///< queries more than four bandwidths from all data, if inference looked
  std::size_t passed_over = 0;        ///< queries for which replicates of the bootstrap were passed over
  std::size_t without_answer = 0;     ///< queries that see no key, or whose y columns hold no number
  Report report;
  std::optional<Explanation> explanation;
};

void write_text(AtomicFile& file, const Problem& problem, const Prediction& done, bool has_status, char separator) {
  const Data& data = problem.data;
  std::vector<std::string> names;
  if (!data.group.empty()) names.push_back(data.group);
  names.insert(names.end(), data.x.begin(), data.x.end());
  names.insert(names.end(), data.y.begin(), data.y.end());
  for (const Column& column : done.added) names.push_back(column.name);
  if (has_status) names.push_back(status_name);
  file.write(csv_header(names, separator));
  std::string line;
  for (std::size_t q = 0; q < done.values.rows; ++q) {
    line.clear();
    if (!data.group.empty()) {
      append_field(line, problem.query_groups[q], separator);
      line += separator;
    }
    for (std::size_t d = 0; d < problem.queries.cols; ++d) {
      const double x = problem.queries(q, d);
      line += (data.is_date(d) ? date_text(*data.origins[d], x) : to_text(x)) + separator;
    }
    for (std::size_t v = 0; v < done.values.cols; ++v) {
      const double y = done.values(q, v);
      line += (problem.precision == Precision::float_ ? to_text(static_cast<float>(y)) : to_text(y)) + separator;
    }
    for (const Column& column : done.added) line += to_text(column.cells[q]) + separator;
    if (has_status) line += to_string(done.statuses[q]) + std::string(1, separator);
    line.back() = '\n';
    file.write(line);
  }
}

void write_npy(AtomicFile& file, const Problem& problem, const Prediction& done) {
  file.write(npy_header<double>(done.values.rows, problem.queries.cols + done.values.cols + done.added.size()));
  std::vector<double> row;
  for (std::size_t q = 0; q < done.values.rows; ++q) {
    row.assign(&problem.queries.cells[q * problem.queries.cols],
               &problem.queries.cells[q * problem.queries.cols] + problem.queries.cols);
    for (std::size_t v = 0; v < done.values.cols; ++v) row.push_back(done.values(q, v));
    for (const Column& column : done.added) row.push_back(column.cells[q]);
    file.write(npy_bytes(row));
  }
}

/// Enters the statuses of a part among all. Throws DataError where nothing is in reach of a query and that is to be an error.
void enter_statuses(const Part& part, const std::vector<QueryStatus>& statuses, Prediction& done) {
  for (std::size_t q = 0; q < statuses.size(); ++q) {
    done.statuses[row_of(part, q)] = statuses[q];
    if (statuses[q] != QueryStatus::empty || part.problem.smoothing.empty != Empty::error) continue;
    throw DataError("query " + std::to_string(row_of(part, q)) +
                    " (from 0) has no row of the data within reach of the kernel, which --empty error refuses");
  }
}

/// Answers the queries of one part and enters them among all.
template <class T>
void answer(const PredictOptions& options, const Part& part, Options call, Prediction& done) {
  const Problem& problem = part.problem;
  Arrays<T> arrays(problem);
  const auto queries = arrays.queries.view(), keys = arrays.keys.view(), values = arrays.values.view();
  call.key_weights = problem.data.key_weights;
  if (options.algorithm.explain) {
    done.explanation = explain<T>(queries, keys, values, *problem.score, call);
    if (!options.common.quiet) std::cerr << done.explanation->text();
  }
  Matrix<T> predictions(queries.rows, values.cols);
  std::vector<double> bounds(options.bounds ? queries.rows : 0);
  Report report;
  std::vector<QueryStatus> statuses(done.statuses.empty() ? 0 : queries.rows);
  call.error_bounds = bounds;
  call.status = statuses;
  if (options.common.json) call.report = &report;
  pool<T>(queries, keys, values, *problem.score, predictions.view(), call);
  enter_statuses(part, statuses, done);
  done.report.algorithm = report.algorithm;
  done.report.fallback_queries += report.fallback_queries;
  done.report.error_bound = std::max(done.report.error_bound, report.error_bound);
  for (std::size_t q = 0; q < queries.rows; ++q) {
    const std::size_t row = part.rows.empty() ? q : part.rows[q];
    bool answered = true;
    for (std::size_t v = 0; v < values.cols; ++v) {
      done.values(row, v) = static_cast<double>(predictions(q, v));
      answered &= !std::isnan(predictions(q, v));
    }
    done.without_answer += !answered;
    if (options.bounds) done.added.back().cells[row] = bounds[q];
  }
}

std::vector<Column> added_columns(const PredictOptions& options, const Problem& problem) {
  std::vector<Column> columns = inference_columns(options.inference, problem);
  for (Column& column : bootstrap_columns(options.bootstrap, problem)) columns.push_back(std::move(column));
  if (options.bounds) columns.push_back({bound_name, std::vector<double>(problem.queries.rows)});
  return columns;
}

Prediction predict(const PredictOptions& options, const Problem& problem, Options call) {
  Prediction done;
  done.values = Matrix<double>(problem.queries.rows, problem.data.values.cols);
  done.added = added_columns(options, problem);
  // Those of kernels that never end take another pass.
  if (options.status || problem.smoothing.kernel.is_compact()) done.statuses.resize(problem.queries.rows);
  const std::vector<Part> parts = parts_of(problem);
  ProgressDisplay progress("predict", options.common.quiet);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    call.progress = [&](double fraction) {
      return progress.update((static_cast<double>(i) + fraction) / static_cast<double>(parts.size()));
    };
    in_precision(problem.precision, [&](auto zero) { answer<decltype(zero)>(options, parts[i], call, done); });
    if (options.inference.wanted()) done.far += infer(options.inference, parts[i], call, done.added);
    if (options.bootstrap.wanted())
      done.passed_over +=
          bootstrap(options.bootstrap, options.inference, parts[i], call,
                    std::span(done.added).subspan(inference_columns(options.inference, problem).size()));
    if (!call.progress(1)) throw CancelledByUser();
  }
  return done;
}

/// A picture is asked for and nobody has said where rows go: a terminal would be flooded with them.
bool wants_picture_only(const PredictOptions& options) {
  return !options.plot.empty() && !options.out_given && isatty(STDOUT_FILENO) != 0;
}

void write_outputs(const PredictOptions& options, const Problem& problem, const Prediction& done, const Options& call) {
  const std::string picture = options.plot.empty()
                                  ? ""
                                  : draw({problem, done.values, done.added, options.inference, options.bootstrap, call},
                                         picture_format("--plot", options.plot));
  if (wants_picture_only(options)) return write_file(options.plot, picture);
  const TableFormat format = table_format("--out", options.out);
  AtomicFile file(options.out);
  if (interrupted()) throw CancelledByUser();  // since the last progress
  if (format == TableFormat::npy) {
    write_npy(file, problem, done);
  } else {
    write_text(file, problem, done, options.status, separator_of(format));
  }
  if (!options.plot.empty()) write_file(options.plot, picture);
  file.commit();
}

std::size_t count_of(const Prediction& done, QueryStatus status) {
  return static_cast<std::size_t>(std::count(done.statuses.begin(), done.statuses.end(), status));
}

/// What the user must know of the answers, one line each.
void report_answers(const PredictOptions& options, const Problem& problem, const Prediction& done) {
  const auto say = [&](std::size_t rows, const std::string& what) {
    if (rows > 0) print_status(plural(rows, "row") + " of " + std::to_string(problem.queries.rows) + what);
  };
  say(done.without_answer, " without an answer (nan): no row of the data is in reach of the query");
  if (const Empty empty = problem.smoothing.empty; empty == Empty::nearest || empty == Empty::mean)
    say(count_of(done, QueryStatus::empty),
        " with no row of the data in reach: there the answer is " +
            std::string(empty == Empty::mean ? "the mean of all rows" : "that of the nearest row"));
  say(count_of(done, QueryStatus::lower_order),
      " where the rows in reach do not determine the order that was asked for");
  say(done.far, " more than four bandwidths from all data: there the answer is that of the nearest rows");
  if (options.bootstrap.is_pairs())
    say(done.passed_over, " not from all replicates (column boot_used): in the others no row near the query was drawn");
}

nlohmann::ordered_json json_of_statuses(const Prediction& done) {
  nlohmann::ordered_json counts;
  for (const QueryStatus status :
       {QueryStatus::answered, QueryStatus::far, QueryStatus::unseen, QueryStatus::empty, QueryStatus::lower_order})
    counts[to_string(status)] = count_of(done, status);
  return counts;
}

/// What asks for an added column.
std::string option_of(const Column& column) {
  if (column.name == bound_name) return "--error-bounds";
  if (column.name == status_name) return "--status";
  return column.name.find("boot_") != std::string::npos ? "--bootstrap" : "--standard-error or --slope";
}

/// What can be refused before any work.
void check_predict(const PredictOptions& options, const Problem& problem) {
  if (!options.plot.empty()) {
    if (!problem.data.group.empty()) throw UsageError("--plot: cannot show groups");
  }
  const TableFormat format = table_format("--out", options.out);
  if (format == TableFormat::npy && !problem.data.group.empty()) {
    throw UsageError("--out: an NPY file cannot hold the names of groups; .csv and .tsv can");
  }
  if (options.status && format == TableFormat::npy)
    throw UsageError("--status: an NPY file cannot hold words; .csv and .tsv can");
  check_inference(options.inference, problem);
  check_bootstrap(options.bootstrap, options.inference, problem);
  if (options.inference.wanted() || options.bootstrap.wanted())
    check_can_leave_one_out(problem.data, problem.group_names,
                            options.problem.model.empty() ? options.problem.data : options.problem.model);
  std::vector<Column> added = added_columns(options, problem);
  if (options.status) added.push_back({status_name, {}});
  for (const Column& column : added)
    for (const auto* names : {&problem.data.x, &problem.data.y})
      if (std::find(names->begin(), names->end(), column.name) != names->end())
        throw UsageError(option_of(column) + ": a column is called " + in_quotes(column.name) + " already");
  const double rows = static_cast<double>(problem.queries.rows),
               cells = static_cast<double>(problem.queries.cols + problem.data.values.cols + added.size());
  require_space(options.out, rows * cells * (format == TableFormat::npy ? 8 : 2));
}

Exit run_predict(const PredictOptions& options) {
  const Clock::time_point start = Clock::now();
  const int threads = checked_threads(options.common);
  const double tolerance = checked_tolerance(options.algorithm);
  check_outputs(options.common, options.out, options.plot);
  const Problem problem = load_problem(options.problem, options.common.quiet);
  check_predict(options, problem);
  Options call = library_options(problem, threads, {});
  call.algorithm = checked_algorithm(options.algorithm, problem.queries.cols);
  call.tolerance = tolerance;
  const Prediction done = predict(options, problem, call);
  write_outputs(options, problem, done, call);
  if (!options.common.quiet) report_answers(options, problem, done);
  if (!options.common.json) return Exit::ok;
  nlohmann::ordered_json report = json_report(problem, threads, start, options.out);
  report["rows_without_answer"] = done.without_answer;
  if (!done.statuses.empty()) report["statuses"] = json_of_statuses(done);
  if (options.inference.wanted()) report["rows_far_from_data"] = done.far;
  if (options.bootstrap.wanted()) report["rows_not_from_all_replicates"] = done.passed_over;
  report["result"] = {{"algorithm", to_string(done.report.algorithm)},
                      {"fallback_queries", done.report.fallback_queries},
                      {"error_bound", done.report.error_bound}};
  if (done.explanation) report["explanation"] = to_json(*done.explanation);
  write_json("-", report);
  return Exit::ok;
}

}  // namespace

void add_predict(CLI::App& program, Command& chosen) {
  auto options = std::make_shared<PredictOptions>();
  CLI::App* command = program.add_subcommand("predict", "Predict from a model, or from data and a bandwidth");
  add_problem_options(*command, options->problem);
  command->add_option("--out", options->out, "Predictions: CSV, TSV or NPY, as the name ends; - is CSV")
      ->type_name("FILE")
      ->capture_default_str();
  command->add_option("--plot", options->plot, "Picture of data and prediction: PNG, SVG or PDF, as the name ends")
      ->type_name("FILE");
  add_column_options(*command, options->problem);
  add_algorithm_options(*command, options->algorithm,
                        "Say on standard error, and in the JSON report, how the work will be done and why");
  add_inference_options(*command, options->inference);
  add_bootstrap_options(*command, options->bootstrap);
  command->add_flag(
      "--error-bounds", options->bounds,
      "Add a column 'error_bound' to the predictions: no error of the arithmetic in the row is larger, as a "
      "part of the range (largest - smallest value) of its y column, but for the rounding of the largest "
      "value. It says nothing of the data: --standard-error does");
  command->add_flag("--status", options->status,
                    "Add a column 'status': answered; far, more than four bandwidths from all data; unseen, no row is "
                    "visible; empty, no row is within reach of the kernel; lower_order, the rows in reach do not "
                    "determine the line or parabola");
  add_common_options(*command, options->common);
  command->callback([=, &chosen] {
    options->out_given = command->count("--out") > 0;
    chosen = [=] { return run_predict(*options); };
  });
}

}  // namespace attnpool::program
