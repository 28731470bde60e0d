#pragma once
#include <span>

#include "commands/inference.hpp"

namespace attnpool::program {

/// --bootstrap and what belongs to it, as text; they are checked when the command runs.
struct BootstrapArguments {
  std::string kind, replicates = "999", seed = "0", band = "percentile", multiplier = "rademacher";
  bool simultaneous = false;

  bool wanted() const { return !kind.empty(); }
  bool is_pairs() const { return kind == "pairs"; }
};

void add_bootstrap_options(CLI::App& command, BootstrapArguments& arguments);

/// Refuses what the bootstrap does not serve. The level and the variance, of which the residuals are, are those of inference.
void check_bootstrap(const BootstrapArguments& arguments, const InferenceArguments& inference, const Problem& problem);

/// The columns that the arguments ask for, still empty, [queries] each.
std::vector<Column> bootstrap_columns(const BootstrapArguments& arguments, const Problem& problem);

/// Enters the answers of one part in such columns. Returns the number of its queries for which replicates were passed over.
std::size_t bootstrap(const BootstrapArguments& arguments, const InferenceArguments& inference, const Part& part,
                      const Options& call, std::span<Column> columns);

}  // namespace attnpool::program
