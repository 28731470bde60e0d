#include "plan/grid/grid.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/dispatch.hpp"
#include "base/threads.hpp"

namespace attnpool::detail {
namespace {

constexpr double u = std::numeric_limits<double>::epsilon() / 2;

// Boxes around the keys, for queries that lie outside: this many bandwidths.
double margin(std::size_t dims) { return dims == 1 ? 3 : 1; }

// What an error of 1 per unit of `near` costs an answer, for evenly spread keys: 2 near / sum, and a reserve of 16 for
// queries with fewer neighbours.
double error_per_key(std::size_t dims, Moments moments, double tolerance) {
  const double d = static_cast<double>(dims), reserve = moments == Moments::none ? 16 : 64;
  return tolerance / (reserve * 2 * d * std::pow(1.5, d));
}

// Weights left out beside those of evenly spread keys.
double truncation(double error, const Region& region, const Gaussian& score) {
  double part = 0.1;
  for (std::size_t d = 0; d < region.low.size(); ++d)
    part *= std::min(1.0, 2.5 / ((region.high[d] - region.low[d]) * std::abs(score.w_of(d)) + 1e-300));
  return std::max(error * part, 1e-290);
}

// Doubles that a core's caches keep: half a megabyte.
constexpr std::size_t cached = 65536;

// Edges of boxes are exact: 16 bits of width times a number of at most 36. A point may be put into the neighbour of its
// box by a rounding of that number, 2^-17 of a box, which costs the polynomial less than the 1 % in the certificate.
constexpr int width_bits = 16;
constexpr double most_boxes_from_zero = 0x1p36;

// Keys that spread_as_they_come() adds up one by one, and the doubles of moments that keep adding up its parts cheap.
constexpr std::size_t part_keys = 8192, few_moments = 16384;

// Points of the two ends of a part of `count` things.
std::size_t part_begin(std::size_t count, std::size_t part, std::size_t parts) { return count * part / parts; }

}  // namespace

template <class T>
Region Grid<T>::region_of(MatrixView<const T> keys, const BoundingBox<T>& box) {
  Region region{box.low, box.high, false};
  constexpr std::size_t samples = 1024;
  const std::size_t step = std::max<std::size_t>(1, keys.rows / samples);
  std::vector<double> sample;
  Region inner = region;
  double gain = 1;
  for (std::size_t d = 0; d < keys.cols; ++d) {
    sample.clear();
    for (std::size_t k = 0; k < keys.rows; k += step) sample.push_back(static_cast<double>(keys(k, d)));
    const auto quantile = [&](double p) {
      const auto at = sample.begin() + static_cast<std::ptrdiff_t>(p * static_cast<double>(sample.size() - 1));
      std::nth_element(sample.begin(), at, sample.end());
      return *at;
    };
    // Holds 99.99 % of normal and all of uniform keys.
    const double low = quantile(0.02), high = quantile(0.98), reserve = high - low;
    if (!(reserve > 0)) continue;
    inner.low[d] = std::max(box.low[d], low - reserve);
    inner.high[d] = std::min(box.high[d], high + reserve);
    gain *= (box.high[d] / 4 - box.low[d] / 4) / (inner.high[d] / 4 - inner.low[d] / 4);
  }
  if (gain < 4) return region;
  inner.trimmed = true;
  return inner;
}

template <class T>
GridCost Grid<T>::cost(const Region& region, const Gaussian& score, Moments moments, double tolerance,
                       std::size_t key_count, std::size_t query_count, std::size_t cols) {
  const std::size_t dims = region.low.size();
  GridCost best;
  if (dims > most_dims || key_count >= std::numeric_limits<std::uint32_t>::max()) return best;
  const double error = error_per_key(dims, moments, tolerance);
  const double planes = static_cast<double>(1 + cols), sets = 1 + static_cast<double>(parameter_count(moments, dims));
  const double keys = static_cast<double>(key_count), queries = static_cast<double>(query_count);
  constexpr double lanes = 4;  // see choose()
  const double most_bytes = 512e6 + 64 * (keys + queries);
  for (double width = 2; width >= 1.0 / 32; width /= 2) {
    const Expansion e(width, error, truncation(error, region, score));
    if (e.terms() == 0) continue;
    double boxes = 1, neighbours = 0, from_zero = 0;
    for (std::size_t d = 0; d < dims; ++d) {
      from_zero = std::max(
          from_zero, std::max(std::abs(region.low[d]), std::abs(region.high[d])) * std::abs(score.w_of(d)) / width);
      const double along = std::floor((region.high[d] - region.low[d]) * std::abs(score.w_of(d)) / width) + 1 +
                           2 * std::ceil(margin(dims) / width);
      boxes *= along;
      neighbours += std::min(along, static_cast<double>(2 * e.reach() + 1));
    }
    const double terms = static_cast<double>(e.terms()),
                 cell = std::pow(terms, static_cast<double>(dims) - 1) * static_cast<double>(e.row()),
                 registers = cell / lanes;
    GridCost c;
    c.width = width;
    c.boxes = boxes;
    c.terms = e.terms();
    c.reach = e.reach();
    c.bytes = boxes * cell * planes * 8 * 2 * sets + keys * 8 * static_cast<double>(dims + 1 + cols);
    // Roundings alone must not take the tolerance (see build).
    const double roundings = 64 + keys / boxes / 256 + cell / static_cast<double>(e.row()) + 4 * terms + 20 +
                             static_cast<double>(dims) * (terms + 2 * static_cast<double>(e.reach()) + 1);
    const double rounding = 4 * std::pow(1.5, static_cast<double>(dims)) * roundings * u;
    c.possible = boxes < 1e9 && from_zero < most_boxes_from_zero / 2 && c.bytes <= most_bytes && rounding < tolerance;
    // Nanoseconds, measured with AVX2 and AVX-512 (bench/README.md).
    const double matrices = static_cast<double>(e.reach()) * terms * terms * (moments == Moments::none ? 30 : 60);
    // Points in the order of their cells are fetched from all over memory.
    const double fetching = dims > 1 && keys + queries > 3e5 ? 70 * (keys + queries) : 0;
    c.seconds = 1e-9 * (60e3 + matrices + fetching + keys * (10 + 0.4 * registers * planes) +
                        boxes * neighbours * (4 + 0.3 * terms * registers * planes * sets) +
                        queries * (8 + sets * planes * (3 + 0.4 * registers)));
    const bool better = c.possible == best.possible ? c.seconds < best.seconds : c.possible;
    if (better || best.width == 0) best = c;
  }
  return best;
}

// The cell of a point and its local coordinates; cells_ if the point lies outside the grid or is not finite.
template <class T>
template <std::size_t D>
std::size_t Grid<T>::locate(const T* x, double* local) const {
  std::size_t cell = 0;
  bool inside = true;
  for (std::size_t d = 0; d < D; ++d) {
    const Axis& axis = axes_[d];
    const double z = static_cast<double>(x[d]) * axis.per_unit - axis.first;
    inside &= z >= 0 && z < static_cast<double>(axis.boxes);
    const std::size_t box = inside ? static_cast<std::size_t>(static_cast<std::int64_t>(z)) : 0;
    const double edge = (axis.first + static_cast<double>(static_cast<std::int64_t>(box))) * axis.box_width;
    local[d] = (static_cast<double>(x[d]) - edge) * (2 * axis.per_unit) - 1;
    cell = cell * axis.boxes + box;
  }
  return inside ? cell : cells_;
}

template <class T>
template <std::size_t D>
typename Grid<T>::Sorted Grid<T>::sort(MatrixView<const T> points, int threads) const {
  const std::size_t count = points.rows;
  const std::size_t parts = std::clamp<std::size_t>(count / (cells_ + 1), 1, static_cast<std::size_t>(threads));
  std::vector<std::uint32_t> cell_of(count), place(parts * (cells_ + 1), 0);
  parallel_for(parts, threads, {}, [&](std::size_t part, int) {
    std::uint32_t* counts = place.data() + part * (cells_ + 1);
    double local[D];
    for (std::size_t k = part_begin(count, part, parts); k < part_begin(count, part + 1, parts); ++k)
      ++counts[cell_of[k] = static_cast<std::uint32_t>(locate<D>(points.row(k), local))];
  });
  Sorted sorted{std::vector<std::uint32_t>(cells_ + 1), std::vector<std::uint32_t>(count)};
  std::uint32_t next = 0;
  for (std::size_t cell = 0; cell <= cells_; ++cell) {
    sorted.begin[cell] = next;
    for (std::size_t part = 0; part < parts; ++part) {
      std::uint32_t& entry = place[part * (cells_ + 1) + cell];
      next += std::exchange(entry, next);
    }
  }
  parallel_for(parts, threads, {}, [&](std::size_t part, int) {
    std::uint32_t* to = place.data() + part * (cells_ + 1);
    for (std::size_t k = part_begin(count, part, parts); k < part_begin(count, part + 1, parts); ++k)
      sorted.order[to[cell_of[k]]++] = static_cast<std::uint32_t>(k);
  });
  return sorted;
}

template <class T>
template <std::size_t D>
void Grid<T>::spread(MatrixView<const T> keys, const ScaledValues<T>& values, int threads) {
  sets_.assign(1, {});
  sets_[0].resize(cells_ * cell_size());
  occupied_.assign(cells_, 0);
  if constexpr (D == 1) {
    // If need be a part's longest sum, all keys in one cell, must be within the tolerance.
    if (cells_ * cell_size() <= few_moments && static_cast<double>(part_keys) * 4 * u <= tolerance_)
      return spread_as_they_come(keys, values, threads);
  }
  spread_by_cell<D>(keys, values, threads);
}

// One dimension. Keys are cut into parts, each with moments of its own, to keep the rounding of a long sum small and
// for threads to share.
template <class T>
void Grid<T>::spread_as_they_come(MatrixView<const T> keys, const ScaledValues<T>& values, int threads) {
  const std::size_t size = cells_ * cell_size(), point = 1 + shape_.planes;
  const std::size_t parts = (keys.rows + part_keys - 1) / part_keys;
  const GridRoutines& routines = active_table().grid;
  std::uint32_t fullest = 0;
  std::fill(sets_[0].begin(), sets_[0].end(), 0.0);
  AlignedVector<double> sums;
  std::vector<std::uint32_t> seen;  // keys in each cell
  // As many parts at a time as there are threads; added in their order.
  const std::size_t team = std::min(parts, static_cast<std::size_t>(threads));
  sums.resize(team * size);
  seen.resize(team * cells_);
  for (std::size_t first = 0; first < parts; first += team) {
    const std::size_t now = std::min(team, parts - first);
    parallel_for(now, threads, {}, [&](std::size_t i, int) {
      double* sum = sums.data() + i * size;
      std::uint32_t* counts = seen.data() + i * cells_;
      std::fill_n(sum, size, 0.0);
      std::fill_n(counts, cells_, 0u);
      AlignedVector<double> points(query_block * point);
      unsigned cell[query_block];
      const std::size_t begin = (first + i) * part_keys, end = std::min(keys.rows, begin + part_keys);
      for (std::size_t k = begin; k < end; k += query_block) {
        std::size_t count = 0;
        for (std::size_t j = k; j < std::min(end, k + query_block); ++j) {
          double* to = points.data() + count * point;
          const std::size_t c = locate<1>(keys.row(j), to);
          values.factors(j, to + 1);
          if (c == cells_) continue;
          ++counts[c];
          cell[count++] = static_cast<unsigned>(c);
        }
        routines.spread({shape_, points.data(), count, cell, sum});
      }
    });
    for (std::size_t i = 0; i < now; ++i) {
      for (std::size_t j = 0; j < size; ++j) sets_[0][j] += sums[i * size + j];
      for (std::size_t c = 0; c < cells_; ++c) {
        occupied_[c] |= seen[i * cells_ + c] > 0;
        fullest = std::max(fullest, seen[i * cells_ + c]);
      }
    }
  }
  longest_sum_ = static_cast<double>(fullest + parts);
}

template <class T>
template <std::size_t D>
void Grid<T>::spread_by_cell(MatrixView<const T> keys, const ScaledValues<T>& values, int threads) {
  constexpr std::size_t part = 256;  // sums of a cell are added up in parts of this many keys
  const std::size_t size = cell_size(), point = D + shape_.planes;
  const Sorted sorted = sort<D>(keys, threads);
  const std::size_t count = sorted.begin[cells_];
  const GridRoutines& routines = active_table().grid;
  struct Scratch {
    AlignedVector<double> sum, points;
  };
  std::vector<Scratch> scratch(static_cast<std::size_t>(threads));
  for (Scratch& s : scratch) {
    s.sum.resize(size);
    s.points.resize(part * point);
  }
  longest_sum_ = part;
  for (std::size_t cell = 0; cell < cells_; ++cell) {
    const std::size_t n = sorted.begin[cell + 1 < cells_ ? cell + 1 : cells_] - sorted.begin[cell];
    occupied_[cell] = n > 0;
    longest_sum_ = std::max(longest_sum_, static_cast<double>(part + n / part + 1));
  }
  // Tasks are runs of cells with about as many keys each.
  const std::size_t tasks = threads == 1 ? 1 : static_cast<std::size_t>(threads) * 8;
  const auto boundary = [&](std::size_t task) {
    if (task == 0 || task == tasks) return task == 0 ? 0 : cells_;
    const auto at = std::upper_bound(sorted.begin.begin(), sorted.begin.end(), part_begin(count, task, tasks));
    return std::min(cells_, static_cast<std::size_t>(at - sorted.begin.begin()));
  };
  parallel_for(tasks, threads, {}, [&](std::size_t task, int worker) {
    Scratch& s = scratch[static_cast<std::size_t>(worker)];
    for (std::size_t cell = boundary(task); cell < boundary(task + 1); ++cell) {
      double* out = sets_[0].data() + cell * size;
      std::fill_n(out, size, 0.0);
      const std::size_t end = sorted.begin[cell + 1];
      for (std::size_t first = sorted.begin[cell]; first < end; first += part) {
        const std::size_t n = std::min(part, end - first);
        for (std::size_t i = 0; i < n; ++i) {
          const std::size_t k = sorted.order[first + i];
          locate<D>(keys.row(k), s.points.data() + i * point);
          values.factors(k, s.points.data() + i * point + D);
        }
        std::fill_n(s.sum.data(), size, 0.0);
        routines.spread({shape_, s.points.data(), n, nullptr, s.sum.data()});
        for (std::size_t i = 0; i < size; ++i) out[i] += s.sum[i];
      }
    }
  });
}

template <class T>
void Grid<T>::translate(int threads) {
  const std::size_t size = cell_size(), matrix = shape_.terms * shape_.row;
  const GridRoutines& routines = active_table().grid;
  std::vector<unsigned char> occupied = occupied_, reached(cells_);
  std::vector<double> near(cells_);
  near_.resize(cells_);
  for (std::size_t cell = 0; cell < cells_; ++cell) {
    near[cell] = occupied[cell] ? sets_[0][cell * size] : 0;
  }
  std::size_t stride = cells_;
  for (std::size_t d = 0; d < shape_.dims; ++d) {
    const Expansion& expansion = *expansions_[d];
    const std::size_t boxes = axes_[d].boxes, reach = expansion.reach();
    std::vector<double> decay(reach + 1);
    for (std::size_t o = 0; o <= reach; ++o) decay[o] = expansion.decay(o);
    stride /= boxes;
    const std::size_t sets = 1 + (moments_ == Moments::none ? 0 : moments_ == Moments::scalar ? 1 : d + 1);
    std::vector<AlignedVector<double>> out(sets);
    for (auto& set : out) set.resize(cells_ * size);
    const std::size_t per_task = std::max<std::size_t>(1, cells_ / 256), tasks = (cells_ + per_task - 1) / per_task;
    parallel_for(tasks, threads, {}, [&](std::size_t task, int) {
      for (std::size_t cell = task * per_task; cell < std::min(cells_, (task + 1) * per_task); ++cell) {
        const std::size_t box = cell / stride % boxes;
        const std::size_t first = box > reach ? box - reach : 0, last = std::min(boxes - 1, box + reach);
        const std::size_t source = cell - (box - first) * stride, sources = last - first + 1;
        for (auto& set : out) std::fill_n(set.data() + cell * size, size, 0.0);
        double sum = 0;
        unsigned char any = 0;
        for (std::size_t s = 0; s < sources; ++s) {
          any |= occupied[source + s * stride];
          sum += near[source + s * stride] * decay[first + s > box ? first + s - box : box - first - s];
        }
        near_[cell] = sum;
        reached[cell] = any;
        if (!any) continue;
        const auto carry = [&](std::size_t from, const double* matrices, std::size_t to) {
          routines.translate({shape_, d, sets_[from].data() + source * size, stride * size, occupied.data() + source,
                              stride, sources, matrices + (first + reach - box) * matrix,
                              out[to].data() + cell * size});
        };
        carry(0, expansion.gaussian(), 0);
        for (std::size_t set = 1; set < sets_.size(); ++set) carry(set, expansion.gaussian(), set);
        if (moments_ != Moments::none) carry(0, expansion.moment(), moments_ == Moments::scalar ? 1 : d + 1);
      }
    });
    sets_ = std::move(out);
    near.swap(near_);
    occupied.swap(reached);
  }
  near_.swap(near);
}

// Queries within reach of a stray, a key outside the grid, cannot be sure of their sums: the axis along which it lies
// farthest out is cut short.
template <class T>
void Grid<T>::keep_clear_of_strays(MatrixView<const T> keys) {
  const std::size_t dims = keys.cols;
  constexpr double none = std::numeric_limits<double>::infinity();
  std::vector<double> below(dims, none), above(dims, none);  // least distance of its strays, in boxes
  for (std::size_t k = 0; k < keys.rows; ++k) {
    double farthest = -1;
    double* least = nullptr;
    for (std::size_t d = 0; d < dims; ++d) {
      const double z = static_cast<double>(keys(k, d)) * axes_[d].per_unit - axes_[d].first,
                   boxes = static_cast<double>(axes_[d].boxes);
      const double out = z < 0 ? -z : z >= boxes ? z - boxes : -1;
      if (out > farthest) {
        farthest = out;
        least = z < 0 ? &below[d] : &above[d];
      }
    }
    if (least) *least = std::min(*least, farthest);
  }
  for (std::size_t d = 0; d < dims; ++d) {
    const double reach = static_cast<double>(expansions_[d]->reach());
    axes_[d].edge_low = std::max(0.0, reach - below[d]);
    axes_[d].edge_high = static_cast<double>(axes_[d].boxes) - std::max(0.0, reach - above[d]);
  }
}

template <class T>
void Grid<T>::build(MatrixView<const T> keys, const ScaledValues<T>& values, const Region& region,
                    const Gaussian& score, Moments moments, double tolerance, double width, int threads) {
  const Arguments arguments{score.w(), moments, tolerance, width};
  if (arguments == built_) return;
  built_ = {};  // in case of an exception
  const std::size_t dims = keys.cols;
  moments_ = moments;
  region_ = region;
  tolerance_ = tolerance;
  axes_.clear();
  cells_ = 1;
  const double error = error_per_key(dims, moments, tolerance), left_out = truncation(error, region, score);
  const std::size_t terms = Expansion(width, error, left_out).terms();
  expansions_.clear();
  for (std::size_t d = 0; d < dims; ++d) {
    const double scale = std::abs(score.w_of(d)), around = std::ceil(margin(dims) / width);
    Axis axis{0, 0, 0, 1, scale, 0, 0};
    if (scale > 0) {  // else the dimension has no influence: one box, whatever x
      int exponent = 0;
      const double fraction = std::frexp(width / scale, &exponent);
      axis.box_width = std::ldexp(std::floor(std::ldexp(fraction, width_bits)), exponent - width_bits);
      axis.per_unit = 1 / axis.box_width;
      axis.first = std::floor(region.low[d] * axis.per_unit) - around;
      axis.boxes = static_cast<std::size_t>(std::floor(region.high[d] * axis.per_unit) - axis.first + 1 + around);
    }
    // Boxes are `width` bandwidths wide but for 2^-16; dimensions of the same scale share their matrices.
    const double own_width = scale > 0 ? axis.box_width * scale : width;
    if (d > 0 && expansions_[d - 1]->width() == own_width) {
      expansions_.push_back(expansions_[d - 1]);
    } else {
      expansions_.push_back(std::make_shared<Expansion>(own_width, error, left_out, terms));
      expansions_[d]->make_matrices(moments != Moments::none);
    }
    axes_.push_back(axis);
    cells_ *= axis.boxes;
  }
  if (region.trimmed) keep_clear_of_strays(keys);
  shape_ = {dims, terms, expansions_[0]->row(), 1 + values.cols, 1};
  for (std::size_t d = 1; d < dims; ++d) shape_.rows *= shape_.terms;
  switch (dims) {
    case 1:
      spread<1>(keys, values, threads);
      break;
    case 2:
      spread<2>(keys, values, threads);
      break;
    default:
      spread<3>(keys, values, threads);
  }
  translate(threads);

  // Roundings on the way of a key: sums over keys, over powers and neighbours, at the query.
  double roundings = longest_sum_ + static_cast<double>(shape_.rows) + 4 * static_cast<double>(terms) + 20,
         magnitude = 1;
  per_near_ = constant_ = 0;
  for (const auto& e : expansions_) {
    roundings += static_cast<double>(terms + 2 * e->reach() + 1);
    magnitude *= e->magnitude();
    // Two coordinates, each off by at most 4 u of a box, move a weight by at most e^(-1/2) sqrt(2) e^(-r^2/4) of that.
    per_near_ += 1.01 * (e->interpolation_error() + 0.858 * 8 * u * e->width());
    constant_ = std::max(constant_, e->truncation_error() * (values.total_weight + 1));
  }
  per_near_ += roundings * u * magnitude;
  built_ = arguments;
}

template <class T>
void Grid<T>::answer(const PoolRequest<T>& call, const ScaledValues<T>& values, int threads, const Finish& finish,
                     std::vector<char>& hand_over) const {
  switch (call.keys.cols) {
    case 1:
      return answer_in<1>(call, values, threads, finish, hand_over);
    case 2:
      return answer_in<2>(call, values, threads, finish, hand_over);
    default:
      return answer_in<3>(call, values, threads, finish, hand_over);
  }
}

template <class T>
template <std::size_t D>
void Grid<T>::answer_in(const PoolRequest<T>& call, const ScaledValues<T>& values, int threads, const Finish& finish,
                        std::vector<char>& hand_over) const {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  constexpr std::size_t blocks_per_task = 16;
  const MatrixView<const T>& queries = call.queries;
  const GridRoutines& routines = active_table().grid;
  const std::size_t group = shape_.planes, sums_size = sets_.size() * group * query_block;
  const std::size_t blocks = (queries.rows + query_block - 1) / query_block;
  std::vector<AlignedVector<double>> scratch(static_cast<std::size_t>(threads));
  for (auto& s : scratch) s.resize(sums_size);
  hand_over.assign(queries.rows, 0);
  // Cells beyond the caches are visited in order.
  const bool in_order = cells_ * cell_size() * sets_.size() > cached && queries.rows > cells_ / 8;
  const Sorted sorted = in_order ? sort<D>(queries, threads) : Sorted{};

  const bool with_bounds = !call.options.bounds.empty() || call.options.report;
  const auto answer_block = [&](std::size_t block, double* sums) {
    const std::size_t first = block * query_block, count = std::min(query_block, queries.rows - first);
    const std::uint32_t* order = in_order ? sorted.order.data() + first : nullptr;
    const auto query = [&](std::size_t i) { return in_order ? order[i] : first + i; };
    double points[D * query_block], bounds[query_block];
    unsigned cell[query_block];
    bool outside[query_block];
    for (std::size_t i = 0; i < count; ++i) {
      double local[D];
      const std::size_t c = locate<D>(queries.row(query(i)), local);
      outside[i] = c == cells_;
      cell[i] = outside[i] ? 0 : static_cast<unsigned>(c);
      for (std::size_t d = 0; d < D; ++d) points[d * query_block + i] = outside[i] ? 0 : local[d];
    }
    for (std::size_t set = 0; set < sets_.size(); ++set)
      routines.evaluate({shape_, sets_[set].data(), cell, points, count, sums + set * group * query_block});
    if (call.options.range.excludes_self()) remove_own(call, values, order, first, count, sums);
    constexpr double rounding = static_cast<double>(std::numeric_limits<T>::epsilon());
    for (std::size_t i = 0; i < count; ++i) bounds[i] = 1.01 * 2 * (per_near_ * near_[cell[i]] + constant_);
    for (std::size_t i = 0; i < count; ++i) {
      bool missed = outside[i] || !(bounds[i] > 0 && bounds[i] <= (tolerance_ - rounding) * sums[i]);
      if (with_bounds) bounds[i] = bounds[i] / sums[i] + rounding;
      if (missed || region_.trimmed) {
        for (std::size_t d = 0; d < D; ++d) {
          const double x = static_cast<double>(queries(query(i), d)), z = x * axes_[d].per_unit - axes_[d].first;
          missed |= !(z >= axes_[d].edge_low && z <= axes_[d].edge_high);
          if (!std::isfinite(x)) {
            sums[i] = bounds[i] = nan;
            missed = false;
            break;
          }
        }
      }
      hand_over[query(i)] = missed;
      if (missed) bounds[i] = nan;  // it comes again
    }
    finish({count, first, order, sums, query_block, group, 0, 0, with_bounds ? bounds : nullptr});
  };
  parallel_for((blocks + blocks_per_task - 1) / blocks_per_task, threads, call.options.progress,
               [&](std::size_t task, int worker) {
                 for (std::size_t b = task * blocks_per_task; b < std::min(blocks, (task + 1) * blocks_per_task); ++b)
                   answer_block(b, scratch[static_cast<std::size_t>(worker)].data());
               });
}

// Leave-one-out: what a query's own key added is taken off again, exactly known but for the error in `near`. The bound
// sees what is left.
template <class T>
void Grid<T>::remove_own(const PoolRequest<T>& call, const ScaledValues<T>& values, const std::uint32_t* order,
                         std::size_t first, std::size_t count, double* sums) const {
  std::vector<double> factors(shape_.planes);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t q = order ? order[i] : first + i, k = call.options.range.excluded(q, call.keys.rows);
    if (k == KeyRange::none) continue;
    double squares[most_dims], square = 0;
    for (std::size_t d = 0; d < shape_.dims; ++d) {
      const double delta =
          (static_cast<double>(call.queries(q, d)) - static_cast<double>(call.keys(k, d))) * axes_[d].scale;
      squares[d] = delta * delta * exponent_scale_squared;
      square += squares[d];
    }
    const double own = square == 0 ? 1 : std::exp2(-square);
    values.factors(k, factors.data());
    for (std::size_t set = 0; set < sets_.size(); ++set) {
      const double times = own * (set == 0 ? 1 : moments_ == Moments::scalar ? square : squares[set - 1]);
      if (!(times > 0)) continue;
      for (std::size_t p = 0; p < shape_.planes; ++p)
        sums[(set * shape_.planes + p) * query_block + i] -= times * factors[p];
    }
  }
}

template class Grid<float>;
template class Grid<double>;

}  // namespace attnpool::detail
