#include <algorithm>
#include <attnpool/attnpool.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <sstream>

#include "base/arguments.hpp"
#include "base/number.hpp"
#include "commands/algorithm_options.hpp"
#include "commands/commands.hpp"
#include "commands/fit_report.hpp"
#include "commands/kernel_options.hpp"
#include "commands/problem.hpp"
#include "commands/training.hpp"
#include "display/pictures.hpp"
#include "display/progress.hpp"
#include "io/atomic_file.hpp"
#include "io/csv.hpp"
#include "io/json_file.hpp"
#include "io/model.hpp"
#include "io/npy.hpp"
#include "io/output.hpp"

namespace attnpool::program {
namespace {

struct FitArguments {
  CommonOptions common;
  AlgorithmOptions algorithm;
  KernelOptions kernel;
  ReadOptions read;
  std::string data, x, y, key_weights, group, model;
  std::string w0, learning_rate, epochs = "100", tolerance;
  std::string loss = "mean", precision = "double", method, criterion = "leave-one-out", curve, plot_curve, out;
  bool no_leave_one_out = false, history = false, scalar = false;
  /// Whether the command line has an option that belongs to one method.
  std::function<bool(const std::string&)> has;
};

const std::vector<std::string> of_descent = {"--w0",        "--lr",   "--epochs",
                                             "--tolerance", "--loss", "--no-leave-one-out",
                                             "--history"},
                               of_selection = {"--criterion", "--scalar", "--curve", "--plot-curve", "--out"};

/// The --method: select, unless an option of the descent asks for that. Refuses options of another method.
std::string method_of(const FitArguments& arguments) {
  const auto given = [&](const std::vector<std::string>& options) {
    for (const std::string& option : options)
      if (arguments.has(option)) return option;
    return std::string();
  };
  const std::string descent = given(of_descent), selection = given(of_selection);
  const std::string method = !arguments.method.empty() ? arguments.method : descent.empty() ? "select" : "descent";
  if (!descent.empty() && method != "descent") throw UsageError(descent + ": is for --method descent");
  if (!selection.empty() && method != "select")
    throw UsageError(selection + ": is for --method select" +
                     (arguments.method.empty() ? ", which " + descent + " rules out" : ""));
  return method;
}

/// The plug-in rule is for one column of each, and knows no weights.
void check_plug_in(const FitArguments& arguments) {
  const std::size_t x = names_argument("--x", arguments.x).size(), y = names_argument("--y", arguments.y).size();
  if (x != 1 || y != 1)
    throw UsageError("--method dpill: is for one x and one y column, got " + plural(x, "x column") + " and " +
                     plural(y, "y column"));
  if (!arguments.key_weights.empty()) throw UsageError("--key-weights: not with --method dpill");
}

FitOptions checked_descent(const FitArguments& arguments, std::size_t dims) {
  FitOptions options;
  options.threads = checked_threads(arguments.common);
  options.loss = from_string<Loss>(arguments.loss);
  options.leave_one_out = !arguments.no_leave_one_out;
  options.epochs = static_cast<int>(whole_argument("--epochs", arguments.epochs, 0, std::numeric_limits<int>::max()));
  options.algorithm = checked_algorithm(arguments.algorithm, dims);
  options.algorithm_tolerance = checked_tolerance(arguments.algorithm);
  if (!arguments.learning_rate.empty()) options.learning_rate = positive_argument("--lr", arguments.learning_rate);
  // So many steps as were asked for, as in the chapter, or until w is a minimum.
  if (arguments.learning_rate.empty() && !arguments.has("--epochs")) options.tolerance = 1e-9;
  if (!arguments.tolerance.empty()) options.tolerance = positive_argument("--tolerance", arguments.tolerance);
  if (!arguments.w0.empty()) options.w0 = numbers_argument("--w0", arguments.w0);
  if (options.w0.size() > 1 && options.w0.size() != dims) {
    throw UsageError("--w0: " + plural(options.w0.size(), "number") + " for " + plural(dims, "x column"));
  }
  return options;
}

TrainingOptions checked_options(const FitArguments& arguments, std::size_t dims) {
  TrainingOptions options;
  const std::string method = method_of(arguments);
  options.selects = method == "select";
  if (!options.selects && method != "descent") options.rule = method;
  if (method == "dpill") check_plug_in(arguments);
  options.criterion = from_string<Criterion>(arguments.criterion);
  options.per_dimension = !arguments.scalar;
  options.smoothing = checked_smoothing(arguments.kernel, dims);
  if (method == "descent") check_descent(arguments.kernel, options.smoothing);
  if (options.criterion == Criterion::log_loss && options.smoothing.order > 0)
    throw UsageError("--order: " + arguments.kernel.order +
                     " is not for --criterion log-loss: lines are no probabilities");
  options.descent = checked_descent(arguments, dims);
  for (const auto& [option, path] : {std::pair{"--curve", arguments.curve}, {"--plot-curve", arguments.plot_curve}}) {
    if (path.empty()) continue;
    if (!arguments.group.empty()) throw UsageError(std::string(option) + ": not with --group");
    option == std::string("--curve") ? void(table_format(option, path)) : void(picture_format(option, path));
    require_writable(path);
  }
  if (!arguments.out.empty()) {
    if (arguments.group.empty()) throw UsageError("--out: needs --group");
    if (table_format("--out", arguments.out) == TableFormat::npy)
      throw UsageError("--out: an NPY file cannot hold the names of groups; .csv and .tsv can");
    require_writable(arguments.out);
  }
  return options;
}

/// Explains how the loss at the first w is computed.
Explanation explain_loss(const Data& data, Precision precision, const FitOptions& options, const Smoothing& smoothing) {
  Options call;
  if (options.leave_one_out) call.range = KeyRange::all_but_self();
  call.algorithm = options.algorithm;
  call.tolerance = options.algorithm_tolerance;
  call.key_weights = options.key_weights;
  call.threads = options.threads;
  call.order = smoothing.order;
  return in_precision(precision, [&](auto zero) {
    using T = decltype(zero);
    const auto keys = converted<T>(data.keys, "the x columns", middles(data.keys)),
               values = converted<T>(data.values, "the y columns");
    return explain<T>(keys.view(), keys.view(), values.view(), Kernel(smoothing.kernel, options.w0), call);
  });
}

nlohmann::ordered_json json_report(const FitArguments& arguments, const Model& model,
                                   const std::vector<Training>& trainings, double seconds) {
  nlohmann::ordered_json report;
  if (model.data.groups.empty()) {
    report = json_of(trainings.front(), model.data.x, arguments.history);
  } else {
    report["rows"] = model.data.keys.rows;
    report["group"] = model.data.group;
    for (const Training& training : trainings) {
      nlohmann::ordered_json entry = {{"group", training.group}};
      entry.update(json_of(training, model.data.x, arguments.history));
      report["groups"].push_back(std::move(entry));
    }
  }
  report["rows_left_out"] = model.data.left_out;
  report["precision"] = to_string(model.precision);
  report["isa"] = to_string(active_isa());
  report["threads"] = thread_count(trainings.front().options.threads);
  report["seconds"] = seconds;
  report["model"] = arguments.model;
  return report;
}

/// Trains every group; what a signal cuts short is the last.
std::vector<Training> train_all(const FitArguments& arguments, const TrainingOptions& options, Model& model) {
  const bool quiet = arguments.common.quiet;
  std::vector<Training> trainings;
  if (model.data.groups.empty()) {
    trainings.push_back(train(model.data, model.precision, options, quiet));
    model.w = trainings.front().result.w;
    return trainings;
  }
  const std::vector<std::string> names = distinct(model.data.groups);
  trainings = train_groups(groups_of(model.data), model.precision, options, quiet);
  for (std::size_t g = 0; g < trainings.size(); ++g) {
    if (trainings[g].result.stop == FitStop::cancelled) throw CancelledByUser();
    trainings[g].group = names[g];
    model.group_w.push_back(trainings[g].result.w);
  }
  return trainings;
}

/// Enters what a model remembers of its training; of groups the sums of their losses, and how the last one ended.
void record(const std::vector<Training>& trainings, Model& model) {
  model.loss = trainings.front().options.loss;
  model.leave_one_out = trainings.front().options.leave_one_out;
  for (const Training& training : trainings) {
    model.loss_before += training.selection || training.summary ? training.result.loss : loss_before(training);
    model.loss_after += training.result.loss;
    model.stop = stop_of(training);
  }
}

Model load_data(const FitArguments& arguments, bool leave_one_out) {
  const auto x = names_argument("--x", arguments.x), y = names_argument("--y", arguments.y);
  Model model;
  model.data =
      read_data(arguments.data, {x, y, arguments.key_weights, arguments.group}, checked_format(arguments.read));
  report_left_out(model.data.left_out, arguments.data, arguments.common.quiet);
  check_names(model.data);
  if (leave_one_out) check_can_leave_one_out(model.data, distinct(model.data.groups), arguments.data);
  model.precision = arguments.precision == "float" ? Precision::float_ : Precision::double_;
  return model;
}

/// The criterion at every bandwidth of the curve.
std::string curve_table(const FitArguments& arguments, const Model& model, const Selection& selection) {
  const bool is_npy = table_format("--curve", arguments.curve) == TableFormat::npy;
  const char separator = separator_of(table_format("--curve", arguments.curve));
  std::vector<std::string> names;
  for (std::size_t d = 0; d < selection.scale.size(); ++d)
    names.push_back(selection.scale.size() == 1 ? "bandwidth" : "bandwidth of " + model.data.x[d]);
  names.push_back(to_string(from_string<Criterion>(arguments.criterion)));
  names.push_back("estimated");
  Matrix<double> rows(selection.curve.size(), names.size());
  for (std::size_t i = 0; i < rows.rows; ++i) {
    for (std::size_t d = 0; d < selection.scale.size(); ++d)
      rows(i, d) = selection.curve[i].factor * selection.scale[d];
    rows(i, names.size() - 2) = selection.curve[i].value;
    rows(i, names.size() - 1) = selection.curve[i].estimated;
  }
  if (is_npy) return npy_header<double>(rows.rows, rows.cols).append(npy_bytes(rows.cells));
  std::string text = csv_header(names, separator);
  for (std::size_t i = 0; i < rows.rows; ++i) {
    for (std::size_t c = 0; c < rows.cols; ++c) text += (c == 0 ? "" : std::string(1, separator)) + to_text(rows(i, c));
    text += "\n";
  }
  return text;
}

std::string curve_picture(const FitArguments& arguments, const Selection& selection) {
  const std::string criterion = to_string(from_string<Criterion>(arguments.criterion));
  Panel panel{"Selection of the bandwidth", "log10 of the bandwidth", criterion, {}};
  if (selection.scale.size() > 1) panel.x_label += " in robust spreads of each column";
  const double unit = selection.scale.size() == 1 ? selection.scale[0] : 1;
  Curve curve{criterion, Stroke::line_and_points, colors::second, {}, {}};
  for (const Selection::Point& point : selection.curve) {
    if (!std::isfinite(point.value)) continue;
    curve.x.push_back(std::log10(point.factor * unit));
    curve.y.push_back(point.value);
  }
  panel.curves.push_back(std::move(curve));
  if (selection.w.size() == 1 && selection.w[0] > 0)
    panel.curves.push_back({"selected", Stroke::points, colors::fit, {-std::log10(selection.w[0])}, {selection.value}});
  return chart({panel}, picture_format("--plot-curve", arguments.plot_curve));
}

Exit run_fit(const FitArguments& arguments) {
  const auto start = std::chrono::steady_clock::now();
  const TrainingOptions options = checked_options(arguments, names_argument("--x", arguments.x).size());
  if (arguments.common.json && arguments.model == "-") {
    throw UsageError("--json needs --model FILE: standard output is taken");
  }
  require_writable(arguments.model);
  Model model = load_data(arguments, options.descent.leave_one_out);
  model.smoothing = options.smoothing;

  std::optional<Explanation> explanation;
  if (arguments.algorithm.explain) {
    FitOptions first = options.descent;
    first.key_weights = model.data.key_weights;
    if (first.w0.empty()) first.w0 = {first_w(model.data)};
    explanation = explain_loss(model.data, model.precision, first, options.smoothing);
    if (!arguments.common.quiet) std::cerr << explanation->text();
  }
  const std::vector<Training> trainings = train_all(arguments, options, model);
  record(trainings, model);
  write_file(arguments.model, to_json(model));
  if (!arguments.out.empty())
    write_file(arguments.out, group_table(trainings, model.data, separator_of(table_format("--out", arguments.out))));
  if (!arguments.curve.empty())
    write_file(arguments.curve, curve_table(arguments, model, *trainings.front().selection));
  if (!arguments.plot_curve.empty())
    write_file(arguments.plot_curve, curve_picture(arguments, *trainings.front().selection));

  if (arguments.common.json) {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    nlohmann::ordered_json report = json_report(arguments, model, trainings, seconds);
    if (explanation) report["explanation"] = to_json(*explanation);
    write_json("-", report);
  } else if (!arguments.common.quiet) {
    std::string report;
    for (const Training& training : trainings) report += text_report(training, model.data.x);
    report += "model      " + printable(arguments.model) + "\n";
    arguments.model == "-" ? static_cast<void>(std::fputs(report.c_str(), stderr)) : write_file("-", report);
  }
  Exit worst = Exit::ok;
  for (const Training& training : trainings) {
    const Exit exit =
        exit_code_of(training, arguments.model == "-" ? "the model" : arguments.model, arguments.common.quiet);
    if (exit != Exit::ok) worst = exit;
  }
  return worst;
}

/// --method, and the options of select.
void add_selection_options(CLI::App& command, FitArguments& arguments) {
  command
      .add_option("--method", arguments.method,
                  "select: the w with the least criterion of all; descent: gradient descent as in the book's chapter; "
                  "scott, silverman: rules of thumb; dpill: the plug-in rule of Ruppert, Sheather and Wand, for one x "
                  "and one y column (default: select, or descent if one of its options is given)")
      ->type_name("select|descent|scott|silverman|dpill")
      ->check(CLI::IsMember({"select", "descent", "scott", "silverman", "dpill"}));
  command
      .add_option("--criterion", arguments.criterion,
                  "select: squared error with each point left out, generalised cross-validation, the corrected Akaike "
                  "criterion, or the log-loss of y columns that are probabilities of classes, with each point left out")
      ->type_name("leave-one-out|gcv|aicc|log-loss")
      ->check(CLI::IsMember({"leave-one-out", "gcv", "aicc", "log-loss"}))
      ->capture_default_str();
  command.add_flag("--scalar", arguments.scalar, "select: one w for all x columns (default: one for each)");
  command
      .add_option("--curve", arguments.curve,
                  "select: where to write the criterion over the bandwidths, .csv, .tsv or .npy")
      ->type_name("FILE");
  command.add_option("--plot-curve", arguments.plot_curve, "select: a picture of it, .png, .svg or .pdf")
      ->type_name("FILE");
}

/// The options of descent.
void add_descent_options(CLI::App& command, FitArguments& arguments) {
  command
      .add_option(
          "--w0", arguments.w0,
          "descent: first w; one per x column to learn one per column (default: one, that of the least leave-one-out "
          "loss)")
      ->type_name("W[,W...]");
  command
      .add_option("--lr", arguments.learning_rate,
                  "descent: learning rate of every step, which must fit the units of the data (default: each step is "
                  "found by a "
                  "line search)")
      ->type_name("R");
  command.add_option("--epochs", arguments.epochs, "descent: steps")->type_name("N")->capture_default_str();
  command
      .add_option("--tolerance", arguments.tolerance,
                  "descent: converged when a step changes w by no more than R * w and w is a minimum "
                  "(default: 1e-9; with --lr or --epochs do all epochs)")
      ->type_name("R");
  command.add_option("--loss", arguments.loss, "descent: mean of squared errors, or half their sum")
      ->type_name("mean|half-sum")
      ->check(CLI::IsMember({"mean", "half-sum"}))
      ->capture_default_str();
  command.add_flag("--no-leave-one-out", arguments.no_leave_one_out,
                   "descent: predict every point from all, itself included; w then grows without bound");
}

}  // namespace

void add_fit(CLI::App& program, Command& chosen) {
  auto arguments = std::make_shared<FitArguments>();
  CLI::App* command = program.add_subcommand("fit", "Find w, the reciprocal bandwidth, from data and write a model");
  command->add_option("DATA", arguments->data, data_help)->required();
  command->add_option("--x", arguments->x, "Columns to predict from")->type_name("COL[,COL...]")->required();
  command->add_option("--y", arguments->y, "Columns to predict")->type_name("COL[,COL...]")->required();
  command->add_option("--model", arguments->model, "Where to write the model")->type_name("FILE")->required();
  arguments->has = [command](const std::string& option) { return command->count(option) > 0; };
  add_selection_options(*command, *arguments);
  add_kernel_options(*command, arguments->kernel);
  add_order_options(*command, arguments->kernel);
  add_descent_options(*command, *arguments);
  command->add_option("--precision", arguments->precision, "Precision of the arithmetic")
      ->type_name("float|double")
      ->check(CLI::IsMember({"float", "double"}))
      ->capture_default_str();
  command
      ->add_option("--key-weights", arguments->key_weights,
                   "Column with a weight for each row as a key, 0 or more (default: all 1); the model keeps it; select "
                   "weighs the errors too, the loss of descent counts all rows alike")
      ->type_name("COL");
  command
      ->add_option("--group", arguments->group,
                   "Column, text or numbers: each of its groups learns its own w from its own rows")
      ->type_name("COL");
  command
      ->add_option("--out", arguments->out,
                   "select: with --group, where to write a row for each: its rows, w, bandwidth, criterion, tr H and "
                   "status, .csv or .tsv")
      ->type_name("FILE");
  command->add_flag("--history", arguments->history, "With --json: loss and w of every epoch too");
  add_algorithm_options(
      *command, arguments->algorithm,
      "Say on standard error, and in the JSON report, how the loss at the first w will be computed and "
      "why");
  add_read_options(*command, arguments->read);
  add_common_options(*command, arguments->common);
  command->footer(
      "select computes the criterion along a curve of bandwidths, from the closest spacing of points to a flat fit, "
      "and\n"
      "refines every minimum; an x column that does not help to predict gets w = 0. Exit code 4 says that the search "
      "did\n"
      "not converge. The gradient of descent grows with the square of y's unit, so that an --lr must fit the data; "
      "where\n"
      "training diverges, the exit code is 4. Ctrl-C ends either with exit code 5. The model always has the best w "
      "seen.");
  command->callback([=, &chosen] { chosen = [=] { return run_fit(*arguments); }; });
}

}  // namespace attnpool::program
