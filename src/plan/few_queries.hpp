#pragma once
#include <cstddef>

#include "plan/request.hpp"

namespace attnpool::detail {

// Calls of at most this many queries on at least this many keys are answered in one pass over keys and values as they
// lie, lanes along the keys: preparing keys for so few queries would cost more than the answer.
inline constexpr std::size_t few_queries = 4, many_keys = 32768;
inline bool has_few_queries(std::size_t queries, std::size_t keys) {
  return queries > 0 && queries <= few_queries && keys >= many_keys;
}

// pool() for such requests. False, with nothing written, if the request is not of that kind or holds anything out of the
// ordinary (key weights, a query far from every key, entries that are not finite, values of extreme size): then the
// general way is to be taken. Errors are within those of the dense plan, whose raw distances and sums these are.
template <class T>
bool pool_few_queries(const PoolRequest<T>& request, MatrixView<const T> values, MatrixView<T> out);

}  // namespace attnpool::detail
