#pragma once
#include <functional>
#include <string>

#include "table.hpp"

/// Where training starts and how far its steps go, if the user does not say.
namespace attnpool::program {

/// The first w and where in the scan it was found.
struct Start {
  double w = 1;
  std::string at_bound;  ///< "", or "smallest" or "largest": no bandwidth between those of the scan has a lower loss
};

/// The w with the lowest leave-one-out loss of a scan over bandwidths, the same for all x columns, from a quarter of the
/// closest spacing of points, where only neighbours count, to four times the largest range, where all do, refined
/// between the neighbours of the best; of equal ones the largest bandwidth. progress is told the fraction done, and stops the scan by returning false, with Cancelled.
Start scanned_start(const Data& data, const std::function<bool(double)>& progress, int threads);

/// Without leave-one-out the loss falls with the bandwidth: Silverman's rule on a robust spread of the x columns.
double rule_start(const Data& data);

/// So that a step changes w by a part of itself, whatever the units: 10 / (variance of x * variance of y) for the mean
/// loss, the variances being squares of robust spreads, which an outlier does not move.
double default_learning_rate(const Data& data, Loss loss);

}  // namespace attnpool::program
