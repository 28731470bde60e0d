#pragma once
#include <string_view>

namespace attnpool {

/// Inverse of to_string() for Algorithm, BootstrapBand, Criterion, Empty, FitStop, Isa, KernelShape, Loss, Multiplier, QueryStatus, Resampling,
/// Selection::Bound and Variance. Throws std::invalid_argument that lists the names. from_string<Isa>() accepts only what this computer supports.
template <class Enum>
Enum from_string(std::string_view name);

}  // namespace attnpool
