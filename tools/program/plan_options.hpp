#pragma once
#include <CLI/CLI.hpp>
#include <attnpool/attnpool.hpp>
#include <nlohmann/json.hpp>
#include <string>

namespace attnpool::program {

/// How `predict` and `fit` are to go about their work, as text.
struct PlanOptions {
  std::string plan = "automatic", tolerance;
  bool explain = false;
};

/// Adds --plan, --plan-tolerance and --explain.
void add_plan_options(CLI::App& command, PlanOptions& options, const std::string& explain_help);

/// --plan for that many x columns. Throws UsageError where the grid cannot serve.
Plan checked_plan(const PlanOptions& options, std::size_t x_columns);

/// --plan-tolerance, or 0 if not given. Throws UsageError for what is not in [1e-12, 0.1].
double checked_tolerance(const PlanOptions& options);

/// For --json. What is not known of a plan, since it is not possible, is null.
nlohmann::ordered_json to_json(const Explanation& explanation);

}  // namespace attnpool::program
