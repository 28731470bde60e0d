#pragma once

namespace attnpool {

/// What an answer rests on.
enum class QueryStatus {
  answered,  ///< by keys within four bandwidths
  far,       ///< the nearest key is more than four bandwidths away: the answer is that of the nearest keys, however far
  unseen,    ///< the query is not finite, or no key is visible to it: everything is NaN
  empty,     ///< the kernel has compact support and no key is within reach: the answer is that of Options::empty
  lower_order,  ///< the keys do not determine the local polynomial that was asked for: the answer is of the order that they do
};

/// "answered", "far", "unseen", "empty", "lower_order".
const char* to_string(QueryStatus status) noexcept;

/// The answer for a query that has visible keys, but none within the reach of a kernel of compact support.
enum class Empty {
  nan,      ///< NaN: no data, no answer
  nearest,  ///< the value of the nearest key; the mean of several that are equally near
  mean,     ///< the mean of all visible keys
  error     ///< the call throws std::invalid_argument that names the first such query
};

/// "nan", "nearest", "mean", "error".
const char* to_string(Empty empty) noexcept;

}  // namespace attnpool
