#pragma once
#include <CLI/CLI.hpp>
#include <attnpool/inference.hpp>
#include <string>
#include <vector>

#include "commands/problem.hpp"

namespace attnpool::program {

/// Columns that `predict` adds to its predictions.
struct Column {
  std::string name;
  std::vector<double> cells;
};

/// --standard-error, --variance, --level and --slope, as text; they are checked when the command runs.
struct InferenceArguments {
  bool standard_error = false, slope = false;
  std::string variance = "hc3", level = "0.95";

  bool wanted() const { return standard_error || slope; }
};

/// The level of the bands.
double checked_level(const InferenceArguments& arguments);

void add_inference_options(CLI::App& command, InferenceArguments& arguments);

/// Refuses what inference does not serve.
void check_inference(const InferenceArguments& arguments, const Problem& problem);

/// The columns that the arguments ask for, still empty, [queries] each.
std::vector<Column> inference_columns(const InferenceArguments& arguments, const Problem& problem);

/// Enters the answers of one part in such columns. Returns the number of its queries more than four bandwidths from all data.
std::size_t infer(const InferenceArguments& arguments, const Part& part, const Options& call,
                  std::vector<Column>& columns);

/// The figures of the fit to its own data.
FitSummary summary_of(const Data& data, const Kernel& kernel, const Smoothing& smoothing, int threads);

/// Throws UsageError, in the name of an option that asks for standard errors, where they are not known.
void require_gaussian_mean(const std::string& option, const Smoothing& smoothing);

/// In the same words wherever a fit is summed up.
std::string text_of(const FitSummary& summary);
nlohmann::ordered_json to_json(const FitSummary& summary);

}  // namespace attnpool::program
