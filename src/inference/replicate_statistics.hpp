#pragma once
// What the replicates of one prediction tell.
#include <attnpool/bootstrap.hpp>
#include <span>

namespace attnpool::detail {

struct ReplicateStatistics {
  std::size_t used = 0;       // that are numbers
  double standard_error = 0;  // their standard deviation; NaN of fewer than two
  double low = 0, high = 0;   // their quantiles (1 -+ level) / 2; NaN of none
};

// `scratch` is memory kept from call to call.
ReplicateStatistics statistics_of(std::span<const double> replicates, double mean, double level,
                                  std::vector<double>& scratch);

// The quantile p of numbers, which change their order: linear between order statistics (type 7). NaN of none.
double quantile(std::span<double> numbers, double p);

}  // namespace attnpool::detail
