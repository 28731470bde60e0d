#pragma once
// Predicted times: every constant of time of the library, and nothing else. All are seconds on one thread with AVX2,
// fitted to measurements (bench/README.md, docs/plan_table.md); neither threads nor the ISA take part, so that the
// choice of a plan, and with it the bits of an answer, depend on neither.
#include <cstddef>

namespace attnpool::detail::cost {

// Below this predicted time calls are dense: further estimation would cost as much as the call.
inline constexpr double quick = 150e-6;

// One pair of query and key. planes: value columns, and one for key weights; parameters: derivatives carried along;
// element_size: 4 for float, 8 for double; exponential: whether a weight takes one, not just a few products.
double pair(std::size_t dims, std::size_t planes, std::size_t parameters, std::size_t element_size, bool exponential);

// What a pair costs more when the part `far` of the queries is answered once more, key by key in double.
double far_pair(double far, std::size_t dims);

// Preparing keys and visiting all pairs.
double dense(double queries, double keys, double pair);

// Ordering keys and queries and visiting a part of the pairs.
double pruned(double queries, double keys, std::size_t dims, double visited, double pair);

// Ordering the keys alone.
double ordering(double keys);

struct GridWork {
  std::size_t dims;
  double keys, queries;
  double terms, reach;       // powers per dimension; neighbours on either side that count
  double boxes, neighbours;  // all boxes; sources of one, added over the dimensions
  double cell;               // doubles of a box in one plane
  double planes, sets;       // 1 + value columns; 1 + derivatives
};
double grid(const GridWork& work);

struct WindowWork {
  double keys, queries, cells;
  double visited;  // keys that a query meets one by one
  double planes;   // 1 + value columns
  double degree;   // of the power sums
  double coefficients, powers;
};
double window(const WindowWork& work);

// Arithmetic operations of a grid call, to decide on threads.
double grid_operations(double queries, double keys);

}  // namespace attnpool::detail::cost
