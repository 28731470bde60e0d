#pragma once
// The one door between src/ and simd/: plain structs of pointers, filled once per ISA. Nothing here may be instantiated
// differently by differently flagged objects, so there is no function, no std:: type and no default member initialiser
// in this header.
#include <cstddef>

#include "moments.hpp"

namespace attnpool::detail {

// Note [Order of sums]. A query's weights are summed in an order that depends on nothing but the keys: tiles of
// tile_keys keys in T, tiles added to a compensated (hi, lo) total within a chunk, chunks added in double by the
// caller. 96 keys keep the float error of a tile near 2e-7 and cost 2 x 6 operations per 96 x 13; 96 is a multiple of
// every register tile.
inline constexpr std::size_t tile_keys = 96;
// Queries per routine call; a multiple of every ISA's register group.
inline constexpr std::size_t query_block = 64;
// Block routines clamp exponents here: a weight of 2^-90 (2^-900) beside a sum of at least 2^-32, 2^-58 of it. Not
// lower, because products with values would then be subnormal, which cost an Intel CPU 20 times the time
// (bench/README.md).
template <class T>
inline constexpr T largest_exponent = sizeof(T) == 4 ? T(90) : T(900);

// Differences of one-dimensional coordinates are clamped here under kernels other than the Gaussian, so that their fourth power
// is finite.
template <class T>
inline constexpr T farthest_difference = sizeof(T) == 4 ? T(0x1p30) : T(0x1p250);

// The smoothing kernels that have routines of their own, as KernelShape, and last the caller's own function.
inline constexpr std::size_t profile_count = 11;
inline constexpr std::size_t custom_profile = profile_count - 1;

// How squared distances are formed, in units of the exponent.
//   scaled   sum (q - k)^2: coordinates centred and scaled beforehand
//   raw      sum (scale (q - k))^2: coordinates as the user gave them; differences of floats are all but exact
//   product  |q|^2 + |k|^2 - 2 q.k of scaled coordinates, one operation per dimension; where the norms are small enough
//   to allow it
enum class DistanceForm { scaled, raw, product };

// One block of queries against one chunk of keys. Lanes are queries.
template <class T>
struct BlockTask {
  const T* queries;        // [dims][query_block]; in product form -2 q, and their squared norms as a further row
  std::size_t lane_count;  // a multiple of the ISA's lanes (the caller pads with copies of a real query)
  const T* keys;           // [key_count][dims]
  const T* values;         // [key_count][cols], finite
  std::size_t key_count;
  std::size_t dims;
  std::size_t cols;
  DistanceForm form;
  const T* scale;      // [dims], raw form only
  const T* key_norms;  // [key_count] squared norms, product form only
  bool in_range;       // dims = 1: it is known that no difference reaches the profile's `farthest`, so none is clamped
  const T* visible;    // null: every lane sees every key; else [3][query_block]: begin, end, excluded, as key numbers
                       // in this chunk, exact in T
  T edge;              // kernels of compact support: the squared distance from which on weights are 0, a little below 1
  T alpha;             // rational quadratic kernel
  bool product;        // the product of one-dimensional kernels; not for the Gaussian
  void (*custom)(const void* context, T* squares, std::size_t count);  // makes weights of squared distances, in place
  const void* context;
  T* tile;  // scratch, 2 * tile_keys * query_block
  T* sums;  // out: [sum_count][2][query_block], hi and lo
};
// pool writes 1 + cols sums: of w and of w * value[v].
// moments (not in product form) writes (1 + parameters) * (1 + cols): those, then for each parameter p the same with w times
// moment p of the difference (see Moments) in place of w. Where moments stand for derivatives (not for local polynomials) the
// profile's decline takes the place of w in them.

// One query against many keys. Lanes are keys, keys are [dims][key_stride] (transposed).
// relative(k) = |q - k|^2 - |q - r|^2 in units of the exponent = sum_d factor (r - k) ((q - r) + (q - k)): nothing
// cancels near the reference key r, however far q is. Key weights are powers of two here: with `bias`, bias[k] -
// reference_bias is added to relative(k); a bias may be inf, and the key then has no weight.
template <class T>
struct RowTask {
  const T* query;      // [dims]
  const T* reference;  // [dims]: r
  const T* factor;     // [dims]
  const T* keys;
  std::size_t key_stride;
  std::size_t key_count;
  std::size_t dims;
  const T* bias;  // [key_count], or null
  T reference_bias;
};

// Few queries, many keys: one query, a stretch of keys and values as the user gave them, read once. Lanes are keys, or
// in many dimensions (columns) lie along a key (value).
template <class T>
struct StreamTask {
  const T* query;  // [dims], raw
  const T* scale;  // [dims]
  const T* keys;
  std::size_t key_stride;
  const T* values;
  std::size_t value_stride;
  const T* origin;  // [cols]: values are counted from it
  std::size_t key_count;
  std::size_t dims;
  std::size_t cols;
  T* scratch;    // (dims + cols + 1) * tile_keys
  double* sums;  // [1 + cols], added to: w and w * (value - origin)
  T* smallest;   // [cols], updated: bounds of value - origin
  T* largest;
  bool* irregular;  // set if a distance is not finite
};

template <class T>
struct Routines {
  std::size_t lanes;
  void (*exp)(const T* x, T* out, std::size_t count) noexcept;
  void (*exp_nonpositive)(const T* x, T* out, std::size_t count) noexcept;
  // staging of count elements, or null: e^(x - max) is kept there and out is written once, past the caches. next: a row
  // to fetch meanwhile, or null.
  void (*softmax)(const T* scores, T* out, std::size_t count, T* staging, const T* next) noexcept;
  // max and sum of e^(x - max); sum = 0 and max = -inf if there is nothing but -inf.
  void (*log_sum_exp)(const T* scores, std::size_t count, T* max, T* sum) noexcept;
  struct OfProfile {
    void (*pool)(const BlockTask<T>&) noexcept;
    void (*moments)(const BlockTask<T>&, Moments) noexcept;
  } gaussian;
  const OfProfile* profiles;  // [profile_count]; the first is not used
  void (*stream)(const StreamTask<T>&) noexcept;
  // The first key with the smallest relative(k), and that value. key_count >= 1.
  std::size_t (*nearest)(const RowTask<T>&, T* relative) noexcept;
  // weights[k] = 2^-relative(k), relative(k) >= -1, exactly 0 below the smallest normal number; returns their sum.
  T (*weights)(const RowTask<T>&, T* weights) noexcept;
  // out[i] *= factor
  void (*scale)(T* out, T factor, std::size_t count) noexcept;
};

// The grid plan (see grid.hpp), in double whatever T is. A cell holds, for each of its planes (what is summed), a
// polynomial in the local coordinates t_d in [-1, 1] of a box: coefficient (i_0, .., i_(dims - 1)) at
// [plane][i_0]..[i_(dims - 1)], the last power in rows of `row` = terms rounded up to grid_lanes, padded with zeros.
inline constexpr std::size_t grid_lanes = 8;
inline constexpr std::size_t most_terms = 16;
struct CellShape {
  std::size_t dims, terms, row, planes;
  std::size_t rows;  // of one plane: terms^(dims - 1), at most most_terms^2
};

// moments[cell of point][plane][i] += factor[plane] * t^i for every point.
struct SpreadTask {
  CellShape shape;
  const double* points;  // [count][dims + planes]: local coordinates, factors
  std::size_t count;
  const unsigned* cell;  // [count], or null: all in the first
  double* moments;
};

// One cell from its neighbours along one dimension: target[.. i ..] += sum over sources s, powers j of
// matrices[s][j][i] * source[s][.. j ..].
struct TranslateTask {
  CellShape shape;
  std::size_t dim;
  const double* source;
  std::size_t source_stride;      // doubles between neighbours
  const unsigned char* occupied;  // [source_count], occupied_stride apart: 0 where a source is all zero
  std::size_t occupied_stride;
  std::size_t source_count;
  const double* matrices;  // [source_count][terms][row]
  double* target;
};

// sums[plane][query] = the polynomial of cell[query] at points[.][query]
struct EvaluateTask {
  CellShape shape;
  const double* cells;
  const unsigned* cell;
  const double* points;  // [dims][query_block]
  std::size_t count;     // at most query_block
  double* sums;          // [planes][query_block]
};

// The same in one dimension for three planes or more. Lanes are planes, so nothing is added across lanes: cells are
// [terms][planes_row(planes)], coefficients of one power side by side.
[[gnu::always_inline]] inline std::size_t planes_row(std::size_t planes) {
  return (planes + grid_lanes - 1) / grid_lanes * grid_lanes;
}

struct GridRoutines {
  void (*spread)(const SpreadTask&) noexcept;
  void (*translate)(const TranslateTask&) noexcept;
  void (*evaluate)(const EvaluateTask&) noexcept;
  void (*evaluate_planes)(const EvaluateTask&) noexcept;
};

// One-dimensional keys in ascending order near a block of ladder_lanes queries, which are keys themselves. With e the smaller of
// ladder_exponent and the squared difference in units of the exponent less `nearest`, that of the nearest other key, sums
// [step][2][lane] are those of weights * 2^-(2^step e) and values * 2^-(2^step e). A query's own key counts with e = 0.
// A rung is the first step alone with its derivative: [0][2][lane] the same sums, [1][2][lane] those of each term times e.
inline constexpr std::size_t ladder_lanes = 16, ladder_steps = 5;
// 2^-60 does not count beside the nearest key's 1, and 2^-(16 * 60) is a normal number still.
inline constexpr double ladder_exponent = 60;
struct LadderTask {
  const double* queries;  // [ladder_lanes]
  const double* nearest;  // [ladder_lanes]
  double scale;
  const double* keys;  // [key_count], and so are weights and values, which are weight * value
  const double* weights;
  const double* values;
  std::size_t key_count;
  double* sums;
};

// Robust local lines, one-dimensional keys: with s = (key - query) * unit and the tricube weight t(s), sums [5][lane] of
// weights * t, weights * t s, weights * t s^2, values * t and values * t s are added to.
inline constexpr std::size_t lowess_lanes = 16, lowess_sums = 5, lowess_moments = 12;
struct LowessTask {
  const double* queries;  // [lowess_lanes]
  const double* units;    // [lowess_lanes]
  const double* keys;     // [key_count], and so are weights and values, which are weight * value
  const double* weights;
  const double* values;
  std::size_t key_count;
  double* sums;
};
// The same sums from the moments of keys that are all on one side of the queries (side 1: above them) and within their reach: moments[p]
// is the sum of weights * z^p, value_moments[p] of values * z^p, with key = centre + half z.
struct LowessBlockTask {
  const double* queries;
  const double* units;
  double centre, half, side;
  const double* moments;        // [lowess_moments]
  const double* value_moments;  // [lowess_moments]
  double* sums;
};

struct RoutineTable {
  Routines<float> f32;
  Routines<double> f64;
  GridRoutines grid;
  void (*ladder)(const LadderTask&) noexcept;
  void (*rung)(const LadderTask&) noexcept;
  void (*lowess_pairs)(const LowessTask&) noexcept;
  void (*lowess_block)(const LowessBlockTask&) noexcept;
};

}  // namespace attnpool::detail
