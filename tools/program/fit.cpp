#include <algorithm>
#include <attnpool/attnpool.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <sstream>

#include "arguments.hpp"
#include "atomic_file.hpp"
#include "commands.hpp"
#include "json_file.hpp"
#include "model.hpp"
#include "plan_options.hpp"
#include "problem.hpp"
#include "progress.hpp"
#include "training.hpp"

namespace attnpool::program {
namespace {

struct FitArguments {
  CommonOptions common;
  PlanOptions plan;
  std::string data, x, y, key_weights, model;
  std::string w0, learning_rate, epochs = "10", tolerance;
  std::string loss = "mean", precision = "double";
  bool no_leave_one_out = false;
};

FitOptions checked_options(const FitArguments& arguments, std::size_t dims) {
  FitOptions options;
  options.threads = checked_threads(arguments.common);
  options.loss = loss_from_name(arguments.loss);
  options.leave_one_out = !arguments.no_leave_one_out;
  options.epochs = static_cast<int>(whole_argument("--epochs", arguments.epochs, 0, std::numeric_limits<int>::max()));
  options.plan = checked_plan(arguments.plan, dims);
  options.plan_tolerance = checked_tolerance(arguments.plan);
  options.learning_rate = 0;  // from the data, if not given
  if (!arguments.learning_rate.empty()) options.learning_rate = positive_argument("--lr", arguments.learning_rate);
  if (!arguments.tolerance.empty()) options.tolerance = positive_argument("--tolerance", arguments.tolerance);
  if (!arguments.w0.empty()) options.w0 = numbers_argument("--w0", arguments.w0);
  if (options.w0.size() > 1 && options.w0.size() != dims) {
    throw UsageError("--w0: " + counted(options.w0.size(), "number") + " for " + counted(dims, "x column"));
  }
  return options;
}

std::vector<double> bandwidths(const std::vector<double>& w) {
  std::vector<double> result;
  for (const double entry : w) result.push_back(1 / std::abs(entry));
  return result;
}

std::string exact(const std::vector<double>& numbers) {
  std::string list;
  for (const double number : numbers) list += (list.empty() ? "" : ",") + to_text(number);
  return list;
}

std::string brief(const std::vector<double>& numbers) {
  std::string list;
  for (const double number : numbers) list += (list.empty() ? "" : ",") + to_short_text(number);
  return list;
}

/// Of the predictions at the first w.
Explanation explain_loss(const Data& data, Precision precision, const FitOptions& options) {
  Options call;
  if (options.leave_one_out) call.range = KeyRange::all_but_self();
  call.plan = options.plan;
  call.tolerance = options.plan_tolerance;
  call.key_weights = options.key_weights;
  call.threads = options.threads;
  return in_precision(precision, [&](auto zero) {
    using T = decltype(zero);
    const auto keys = converted<T>(data.keys, "the x columns"), values = converted<T>(data.values, "the y columns");
    return explain<T>(keys.view(), keys.view(), values.view(), Gaussian(options.w0), call);
  });
}

FitResult train(const Data& data, Precision precision, FitOptions options, bool quiet) {
  ProgressDisplay display("fit", quiet);
  options.progress = [&](const FitProgress& progress) {
    std::string detail = "epoch " + std::to_string(std::min(progress.epoch + 1, progress.epochs)) + " of " +
                         std::to_string(progress.epochs);
    if (std::isfinite(progress.loss)) detail += ", loss " + to_short_text(progress.loss);
    return display.update(progress.fraction, detail);
  };
  return in_precision(precision, [&](auto zero) {
    using T = decltype(zero);
    const auto keys = converted<T>(data.keys, "the x columns"), values = converted<T>(data.values, "the y columns");
    return fit<T>(keys.view(), values.view(), options);
  });
}

/// What the user must know about how training ended, and the exit code.
Exit judge(const FitResult& result, const FitOptions& options, const std::string& model, bool quiet) {
  const std::string kept = model + " has the best w so far, " + brief(result.w);
  const int epochs = static_cast<int>(result.losses.size()) - 1;
  switch (result.stop) {
    case FitStop::cancelled:
      say("cancelled; " + kept);
      return Exit::cancelled;
    case FitStop::diverged:
      say("training diverged; " + kept + "; a smaller --lr may help");
      return Exit::not_converged;
    case FitStop::converged:
      return Exit::ok;
    case FitStop::epochs:
      break;
  }
  if (options.tolerance > 0) {
    say("not converged within " + counted(static_cast<std::size_t>(std::max(0, epochs)), "epoch") +
        "; more --epochs may help");
    return Exit::not_converged;
  }
  if (result.best_loss < result.loss && !quiet) {
    say("a lower loss, " + to_short_text(result.best_loss) + ", was passed at w = " + brief(result.best_w) +
        "; a smaller --lr may help");
  }
  return Exit::ok;
}

nlohmann::ordered_json json_report(const FitArguments& arguments, const FitOptions& options, const Model& model,
                                   const FitResult& result, double seconds) {
  return {
      {"rows", model.data.keys.rows},
      {"w", model.w},
      {"bandwidth", bandwidths(model.w)},
      {"loss", name(model.loss)},
      {"loss_before", model.loss_before},
      {"loss_after", model.loss_after},
      {"stop", model.stop},
      {"w0", options.w0},
      {"learning_rate", options.learning_rate},
      {"leave_one_out", model.leave_one_out},
      {"precision", name(model.precision)},
      {"losses", result.losses},
      {"ws", result.ws},
      {"isa", name(active_isa())},
      {"threads", thread_count(options.threads)},
      {"seconds", seconds},
      {"model", arguments.model},
  };
}

/// Training that was cancelled in its first epoch, or that diverged in it, knows no loss.
std::string loss_text(double loss) { return std::isfinite(loss) ? to_short_text(loss) : "unknown"; }

std::string text_report(const FitArguments& arguments, const FitOptions& options, const Model& model,
                        const FitResult& result) {
  const std::string epochs = std::to_string(result.losses.empty() ? 0 : result.losses.size() - 1);
  std::ostringstream text;
  text << "w          " << exact(model.w) << "\nbandwidth  " << exact(bandwidths(model.w)) << "\nloss       "
       << loss_text(model.loss_before) << " before, " << loss_text(model.loss_after) << " after (" << name(model.loss)
       << (model.leave_one_out ? ", each point left out)" : ")") << "\ntraining   " << epochs << " epochs from w0 "
       << brief(options.w0) << " with lr " << to_short_text(options.learning_rate) << ", stopped: " << model.stop
       << "\nmodel      " << printable(arguments.model) << "\n";
  return text.str();
}

Exit run_fit(const FitArguments& arguments) {
  const auto start = std::chrono::steady_clock::now();
  const auto x = names_argument("--x", arguments.x), y = names_argument("--y", arguments.y);
  FitOptions options = checked_options(arguments, x.size());
  if (arguments.common.json && arguments.model == "-") {
    throw UsageError("--json needs --model FILE: standard output is taken");
  }
  require_writable(arguments.model);
  Model model;
  model.data = read_data(arguments.data, x, y, arguments.key_weights);
  check_names(model.data);
  if (options.leave_one_out) check_can_leave_one_out(model.data, arguments.data);
  options.key_weights = model.data.key_weights;
  if (options.w0.empty()) options.w0 = {default_w0(model.data)};
  if (options.learning_rate == 0) options.learning_rate = default_learning_rate(model.data, options.loss);
  model.precision = arguments.precision == "float" ? Precision::float_ : Precision::double_;

  std::optional<Explanation> explanation;
  if (arguments.plan.explain) {
    explanation = explain_loss(model.data, model.precision, options);
    if (!arguments.common.quiet) std::cerr << explanation->text();
  }
  const FitResult result = train(model.data, model.precision, options, arguments.common.quiet);
  constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  model.w = result.w;
  model.loss = options.loss;
  model.leave_one_out = options.leave_one_out;
  model.loss_before = result.losses.empty() ? unknown : result.losses.front();
  model.loss_after = result.loss;
  model.stop = name(result.stop);
  write_file(arguments.model, to_json(model));

  if (arguments.common.json) {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    nlohmann::ordered_json report = json_report(arguments, options, model, result, seconds);
    if (explanation) report["explanation"] = to_json(*explanation);
    write_json("-", report);
  } else if (!arguments.common.quiet) {
    const std::string report = text_report(arguments, options, model, result);
    arguments.model == "-" ? static_cast<void>(std::fputs(report.c_str(), stderr)) : write_file("-", report);
  }
  return judge(result, options, arguments.model == "-" ? "the model" : arguments.model, arguments.common.quiet);
}

}  // namespace

void add_fit(CLI::App& program, Command& chosen) {
  auto arguments = std::make_shared<FitArguments>();
  CLI::App* command = program.add_subcommand("fit", "Learn w from data by gradient descent and write a model");
  command->add_option("DATA", arguments->data, "CSV or TSV with a header, or a two-dimensional NPY (columns 0, 1, ...)")
      ->required();
  command->add_option("--x", arguments->x, "Columns to predict from")->type_name("COL[,COL...]")->required();
  command->add_option("--y", arguments->y, "Columns to predict")->type_name("COL[,COL...]")->required();
  command->add_option("--model", arguments->model, "Where to write the model")->type_name("FILE")->required();
  command
      ->add_option("--w0", arguments->w0,
                   "First w; one per x column to learn one per column (default: one, by Silverman's rule)")
      ->type_name("W[,W...]");
  command
      ->add_option("--lr", arguments->learning_rate,
                   "Learning rate (default: 10 / (variance of x * variance of y) for the mean loss)")
      ->type_name("R");
  command->add_option("--epochs", arguments->epochs, "Steps of gradient descent")
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--tolerance", arguments->tolerance,
                   "Converged when a step changes w by no more than R * w (default: do all epochs)")
      ->type_name("R");
  command->add_option("--loss", arguments->loss, "Mean of squared errors, or half their sum")
      ->type_name("mean|half-sum")
      ->check(CLI::IsMember({"mean", "half-sum"}))
      ->capture_default_str();
  command->add_flag("--no-leave-one-out", arguments->no_leave_one_out,
                    "Predict every point from all, itself included; w then grows without bound");
  command->add_option("--precision", arguments->precision, "Precision of the arithmetic")
      ->type_name("float|double")
      ->check(CLI::IsMember({"float", "double"}))
      ->capture_default_str();
  command
      ->add_option("--key-weights", arguments->key_weights,
                   "Column with a weight for each row as a key, 0 or more (default: all 1); the model keeps it, the "
                   "loss counts all rows alike")
      ->type_name("COL");
  add_plan_options(*command, arguments->plan,
                   "Say on standard error, and in the JSON report, how the loss at the first w will be computed and "
                   "why");
  add_common_options(*command, arguments->common);
  command->footer(
      "The loss is the squared error of predicting every point, by default from all the others. Its gradient grows "
      "with the\n"
      "square of y's unit: --lr must fit the data, and its default does. Where training diverges all the same, the "
      "model has the\n"
      "best w so far and the exit code is 4. Ctrl-C ends training in the same way with exit code 5.");
  command->callback([=, &chosen] { chosen = [=] { return run_fit(*arguments); }; });
}

}  // namespace attnpool::program
