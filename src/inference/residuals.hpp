#pragma once
// The residuals and leverages of a fit to its own data.
#include <attnpool/inference.hpp>
#include <vector>

#include "data/weighted_rows.hpp"
#include "plan/workspace.hpp"

namespace attnpool::detail {

struct Residuals {
  std::vector<double> left_out;  // [rows][cols]: value - prediction from the other rows; NaN if no other row is seen
  std::vector<double> rest;      // [rows]: 1 - H, so that left_out * rest is the residual of the fit to all rows
  FitSummary summary;
};

// workspace must have been prepared for the values of data. Uses the algorithm, tolerance, threads and progress of options.
Residuals residuals_of(const WeightedRows& data, const Kernel& kernel, Options options, Workspace<double>& workspace);

// The square roots of what Variance (other than local) counts each row for, [rows][cols].
std::vector<double> variance_terms(const Residuals& residuals, Variance variance);

}  // namespace attnpool::detail
