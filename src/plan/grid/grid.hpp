#pragma once
// The grid plan: a fast Gauss transform on a regular grid of boxes, in at most three dimensions.
//   build      every box sums powers of the local coordinates of its keys (spread.cpp); boxes that do not fit the
//              caches are visited one by one, keys in their order. Boxes are carried to their neighbours one dimension
//              at a time by the matrices of translation.hpp (translate.cpp): a Gaussian is a product over dimensions
//   answer     the polynomial of a query's box at the query (evaluate.cpp)
// Everything is in double. Boxes are a small fraction of a bandwidth wide, so few terms suffice: the per-point cost of a
// million keys then outweighs that of the boxes. The resolution is chosen by cost (region.hpp).
// Certificate: |sum~ - sum| <= a * near + b, with near = sum over keys of e^(-r^2 / 4), r the distance of their box, one
// number per box carried along like the sums. The error of the mean is at most 2 (a near + b) / sum~ of the weights,
// since values lie in [-1, 1]; for local lines see line_bound.hpp. A query for which that exceeds the tolerance is left to another plan.
#include <memory>

#include "base/dispatch.hpp"
#include "data/scaled_values.hpp"
#include "plan/grid/boxes.hpp"
#include "plan/grid/region.hpp"
#include "plan/grid/translation.hpp"
#include "plan/request.hpp"
#include "result/sink.hpp"

namespace attnpool::detail {

inline constexpr std::size_t most_grid_dims = 3;

template <class T>
class Grid {
 public:
  // Sums of keys [K, D] and values, for `score`. Those of the last call are kept if only `threads` has changed since,
  // and nothing was forgotten: keys and values are not looked at.
  void build(MatrixView<const T> keys, const ScaledValues<T>& values, const Region& region, const Kernel& kernel,
             Moments moments, double tolerance, double width, int threads);

  void forget() { built_ = {}; }

  // Gives `sink` the sums of all queries whose bound keeps the tolerance. Returns the others, ascending.
  std::vector<std::uint32_t> answer(const PoolRequest<T>& request, const ScaledValues<T>& values, int threads,
                                    const Sink& sink) const;

 private:
  struct Arguments {  // of build, but for keys and values
    std::vector<double> w;
    Moments moments = Moments::none;
    double tolerance = 0, width = 0;
    bool operator==(const Arguments&) const = default;
  };
  // a and b above, of the sums of weights; of local lines also `ratio` r: the errors of their first moments are at most r times
  // and those of the second at most r^2 times a near + b (line_bound.hpp).
  struct Certificate {
    double per_near = 0, constant = 0, ratio = 0;
  };

  void lay_out(const Region& region, const Kernel& kernel, double width);
  Certificate certificate(const std::size_t* powers, double total_weight) const;
  Certificate certificate(double total_weight) const;
  void bound(const double* sums, const unsigned* cell, std::size_t count, double* bounds, double* size) const;
  void keep_clear_of_strays(MatrixView<const T> keys);

  template <std::size_t D>
  void spread(MatrixView<const T> keys, const ScaledValues<T>& values, int threads);
  void spread_as_they_come(MatrixView<const T> keys, const ScaledValues<T>& values, int threads);
  template <std::size_t D>
  void spread_by_box(MatrixView<const T> keys, const ScaledValues<T>& values, int threads);

  void translate(int threads);
  void merge_sets(int threads);
  void translate_along(std::size_t dim, std::size_t stride, int threads);

  template <std::size_t D>
  std::vector<std::uint32_t> answer_in(const PoolRequest<T>& request, const ScaledValues<T>& values, int threads,
                                       const Sink& sink) const;
  template <std::size_t D>
  void answer_block(const PoolRequest<T>& request, const ScaledValues<T>& values, const std::uint32_t* order,
                    std::size_t first, std::size_t count, double* sums, const Sink& sink, char* unanswered) const;
  void clear_idle(std::size_t count, double* sums) const;
  bool is_near_a_stray(const T* query) const;
  void remove_own(const PoolRequest<T>& request, const ScaledValues<T>& values, const std::uint32_t* order,
                  std::size_t first, std::size_t count, double* sums) const;

  bool lanes_are_planes() const { return shape_.dims == 1 && set_count_ > 1; }
  // Doubles of one box in one set of sums.
  std::size_t box_size() const { return shape_.planes * shape_.rows * shape_.row; }

  Arguments built_;
  Boxes boxes_;
  bool trimmed_ = false;  // some keys lie outside the grid
  CellShape shape_{};
  std::vector<std::shared_ptr<Expansion>> expansions_;  // one per dimension
  Certificate certificate_;
  double longest_sum_ = 0;                   // keys that are added up one by one
  std::vector<unsigned char> occupied_;      // [boxes]
  std::vector<AlignedVector<double>> sets_;  // while building, [1 + parameters][boxes][planes][rows][row]
  std::size_t set_count_ = 1;                // 1 + parameters
  // [boxes][1 + parameters][planes][rows][row], so that a query reads one run of memory; or, for moments in one dimension,
  // [boxes][terms][planes_row((1 + parameters) planes)].
  AlignedVector<double> cells_;
  std::vector<double> near_;  // [boxes]
};

}  // namespace attnpool::detail
