#pragma once
#include <CLI/CLI.hpp>
#include <attnpool/attnpool.hpp>
#include <nlohmann/json.hpp>
#include <string>

namespace attnpool::program {

/// How `predict` and `fit` are to go about their work, as text.
struct AlgorithmOptions {
  std::string algorithm = "auto", tolerance;
  bool explain = false;
};

/// Adds --algorithm, --algorithm-tolerance and --explain.
void add_algorithm_options(CLI::App& command, AlgorithmOptions& options, const std::string& explain_help);

/// --algorithm for that many x columns. Throws UsageError where the grid cannot serve.
Algorithm checked_algorithm(const AlgorithmOptions& options, std::size_t x_columns);

/// --algorithm-tolerance, or 0 if not given. Throws UsageError for what is not in [1e-12, 0.1].
double checked_tolerance(const AlgorithmOptions& options);

/// For --json. What is not known of a plan, since it is not possible, is null.
nlohmann::ordered_json to_json(const Explanation& explanation);

}  // namespace attnpool::program
