#include "commands/algorithm_options.hpp"

#include <array>

#include "base/arguments.hpp"
#include "base/errors.hpp"

namespace attnpool::program {
namespace {

constexpr std::array algorithms = {Algorithm::automatic, Algorithm::dense, Algorithm::pruned, Algorithm::grid,
                                   Algorithm::window};
constexpr std::size_t most_grid_columns = 3;
constexpr double least_tolerance = 1e-12, largest_tolerance = 0.1;  // of Options::tolerance

}  // namespace

void add_algorithm_options(CLI::App& command, AlgorithmOptions& options, const std::string& explain_help) {
  std::vector<std::string> names;
  for (const Algorithm algorithm : algorithms) names.push_back(to_string(algorithm));
  command
      .add_option(
          "--algorithm", options.algorithm,
          "dense: every query against every key; pruned: far keys passed over; grid: linear time, at most 3 x "
          "columns; window: linear time, 1 x column, kernels from boxcar to tricube; auto: the quickest by prediction")
      ->type_name("auto|dense|pruned|grid|window")
      ->check(CLI::IsMember(names))
      ->capture_default_str();
  command
      .add_option(
          "--algorithm-tolerance", options.tolerance,
          "Error that the grid may make, as a part of the range of a y column, from 1e-12 to 0.1 (default: 1e-6 "
          "for float, 1e-11 for double)")
      ->type_name("R");
  command.add_flag("--explain", options.explain, explain_help);
}

Algorithm checked_algorithm(const AlgorithmOptions& options, std::size_t x_columns) {
  for (const Algorithm algorithm : algorithms) {
    if (options.algorithm != to_string(algorithm)) continue;
    if (algorithm == Algorithm::grid && x_columns > most_grid_columns) {
      throw UsageError("--algorithm: grid serves at most " + plural(most_grid_columns, "x column") + ", not " +
                       std::to_string(x_columns));
    }
    return algorithm;
  }
  throw UsageError("--algorithm: " + in_quotes(options.algorithm) + " is unknown");
}

double checked_tolerance(const AlgorithmOptions& options) {
  if (options.tolerance.empty()) return 0;
  const double tolerance = number_argument("--algorithm-tolerance", options.tolerance);
  if (!(tolerance >= least_tolerance && tolerance <= largest_tolerance)) {
    throw UsageError("--algorithm-tolerance: " + in_quotes(options.tolerance) + " is not from 1e-12 to 0.1");
  }
  return tolerance;
}

nlohmann::ordered_json to_json(const Explanation& explanation) {
  nlohmann::ordered_json costs = nlohmann::ordered_json::array();
  for (const Explanation::Cost& cost : explanation.costs) {
    nlohmann::ordered_json entry = {{"algorithm", to_string(cost.algorithm)},
                                    {"possible", cost.possible},
                                    {"seconds", cost.seconds},
                                    {"bytes", cost.bytes},
                                    {"error", cost.error}};
    if (!cost.possible) entry["seconds"] = entry["bytes"] = entry["error"] = nullptr;
    costs.push_back(std::move(entry));
  }
  return {{"algorithm", to_string(explanation.algorithm)},
          {"forced", explanation.forced},
          {"queries", explanation.queries},
          {"keys", explanation.keys},
          {"x_columns", explanation.dims},
          {"y_columns", explanation.cols},
          {"threads", explanation.threads},
          {"tolerance", explanation.tolerance},
          {"extent", explanation.extent},
          {"costs", costs},
          {"details", explanation.details}};
}

}  // namespace attnpool::program
