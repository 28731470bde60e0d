#include "plan_options.hpp"

#include <array>

#include "arguments.hpp"
#include "errors.hpp"

namespace attnpool::program {
namespace {

constexpr std::array plans = {Plan::automatic, Plan::dense, Plan::pruned, Plan::grid};
constexpr std::size_t most_grid_columns = 3;
constexpr double least_tolerance = 1e-12, largest_tolerance = 0.1;  // of Options::tolerance

}  // namespace

void add_plan_options(CLI::App& command, PlanOptions& options, const std::string& explain_help) {
  std::vector<std::string> names;
  for (const Plan plan : plans) names.push_back(name(plan));
  command
      .add_option("--plan", options.plan,
                  "dense: every query against every key; pruned: far keys passed over; grid: linear time, at most 3 x "
                  "columns; automatic: the quickest by prediction")
      ->type_name("automatic|dense|pruned|grid")
      ->check(CLI::IsMember(names))
      ->capture_default_str();
  command
      .add_option(
          "--plan-tolerance", options.tolerance,
          "Error that the grid may make, as a part of the range of a y column, from 1e-12 to 0.1 (default: 1e-6 "
          "for float, 1e-11 for double)")
      ->type_name("R");
  command.add_flag("--explain", options.explain, explain_help);
}

Plan checked_plan(const PlanOptions& options, std::size_t x_columns) {
  for (const Plan plan : plans) {
    if (options.plan != name(plan)) continue;
    if (plan == Plan::grid && x_columns > most_grid_columns) {
      throw UsageError("--plan: grid serves at most " + counted(most_grid_columns, "x column") + ", not " +
                       std::to_string(x_columns));
    }
    return plan;
  }
  throw UsageError("--plan: " + cited(options.plan) + " is unknown");
}

double checked_tolerance(const PlanOptions& options) {
  if (options.tolerance.empty()) return 0;
  const double tolerance = number_argument("--plan-tolerance", options.tolerance);
  if (!(tolerance >= least_tolerance && tolerance <= largest_tolerance)) {
    throw UsageError("--plan-tolerance: " + cited(options.tolerance) + " is not from 1e-12 to 0.1");
  }
  return tolerance;
}

nlohmann::ordered_json to_json(const Explanation& explanation) {
  nlohmann::ordered_json costs = nlohmann::ordered_json::array();
  for (const Explanation::Cost& cost : explanation.costs) {
    nlohmann::ordered_json entry = {{"plan", name(cost.plan)},
                                    {"possible", cost.possible},
                                    {"seconds", cost.seconds},
                                    {"bytes", cost.bytes},
                                    {"error", cost.error}};
    if (!cost.possible) entry["seconds"] = entry["bytes"] = entry["error"] = nullptr;
    costs.push_back(std::move(entry));
  }
  return {{"plan", name(explanation.plan)}, {"forced", explanation.forced},
          {"queries", explanation.queries}, {"keys", explanation.keys},
          {"x_columns", explanation.dims},  {"y_columns", explanation.cols},
          {"threads", explanation.threads}, {"tolerance", explanation.tolerance},
          {"extent", explanation.extent},   {"costs", costs},
          {"details", explanation.details}};
}

}  // namespace attnpool::program
