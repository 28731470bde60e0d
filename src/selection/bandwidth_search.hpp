#pragma once
// The search for the bandwidth with the least criterion: the curve, the descents, and what the best is worth.
#include <attnpool/selection.hpp>

#include "selection/data.hpp"

namespace attnpool::detail {

// In the units of the data; values of the criterion are objectives, logarithms but for AICc. Cancelled by progress, it returns the
// best so far.
attnpool::Selection search_bandwidth(const SelectionData& data, const SelectionOptions& options);

}  // namespace attnpool::detail
