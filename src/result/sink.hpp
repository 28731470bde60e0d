#pragma once
#include <functional>

#include "result/query_sums.hpp"

namespace attnpool::detail {

// Receives the sums of every query once, in groups, concurrently for different queries, and writes the answers.
using Sink = std::function<void(const QuerySums&)>;

}  // namespace attnpool::detail
