#pragma once
// The window plan: in one dimension, kernels that are polynomials on each side of the query, in O(keys + queries).
//   build    keys in the order of cells, some ten a cell; power sums of every cell about the centre of its group of cells
//   answer   the keys that a query sees are those of its own cell and of the two cells a bandwidth away, one by one (by the
//            routines of the dense plan), and between them whole cells, by their power sums: `whole` groups on either side, the
//            same for all queries of a group, and the parts of the next groups and of the query's own. Sums of cells are added
//            up in groups and groups in windows, at most about 2 sqrt(cells of a bandwidth) terms, and moved to the query's
//            group; nothing is ever subtracted from a running sum, so neither the length of the data nor an offset costs digits
// Everything is in double. Of a query's sum of weights W the part A comes from power sums, with an error below `rounding_` A; a
// query for which that exceeds the tolerance is left to another plan (all its keys lie near the edge of the kernel).
#include <optional>

#include "base/aligned.hpp"
#include "data/scaled_values.hpp"
#include "plan/request.hpp"
#include "plan/window/layout.hpp"
#include "plan/window/power_sums.hpp"
#include "result/sink.hpp"

namespace attnpool::detail {

struct WindowQueries;

template <class T>
class Window {
 public:
  // Takes the request's keys and values in. Those of the last call are kept if nothing of it has changed.
  void build(const PoolRequest<T>& request, const ScaledValues<T>& values, const WindowLayout& layout, int threads);
  void forget() { built_.reset(); }

  // Gives `sink` the sums of all queries that it can answer. Returns the others, ascending.
  std::vector<std::uint32_t> answer(const PoolRequest<T>& request, const ScaledValues<T>& values, double tolerance,
                                    int threads, const Sink& sink) const;

 private:
  struct Arguments {
    KernelShape shape;
    double w;
    Moments moments;
    WindowLayout layout;
    bool positions;
    bool operator==(const Arguments&) const = default;
  };
  struct Task;  // of answer()

  double group_centre(std::ptrdiff_t group) const {
    const double cells = static_cast<double>(group) * static_cast<double>(layout_.group);
    return layout_.low + (cells + static_cast<double>(layout_.group) / 2) * layout_.width;
  }
  const double* sums_of_cell(std::size_t cell) const { return cell_sums_.data() + cell * sums_.size(); }
  const double* sums_of_group(std::size_t group) const { return group_sums_.data() + group * sums_.size(); }
  bool is_group(std::ptrdiff_t group) const { return group >= 0 && static_cast<std::size_t>(group) < layout_.groups(); }

  void sort_keys(const PoolRequest<T>& request, const ScaledValues<T>& values, int threads);
  void sum_up(std::size_t cell, std::vector<double>& scratch);
  void sum_cells(int threads);
  WindowQueries sort_queries(const PoolRequest<T>& request, int threads) const;

  std::optional<Arguments> built_;
  WindowLayout layout_;
  double scale_ = 0;                          // bandwidths per unit
  std::size_t planes_ = 0, first_plane_ = 0;  // of values: ScaledValues::planes, and 1 if the first is the key weight
  PowerSums sums_;
  double rounding_ = 0;
  std::vector<std::uint32_t> begin_, position_;  // of cells in keys_; of the caller's keys, where one may be left out
  AlignedVector<double> keys_, values_;          // [keys], [keys][planes_]
  std::vector<double> least_, largest_;          // key of every cell; infinities where there is none
  double stray_below_ = 0, stray_above_ = 0;     // the nearest of the keys that have no cell
  AlignedVector<double> cell_sums_, group_sums_;
};

}  // namespace attnpool::detail
