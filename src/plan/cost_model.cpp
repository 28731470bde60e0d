#include "plan/cost_model.hpp"

#include <algorithm>

namespace attnpool::detail::cost {

double pair(std::size_t dims, std::size_t planes, std::size_t parameters, std::size_t element_size, bool exponential) {
  const bool single = element_size == 4;
  const double lanes = 32 / static_cast<double>(element_size);
  const double columns = planes == 1 ? 2 : 4 + 1.2 * static_cast<double>(planes);
  // Moments of local planes are summed one by one: 13 operations each in place of 2 with one column (measured with AVX2 at 4,000 x
  // 4,000 in two and three dimensions).
  const double of_moment = dims > 1 && parameters > 2 * dims ? columns + 11 : columns;
  const double of_weight = !exponential ? 3 : single ? 11 : 16;
  const double operations =
      of_weight + 2 * static_cast<double>(dims) + columns + of_moment * static_cast<double>(parameters);
  return operations * 0.12e-9 / lanes * 0.7;
}

double far_pair(double far, std::size_t dims) { return far * (1.5e-9 + 0.4e-9 * static_cast<double>(dims)); }

double dense(double queries, double keys, double pair) { return queries * keys * pair + 5e-9 * keys + 1e-6; }

double pruned(double queries, double keys, std::size_t dims, double visited, double pair) {
  return queries * keys * visited * pair + 120e-9 * queries + (dims > 1 ? 400e-9 : 100e-9) * keys;
}

double ordering(double keys) { return 80e-9 * keys; }

double grid(const GridWork& w) {
  constexpr double lanes = 4;
  const double registers = w.cell / lanes;
  const double matrices = w.reach * w.terms * w.terms * (w.sets == 1 ? 30 : 60);
  // Points in the order of their boxes are fetched from all over memory.
  const double fetching = w.dims > 1 && w.keys + w.queries > 3e5 ? 70 * (w.keys + w.queries) : 0;
  return 1e-9 * (60e3 + matrices + fetching + w.keys * (10 + 0.4 * registers * w.planes) +
                 w.boxes * w.neighbours * (4 + 0.3 * w.terms * registers * w.planes * w.sets) +
                 w.queries * (8 + w.sets * w.planes * (3 + 0.4 * registers)));
}

double window(const WindowWork& w) {
  const double sums = (1 + w.degree) * w.planes, move = w.degree * (1 + w.degree) / 2 * w.planes;
  return 1e-9 * (60e3 + w.keys * (14 + 0.6 * sums) + w.cells * (20 + 4 * sums + 3 * move) +
                 w.queries * (25 + 0.7 * w.coefficients * w.planes + w.visited * 0.15 * w.powers * w.planes / 2) +
                 std::min(w.queries, w.cells) * (40 + 6 * w.visited));
}

double grid_operations(double queries, double keys) { return 20 * (queries + keys); }

}  // namespace attnpool::detail::cost
