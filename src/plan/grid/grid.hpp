#pragma once
// The grid plan: a fast Gauss transform on a regular grid of boxes, at most three dimensions.
//   build      each box sums powers of the local coordinates of its keys (spread); boxes that do not fit the caches are
//              visited one by one, keys in their order (counting sort). Boxes are carried to their neighbours one
//              dimension at a time by the matrices of expansion.hpp (translate): a Gaussian is a product over
//              dimensions
//   answer     the polynomial of a query's box at the query (evaluate)
// Everything is in double. Boxes are a small fraction of a bandwidth, so few terms do: the per-point cost of a million
// keys then outweighs that of the boxes. The choice of box and terms is made by cost (GridCost).
// Certificate: |sum~ - sum| <= a * near + b, with near = sum over keys of e^(-r^2 / 4), r the distance of their box,
// one number per box carried along like the sums. The error of the mean is at most 2 (a near + b) / sum~ of the
// weights, since values lie in [-1, 1]. A query for which that misses the tolerance is handed over.
#include <memory>

#include "plan/grid/translation.hpp"
#include "plan/request.hpp"

namespace attnpool::detail {

// The part of space that a grid covers: the box of the keys, or, where a few of them (strays) lie so far out that most
// of the grid would be empty, of all but those.
struct Region {
  std::vector<double> low, high;
  bool trimmed = false;
};

// A grid's resolution and what it is predicted to cost, for K keys and Q queries.
struct GridCost {
  bool possible = false;
  double width = 0;  // of a box, in bandwidths
  double boxes = 0;
  std::size_t terms = 0, reach = 0;
  double seconds = 0;  // on one thread
  double bytes = 0;
};

template <class T>
class Grid {
 public:
  static constexpr std::size_t most_dims = 3;
  // The region for keys whose bounding box is `box`, from a sample of them.
  static Region region_of(MatrixView<const T> keys, const BoundingBox<T>& box);
  static GridCost cost(const Region& region, const Gaussian& score, Moments moments, double tolerance,
                       std::size_t key_count, std::size_t query_count, std::size_t cols);

  // Sums of `keys` [K, D] and `values`, for `score`. Those of the last call are kept if only `threads` has changed
  // since, and nothing was forgotten: keys and values are not looked at.
  void build(MatrixView<const T> keys, const ScaledValues<T>& values, const Region& region, const Gaussian& score,
             Moments moments, double tolerance, double width, int threads);

  void forget() { built_ = {}; }

  // finish() for all queries; hand_over[q] is set for those whose bound misses the tolerance.
  void answer(const PoolRequest<T>& call, const ScaledValues<T>& values, int threads, const Finish& finish,
              std::vector<char>& hand_over) const;

 private:
  // Boxes are [first + i, first + i + 1) * box_width in the unit of the keys. box_width has 16 significant bits and
  // `first` is a whole number below 2^36, so that edges are exact and a point's place in its box is known to a rounding
  // of that place, however far the keys reach.
  struct Axis {
    double first, box_width, per_unit;  // per_unit: boxes
    std::size_t boxes;
    double scale;                // bandwidths per unit
    double edge_low, edge_high;  // queries below or above, in boxes, may miss strays
  };
  struct Arguments {  // of build, but for keys and values
    std::vector<double> w;
    Moments moments = Moments::none;
    double tolerance = 0, width = 0;
    bool operator==(const Arguments&) const = default;
  };
  // Points in the order of their cells; those outside are last.
  struct Sorted {
    std::vector<std::uint32_t> begin;  // [cells + 1]
    std::vector<std::uint32_t> order;
  };
  template <std::size_t D>
  std::size_t locate(const T* x, double* local) const;
  template <std::size_t D>
  Sorted sort(MatrixView<const T> points, int threads) const;
  template <std::size_t D>
  void spread(MatrixView<const T> keys, const ScaledValues<T>& values, int threads);
  void spread_as_they_come(MatrixView<const T> keys, const ScaledValues<T>& values, int threads);
  template <std::size_t D>
  void spread_by_cell(MatrixView<const T> keys, const ScaledValues<T>& values, int threads);
  void translate(int threads);
  void keep_clear_of_strays(MatrixView<const T> keys);
  template <std::size_t D>
  void answer_in(const PoolRequest<T>& call, const ScaledValues<T>& values, int threads, const Finish& finish,
                 std::vector<char>& hand_over) const;
  void remove_own(const PoolRequest<T>& call, const ScaledValues<T>& values, const std::uint32_t* order,
                  std::size_t first, std::size_t count, double* sums) const;

  std::size_t cell_size() const { return shape_.planes * shape_.rows * shape_.row; }

  Arguments built_;
  std::vector<Axis> axes_;
  Region region_;
  std::size_t cells_ = 0;
  CellShape shape_{};
  std::vector<std::shared_ptr<Expansion>> expansions_;  // of each dimension
  Moments moments_ = Moments::none;
  double tolerance_ = 0;
  double per_near_ = 0, constant_ = 0;       // a and b of the certificate
  double longest_sum_ = 0;                   // keys that are added up one by one
  std::vector<unsigned char> occupied_;      // [cells]
  std::vector<AlignedVector<double>> sets_;  // [1 + parameters][cells][planes][rows][row]
  std::vector<double> near_;                 // [cells]
};

}  // namespace attnpool::detail
