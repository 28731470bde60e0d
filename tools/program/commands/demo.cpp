#include <algorithm>
#include <attnpool/attnpool.hpp>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <limits>
#include <memory>

#include "base/arguments.hpp"
#include "base/interrupt.hpp"
#include "commands/commands.hpp"
#include "commands/experiment.hpp"
#include "commands/problem.hpp"
#include "commands/training.hpp"
#include "display/pictures.hpp"
#include "display/progress.hpp"
#include "io/atomic_file.hpp"
#include "io/csv.hpp"
#include "io/dataset.hpp"
#include "io/json_file.hpp"
#include "io/npy.hpp"

namespace attnpool::program {
namespace {

using Json = nlohmann::ordered_json;
using Columns = std::vector<std::vector<double>>;

struct DemoOptions {
  CommonOptions common;
  std::string out = "attnpool-demo", seed = "0";
};

/// Where the files go, and a line on standard error for every step.
class OutputDirectory {
 public:
  OutputDirectory(std::string directory, bool quiet, int thread_count)
      : threads(thread_count), directory_(std::move(directory)), quiet_(quiet) {
    std::error_code error;
    std::filesystem::create_directories(directory_, error);
    if (error) throw OutputError("cannot make the directory " + directory_ + ": " + error.message());
  }

  void step(const std::string& what) {
    if (interrupted()) throw CancelledByUser();
    if (!quiet_) print_status(what);
  }

  std::string path(const std::string& file) const { return directory_ + "/" + file; }

  void write_csv(const std::string& file, const std::vector<std::string>& names, const Columns& columns) const {
    std::string text = csv_header(names);
    for (std::size_t r = 0; r < columns[0].size(); ++r) {
      for (std::size_t c = 0; c < columns.size(); ++c)
        text += to_text(columns[c][r]) + (c + 1 < columns.size() ? ',' : '\n');
    }
    write_file(path(file), text);
  }

  void write_weights(const std::string& file, const Matrix<double>& weights) const {
    write_file(path(file), npy_header<double>(weights.rows, weights.cols).append(npy_bytes(weights.cells)));
  }

  const int threads;

 private:
  std::string directory_;
  bool quiet_;
};

std::string bandwidth_text(double w) { return to_short_text(1 / std::abs(w), 4); }

Curve data_points(const Data& data) {
  return {"training data", Stroke::points, colors::points, data.keys.cells, data.values.cells};
}

Curve prediction(const Experiment& experiment, const std::string& method, const std::string& label, const char* color) {
  return {label, Stroke::line, color, experiment.queries.cells, experiment.method(method).at_queries};
}

/// predictions.csv without its first columns: the names and the predictions of every method.
void add_methods(const Experiment& experiment, std::vector<std::string>& names, Columns& columns) {
  for (const Experiment::Method& method : experiment.methods) {
    names.push_back(method.name);
    columns.push_back(method.at_queries);
  }
}

void write_losses(const OutputDirectory& studio, const std::string& file, const FitResult& training) {
  Columns columns(3);
  for (std::size_t i = 0; i < training.losses.size(); ++i) {
    columns[0].push_back(static_cast<double>(i));
    columns[1].push_back(training.losses[i]);
    columns[2].push_back(training.ws[i][0]);
  }
  studio.write_csv(file, {"epoch", "loss", "w"}, columns);
}

Json training_report(const Experiment& experiment, const FitOptions& options) {
  const FitResult& training = experiment.training;
  return {{"w", training.w[0]},
          {"bandwidth", 1 / std::abs(training.w[0])},
          {"losses", training.losses},
          {"stop", to_string(training.stop)},
          {"loss", to_string(options.loss)},
          {"learning_rate", options.learning_rate},
          {"epochs", options.epochs}};
}

void draw_chapter(OutputDirectory& studio, const Experiment& experiment, const Curve& truth) {
  const Curve data = data_points(experiment.data);
  const auto draw = [&](const std::string& file, const std::vector<Panel>& panels) {
    studio.step("drawing " + file);
    write_file(studio.path(file), chart(panels));
  };
  draw("data.png", {{"The data: y = 2 sin x + x^0.8 + noise", "x", "y", {data, truth}}});
  draw("average.png",
       {{"Average pooling", "x", "y", {data, truth, prediction(experiment, "average", "average", colors::second)}}});
  std::vector<Panel> bandwidths;
  for (const std::string h : {"0.1", "0.5", "1.0"}) {
    bandwidths.push_back({"Bandwidth h = " + h + (h == "1.0" ? " (w = 1)" : ""),
                          "x",
                          "y",
                          {data, truth, prediction(experiment, "h" + h, "prediction", colors::second)}});
  }
  draw("bandwidths.png", bandwidths);
  const double w = experiment.training.w[0];
  draw("parametric.png", {{"Learnt: w = " + to_short_text(w, 4) + ", bandwidth " + bandwidth_text(w),
                           "x",
                           "y",
                           {data, truth, prediction(experiment, "nonparametric", "w = 1", colors::second),
                            prediction(experiment, "parametric", "learnt", colors::fit)}}});
  Curve losses{"", Stroke::line_and_points, colors::fit, {}, experiment.training.losses};
  for (std::size_t i = 0; i < losses.y.size(); ++i) losses.x.push_back(static_cast<double>(i));
  draw("loss.png", {{"Training, each point left out", "epoch", "loss (half the sum of squares)", {losses}}});
}

void draw_weights(OutputDirectory& studio, const std::string& name, const std::string& title,
                  const Matrix<double>& weights) {
  studio.step("drawing weights_" + name + ".png");
  studio.write_weights("weights_" + name + ".npy", weights);
  write_file(studio.path("weights_" + name + ".png"),
             heat_map(weights, title, "Sorted training inputs", "Sorted testing inputs"));
}

/// The chapter's experiment. Adds to the report.
FitResult run_chapter(OutputDirectory& studio, std::uint64_t seed, Json& report) {
  studio.step("making the chapter's data");
  FitOptions options;  // of the chapter: gradient descent, 5 epochs, learning rate 0.5, w0 from the seed
  options.seed = seed;
  options.learning_rate = 0.5;
  options.epochs = 5;
  options.loss = Loss::half_sum;
  options.threads = studio.threads;
  Data data = chapter_data(seed);
  studio.write_csv("train.csv", {"x", "y"}, {data.keys.cells, data.values.cells});

  studio.step("training and predicting");
  const Experiment experiment = run_experiment(std::move(data), chapter_queries(), options);
  Curve truth{"truth", Stroke::dashes, colors::truth, experiment.queries.cells, {}};
  for (const double x : experiment.queries.cells) truth.y.push_back(chapter_truth(x));
  std::vector<std::string> names = {"x", "truth"};
  Columns columns = {experiment.queries.cells, truth.y};
  add_methods(experiment, names, columns);
  studio.write_csv("predictions.csv", names, columns);
  write_losses(studio, "loss.csv", experiment.training);

  draw_chapter(studio, experiment, truth);
  const double w = experiment.training.w[0];
  draw_weights(studio, "nonparametric", "Attention weights before training (w = 1)",
               weights_of(experiment, 1, studio.threads));
  draw_weights(studio, "parametric", "Attention weights, learnt (w = " + to_short_text(w, 4) + ")",
               weights_of(experiment, w, studio.threads));

  report.update(training_report(experiment, options));
  for (const Experiment::Method& method : experiment.methods)
    report["rmse"][method.name] = rmse(method.at_queries, truth.y);
  return experiment.training;
}

/// The same steps on measured data, where nobody knows the truth: methods are compared on points left out.
FitResult run_motorcycle(OutputDirectory& studio, Json& report) {
  studio.step("the same on the motorcycle data");
  Data data = motorcycle_data();
  constexpr std::size_t points = 300;
  const auto [low, high] = std::minmax_element(data.keys.cells.begin(), data.keys.cells.end());
  Matrix<double> queries(points, 1);
  for (std::size_t i = 0; i < points; ++i) {
    queries.cells[i] = *low + (*high - *low) * (static_cast<double>(i) / static_cast<double>(points - 1));
  }
  FitOptions options;
  options.w0 = {first_w(data)};
  options.epochs = 100;
  options.threads = studio.threads;
  const double wide = options.w0[0];
  const Experiment experiment = run_experiment(std::move(data), std::move(queries), options);
  std::vector<std::string> names = {"times"};
  Columns columns = {experiment.queries.cells};
  add_methods(experiment, names, columns);
  studio.write_csv("motorcycle_predictions.csv", names, columns);
  write_losses(studio, "motorcycle_loss.csv", experiment.training);

  studio.step("drawing motorcycle.png");
  const double w = experiment.training.w[0];
  Matrix<double> before(points, 1);
  pool<double>(experiment.queries.view(), experiment.data.keys.view(), experiment.data.values.view(), Gaussian(wide),
               before.view());
  const char *time = "time after impact (ms)", *acceleration = "head acceleration (g)";
  const Curve points_curve = data_points(experiment.data),
              average = prediction(experiment, "average", "average", colors::second);
  const Curve start{"before training", Stroke::line, colors::third, experiment.queries.cells, before.cells};
  write_file(studio.path("motorcycle.png"),
             chart({{"Motorcycle crash: bandwidth " + bandwidth_text(wide) + " ms",
                     time,
                     acceleration,
                     {points_curve, average, start}},
                    {"Learnt: bandwidth " + bandwidth_text(w) + " ms",
                     time,
                     acceleration,
                     {points_curve, average, prediction(experiment, "parametric", "learnt", colors::fit)}}}));
  report = training_report(experiment, options);
  report["w0"] = wide;
  for (const Experiment::Method& method : experiment.methods) {
    report["rmse_left_out"][method.name] = rmse(method.left_out, experiment.data.values.cells);
  }
  return experiment.training;
}

std::string summary(const Json& report, const std::string& directory) {
  const auto number = [](const Json& value) { return to_short_text(value.get<double>()); };
  const auto section = [&](const Json& part, const std::string& unit) {
    const Json& losses = part["losses"];
    return "  learnt w = " + number(part["w"]) + ", bandwidth " + number(part["bandwidth"]) + unit + "; loss " +
           number(losses.front()) + " before, " + number(losses.back()) + " after (" + part["stop"].get<std::string>() +
           ")\n";
  };
  const auto errors = [&](const Json& rmse) {
    std::string line;
    for (const auto& [method, value] : rmse.items()) line += (line.empty() ? "" : ", ") + method + " " + number(value);
    return line + "\n";
  };
  const Json& motorcycle = report["motorcycle"];
  return "The chapter's data\n" + section(report, "") + "  RMSE against the truth: " + errors(report["rmse"]) +
         "The motorcycle data\n" + section(motorcycle, " ms") +
         "  RMSE of points left out (g): " + errors(motorcycle["rmse_left_out"]) +
         "Pictures, data and report.json are in " + printable(directory) + "\n";
}

Exit run_demo(const DemoOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const auto seed = whole_argument("--seed", options.seed, 0, std::numeric_limits<std::uint64_t>::max());
  const int threads = checked_threads(options.common);
  OutputDirectory studio(options.out, options.common.quiet, threads);
  Json report = {{"seed", seed}};
  const FitResult chapter = run_chapter(studio, seed, report);
  const FitResult motorcycle = run_motorcycle(studio, report["motorcycle"]);
  report["isa"] = to_string(active_isa());
  report["threads"] = thread_count(threads);
  report["version"] = version();
  report["seconds"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  write_json(studio.path("report.json"), report);
  if (options.common.json) {
    write_json("-", report);
  } else if (!options.common.quiet) {
    write_file("-", summary(report, options.out));
  }
  for (const FitResult* training : {&chapter, &motorcycle}) {
    if (training->stop != FitStop::diverged) continue;
    print_status("training diverged with this seed; the best w seen was kept");
    return Exit::not_converged;
  }
  return Exit::ok;
}

}  // namespace

void add_demo(CLI::App& program, Command& chosen) {
  auto options = std::make_shared<DemoOptions>();
  CLI::App* command = program.add_subcommand(
      "demo", "Run the experiment of the book's chapter, and the same on the motorcycle data, with pictures");
  command->add_option("--out", options->out, "Directory for the files, made if need be")
      ->type_name("DIR")
      ->capture_default_str();
  command->add_option("--seed", options->seed, "Seed of the data and of the first w")
      ->type_name("N")
      ->capture_default_str();
  add_common_options(*command, options->common);
  command->callback([=, &chosen] { chosen = [=] { return run_demo(*options); }; });
}

}  // namespace attnpool::program
