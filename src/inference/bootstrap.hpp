#pragma once
// Replicates of predictions: see Inference::bootstrap. They are value columns of ordinary passes over the keys. Of wild the
// columns are residuals times multipliers, and their means what a replicate differs from the prediction by; of pairs they are
// counts and counts times values, and a replicate is the ratio of their means.
#include <attnpool/bootstrap.hpp>

#include "data/weighted_rows.hpp"
#include "inference/residuals.hpp"

namespace attnpool::detail {

// What is resampled, and how its passes are made.
struct BootstrapSource {
  const WeightedRows& data;
  const Kernel& kernel;
  const Options& options;  // algorithm, tolerance, threads and the key weights of data
  const Residuals& residuals;
  Workspace<double>& workspace;  // prepared for the values, which are its first columns
};

BootstrapResult bootstrap(const BootstrapSource& source, MatrixView<const double> queries,
                          const BootstrapOptions& options);

}  // namespace attnpool::detail
