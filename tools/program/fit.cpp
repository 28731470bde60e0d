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
  ReadOptions read;
  std::string data, x, y, key_weights, group, model;
  std::string w0, learning_rate, epochs = "10", tolerance;
  std::string loss = "mean", precision = "double";
  bool no_leave_one_out = false, history = false;
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

/// Explains how the loss at the first w is computed.
Explanation explain_loss(const Data& data, Precision precision, const FitOptions& options) {
  Options call;
  if (options.leave_one_out) call.range = KeyRange::all_but_self();
  call.plan = options.plan;
  call.tolerance = options.plan_tolerance;
  call.key_weights = options.key_weights;
  call.threads = options.threads;
  return in_precision(precision, [&](auto zero) {
    using T = decltype(zero);
    const auto keys = converted<T>(data.keys, "the x columns", middles(data.keys)),
               values = converted<T>(data.values, "the y columns");
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
    const auto keys = converted<T>(data.keys, "the x columns", middles(data.keys)),
               values = converted<T>(data.values, "the y columns");
    return fit<T>(keys.view(), values.view(), options);
  });
}

/// The training of one group, or of all data without groups.
struct Training {
  std::string group;
  std::size_t rows = 0;
  FitOptions options;
  FitResult result;
  std::string at_bound;  ///< of the scan for the first w
};

/// The first w, from the data unless it is given.
Start start_of(const Data& data, const FitOptions& options, bool quiet) {
  if (!options.leave_one_out) return {rule_start(data), ""};
  ProgressDisplay display("fit: first w", quiet);
  return scanned_start(
      data, [&](double fraction) { return display.update(fraction); }, options.threads);
}

Training trained(const Data& data, Precision precision, FitOptions options, bool quiet) {
  options.key_weights = data.key_weights;
  Training training;
  training.rows = data.keys.rows;
  if (options.w0.empty()) {
    const Start start = start_of(data, options, quiet);
    options.w0 = {start.w};
    training.at_bound = start.at_bound;
  }
  const bool rate_given = options.learning_rate != 0;
  if (!rate_given) options.learning_rate = default_learning_rate(data, options.loss);
  training.result = train(data, precision, options, quiet);
  // The rate is a guess: where its steps are too large, smaller ones are tried.
  for (int tries = 0; tries < 10 && !rate_given && training.result.stop == FitStop::diverged; ++tries) {
    options.learning_rate /= 8;
    training.result = train(data, precision, options, quiet);
  }
  if (!rate_given && training.result.best_loss < training.result.loss) {  // nobody asked for this very step
    training.result.w = training.result.best_w;
    training.result.loss = training.result.best_loss;
  }
  training.options = std::move(options);
  return training;
}

/// What the user must know about how training ended, and the exit code.
Exit judge(const Training& training, const std::string& model, bool quiet) {
  const FitResult& result = training.result;
  const std::string of_group = training.group.empty() ? "" : "group " + cited(training.group) + ": ";
  if (!training.at_bound.empty() && !quiet && result.stop != FitStop::cancelled) {
    say(of_group + "the loss is least at the " + training.at_bound +
        " bandwidth that was tried: the data do not determine one between the closest points and a flat fit");
  }
  const std::string kept = model + " has the best w so far, " + brief(result.w);
  const int epochs = static_cast<int>(result.losses.size()) - 1;
  switch (result.stop) {
    case FitStop::cancelled:
      say(of_group + "cancelled; " + kept);
      return Exit::cancelled;
    case FitStop::diverged:
      say(of_group + "training diverged; " + kept + "; a smaller --lr may help");
      return Exit::not_converged;
    case FitStop::converged:
      return Exit::ok;
    case FitStop::epochs:
      break;
  }
  if (training.options.tolerance > 0) {
    say(of_group + "not converged within " + counted(static_cast<std::size_t>(std::max(0, epochs)), "epoch") +
        "; more --epochs may help");
    return Exit::not_converged;
  }
  if (result.best_loss < result.loss && !quiet) {
    say(of_group + "a lower loss, " + to_short_text(result.best_loss) + ", was passed at w = " + brief(result.best_w) +
        "; a smaller --lr may help");
  }
  return Exit::ok;
}

double loss_before(const FitResult& result) {
  return result.losses.empty() ? std::numeric_limits<double>::quiet_NaN() : result.losses.front();
}

/// What one training gives to the report.
nlohmann::ordered_json json_of(const Training& training, bool history) {
  nlohmann::ordered_json object = {
      {"rows", training.rows},
      {"w", training.result.w},
      {"bandwidth", bandwidths(training.result.w)},
      {"loss", name(training.options.loss)},
      {"loss_before", loss_before(training.result)},
      {"loss_after", training.result.loss},
      {"stop", name(training.result.stop)},
      {"epochs", training.result.losses.empty() ? 0 : training.result.losses.size() - 1},
      {"w0", training.options.w0},
      {"at_bound", training.at_bound},
      {"learning_rate", training.options.learning_rate},
      {"leave_one_out", training.options.leave_one_out},
  };
  if (history) {
    object["losses"] = training.result.losses;
    object["ws"] = training.result.ws;
  }
  return object;
}

nlohmann::ordered_json json_report(const FitArguments& arguments, const Model& model,
                                   const std::vector<Training>& trainings, double seconds) {
  nlohmann::ordered_json report;
  if (model.data.groups.empty()) {
    report = json_of(trainings.front(), arguments.history);
  } else {
    report["rows"] = model.data.keys.rows;
    report["group"] = model.data.group;
    for (const Training& training : trainings) {
      nlohmann::ordered_json entry = {{"group", training.group}};
      entry.update(json_of(training, arguments.history));
      report["groups"].push_back(std::move(entry));
    }
  }
  report["rows_left_out"] = model.data.left_out;
  report["precision"] = name(model.precision);
  report["isa"] = name(active_isa());
  report["threads"] = thread_count(trainings.front().options.threads);
  report["seconds"] = seconds;
  report["model"] = arguments.model;
  return report;
}

/// Training that was cancelled in its first epoch, or that diverged in it, knows no loss.
std::string loss_text(double loss) { return std::isfinite(loss) ? to_short_text(loss) : "unknown"; }

std::string text_report(const FitArguments& arguments, const Model& model, const std::vector<Training>& trainings) {
  std::ostringstream text;
  for (const Training& training : trainings) {
    const FitResult& result = training.result;
    const std::size_t epochs = result.losses.empty() ? 0 : result.losses.size() - 1;
    if (!training.group.empty()) text << "group      " << printable(training.group) << "\n";
    text << "w          " << exact(result.w) << "\nbandwidth  " << exact(bandwidths(result.w)) << "\nloss       "
         << loss_text(loss_before(result)) << " before, " << loss_text(result.loss) << " after (" << name(model.loss)
         << (model.leave_one_out ? ", each point left out)" : ")") << "\ntraining   " << epochs << " epochs from w0 "
         << brief(training.options.w0) << " with lr " << to_short_text(training.options.learning_rate)
         << ", stopped: " << name(result.stop) << "\n";
  }
  text << "model      " << printable(arguments.model) << "\n";
  return text.str();
}

/// Trains every group; what a signal cuts short is the last.
std::vector<Training> train_all(const FitArguments& arguments, const FitOptions& options, Model& model) {
  const bool quiet = arguments.common.quiet;
  std::vector<Training> trainings;
  if (model.data.groups.empty()) {
    trainings.push_back(trained(model.data, model.precision, options, quiet));
    model.w = trainings.front().result.w;
    return trainings;
  }
  const std::vector<std::string> names = distinct(model.data.groups);
  const std::vector<Data> groups = groups_of(model.data);
  for (std::size_t g = 0; g < groups.size(); ++g) {
    trainings.push_back(trained(groups[g], model.precision, options, quiet));
    trainings.back().group = names[g];
    if (trainings.back().result.stop == FitStop::cancelled) throw CancelledByUser();
    model.group_w.push_back(trainings.back().result.w);
  }
  return trainings;
}

/// Enters what a model remembers of its training; of groups the sums of their losses, and how the last one ended.
void record(const std::vector<Training>& trainings, Model& model) {
  model.loss = trainings.front().options.loss;
  model.leave_one_out = trainings.front().options.leave_one_out;
  for (const Training& training : trainings) {
    model.loss_before += loss_before(training.result);
    model.loss_after += training.result.loss;
    model.stop = name(training.result.stop);
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

Exit run_fit(const FitArguments& arguments) {
  const auto start = std::chrono::steady_clock::now();
  const FitOptions options = checked_options(arguments, names_argument("--x", arguments.x).size());
  if (arguments.common.json && arguments.model == "-") {
    throw UsageError("--json needs --model FILE: standard output is taken");
  }
  require_writable(arguments.model);
  Model model = load_data(arguments, options.leave_one_out);

  std::optional<Explanation> explanation;
  if (arguments.plan.explain) {
    FitOptions first = options;
    first.key_weights = model.data.key_weights;
    if (first.w0.empty()) first.w0 = {start_of(model.data, options, arguments.common.quiet).w};
    explanation = explain_loss(model.data, model.precision, first);
    if (!arguments.common.quiet) std::cerr << explanation->text();
  }
  const std::vector<Training> trainings = train_all(arguments, options, model);
  record(trainings, model);
  write_file(arguments.model, to_json(model));

  if (arguments.common.json) {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    nlohmann::ordered_json report = json_report(arguments, model, trainings, seconds);
    if (explanation) report["explanation"] = to_json(*explanation);
    write_json("-", report);
  } else if (!arguments.common.quiet) {
    const std::string report = text_report(arguments, model, trainings);
    arguments.model == "-" ? static_cast<void>(std::fputs(report.c_str(), stderr)) : write_file("-", report);
  }
  Exit worst = Exit::ok;
  for (const Training& training : trainings) {
    const Exit exit = judge(training, arguments.model == "-" ? "the model" : arguments.model, arguments.common.quiet);
    if (exit != Exit::ok) worst = exit;
  }
  return worst;
}

}  // namespace

void add_fit(CLI::App& program, Command& chosen) {
  auto arguments = std::make_shared<FitArguments>();
  CLI::App* command = program.add_subcommand("fit", "Learn w from data by gradient descent and write a model");
  command->add_option("DATA", arguments->data, data_help)->required();
  command->add_option("--x", arguments->x, "Columns to predict from")->type_name("COL[,COL...]")->required();
  command->add_option("--y", arguments->y, "Columns to predict")->type_name("COL[,COL...]")->required();
  command->add_option("--model", arguments->model, "Where to write the model")->type_name("FILE")->required();
  command
      ->add_option(
          "--w0", arguments->w0,
          "First w; one per x column to learn one per column (default: one, that of the lowest leave-one-out loss of a "
          "scan over all bandwidths)")
      ->type_name("W[,W...]");
  command
      ->add_option("--lr", arguments->learning_rate,
                   "Learning rate (default: 10 / (variance of x * variance of y) for the mean loss, by robust spreads; "
                   "the best w "
                   "seen is kept)")
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
  command
      ->add_option("--group", arguments->group,
                   "Column, text or numbers: each of its groups learns its own w from its own rows")
      ->type_name("COL");
  command->add_flag("--history", arguments->history, "With --json: loss and w of every epoch too");
  add_plan_options(*command, arguments->plan,
                   "Say on standard error, and in the JSON report, how the loss at the first w will be computed and "
                   "why");
  add_read_options(*command, arguments->read);
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
