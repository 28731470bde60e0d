#include "plan/block_tree.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "data/key_weight.hpp"

namespace attnpool::detail {
namespace {

// Sorts numbers, carrying the indices 0 .. n-1 along: least significant byte first, bytes that are all alike skipped.
std::vector<std::uint32_t> sorted_indices(std::vector<std::uint64_t> numbers) {
  const std::size_t n = numbers.size();
  std::vector<std::uint64_t> other(n);
  std::vector<std::uint32_t> indices(n), other_indices(n);
  for (std::size_t i = 0; i < n; ++i) indices[i] = static_cast<std::uint32_t>(i);
  for (int shift = 0; shift < 64; shift += 8) {
    std::size_t place[257] = {};
    for (const std::uint64_t x : numbers) ++place[(x >> shift & 255) + 1];
    if (n == 0 || place[(numbers[0] >> shift & 255) + 1] == n) continue;
    for (int b = 0; b < 256; ++b) place[b + 1] += place[b];
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t to = place[numbers[i] >> shift & 255]++;
      other[to] = numbers[i];
      other_indices[to] = indices[i];
    }
    numbers.swap(other);
    indices.swap(other_indices);
  }
  return indices;
}

// Morton numbers: the bits of the coordinates, in cells of equal size in all dimensions, taken in turn. At most 8 dimensions
// take part, the longest.
template <class T>
std::vector<std::uint64_t> morton_numbers(MatrixView<const T> points, const BoundingBox<T>& box, const Kernel& kernel) {
  std::vector<std::size_t> longest(points.cols);
  std::vector<double> extent(points.cols);
  for (std::size_t d = 0; d < points.cols; ++d) {
    longest[d] = d;
    extent[d] = box.half(d) * std::abs(kernel.w_of(d));
  }
  std::stable_sort(longest.begin(), longest.end(), [&](std::size_t a, std::size_t b) { return extent[a] > extent[b]; });
  longest.resize(std::min<std::size_t>(points.cols, 8));
  const int bits = static_cast<int>(std::min<std::size_t>(52, 64 / longest.size()));
  const double cells = std::ldexp(1.0, bits), half = std::max(extent[longest[0]], 1e-300);
  std::vector<std::uint64_t> morton(points.rows, 0);
  for (std::size_t i = 0; i < longest.size(); ++i) {
    const std::size_t d = longest[i], turn = longest.size() - 1 - i;
    const double middle = box.middle(d), scale = std::abs(kernel.w_of(d));
    for (std::size_t k = 0; k < points.rows; ++k) {
      const double x = ((static_cast<double>(points(k, d)) / 2 - middle / 2) * scale / half + 0.5) * cells;
      const auto cell = static_cast<std::uint64_t>(x > 0 ? std::min(x, cells - 1) : 0);
      if (longest.size() == 1) {
        morton[k] = cell;
        continue;
      }
      for (int b = 0; b < bits; ++b)
        morton[k] |= (cell >> b & 1) << (static_cast<std::size_t>(b) * longest.size() + turn);
    }
  }
  return morton;
}

}  // namespace

template <class T>
void BlockTree::build(MatrixView<const T> points, const BoundingBox<T>& box, const Kernel& kernel, std::size_t block) {
  count_ = points.rows;
  dims_ = points.cols;
  block_ = block;
  order_ = sorted_indices(morton_numbers(points, box, kernel));

  leaves_ = 1;
  while (leaves_ * block_ < count_) leaves_ *= 2;
  constexpr double inf = std::numeric_limits<double>::infinity();
  boxes_.resize(2 * leaves_ * 2 * dims_);
  for (std::size_t node = 0; node < 2 * leaves_; ++node)
    for (std::size_t d = 0; d < dims_; ++d) {
      boxes_[(2 * node) * dims_ + d] = inf;
      boxes_[(2 * node + 1) * dims_ + d] = -inf;
    }
  std::vector<double> x(dims_);
  for (std::size_t i = 0; i < count_; ++i) {
    for (std::size_t d = 0; d < dims_; ++d) x[d] = static_cast<double>(points(order_[i], d));
    expand(leaves_ + i / block_, x.data(), x.data());
  }
  for (std::size_t node = leaves_ - 1; node > 0; --node)
    for (const std::size_t child : {2 * node, 2 * node + 1})
      expand(node, &boxes_[2 * child * dims_], &boxes_[(2 * child + 1) * dims_]);
}

void BlockTree::expand(std::size_t node, const double* low, const double* high) {
  double *l = &boxes_[2 * node * dims_], *h = l + dims_;
  for (std::size_t d = 0; d < dims_; ++d) {
    l[d] = std::min(l[d], low[d]);
    h[d] = std::max(h[d], high[d]);
  }
}

void BlockTree::weigh(std::span<const double> key_weights) {
  constexpr double none = -std::numeric_limits<double>::infinity();
  heaviest_.assign(key_weights.empty() ? 0 : 2 * leaves_, none);
  second_.assign(key_weights.empty() ? 0 : leaves_, none);
  for (std::size_t i = 0; i < key_weights.size(); ++i) {
    const std::size_t leaf = i / block_;
    double &largest = heaviest_[leaves_ + leaf], smaller = split_weight(key_weights[i]).exponent + 1;
    if (smaller > largest) std::swap(smaller, largest);
    second_[leaf] = std::max(second_[leaf], smaller);
  }
  for (std::size_t node = leaves_ - 1; node > 0 && !key_weights.empty(); --node)
    heaviest_[node] = std::max(heaviest_[2 * node], heaviest_[2 * node + 1]);
}

void BlockTree::select(const double* low, const double* high, const Reach& reach, std::vector<Interval>& runs) const {
  const double margin = reach.margin;
  const bool leaves_one_out = reach.leaves_one_out;
  std::vector<double> gaps(dims_), spans(dims_);
  // The least and the largest exponent between the boxes; a rounding or two does not matter beside the margin's bit.
  const auto bounds = [&](std::size_t node, double& nearest, double& farthest) {
    const double *l = &boxes_[2 * node * dims_], *h = l + dims_;
    for (std::size_t d = 0; d < dims_; ++d) {
      const double gap = std::max({l[d] - high[d], low[d] - h[d], 0.0}) * reach.scale[d];
      const double span = std::max(h[d] - low[d], high[d] - l[d]) * reach.scale[d];
      gaps[d] = gap * gap;
      spans[d] = span * span;
    }
    nearest = reach.decay.exponent(gaps);
    farthest = reach.decay.exponent(spans);
    if (!heaviest_.empty()) nearest -= heaviest_[node];
  };
  const auto points_in = [&](std::size_t leaf) {
    return std::min(count_, (leaf + 1) * block_) - std::min(count_, leaf * block_);
  };
  struct Candidate {
    std::size_t node;
    double nearest;
  };
  constexpr double inf = std::numeric_limits<double>::infinity();
  double best = inf;
  std::vector<Candidate> open{{1, -inf}}, found;
  while (!open.empty()) {
    const Candidate c = open.back();
    open.pop_back();
    if (c.nearest > best + margin || (reach.decay.is_compact() && c.nearest == inf)) continue;
    if (c.node >= leaves_) {
      found.push_back(c);
      double nearest, farthest;
      bounds(c.node, nearest, farthest);
      const std::size_t leaf = c.node - leaves_;
      // Weights are rounded up to powers of two, so a key may weigh half of that: one more in its exponent.
      const double weight = heaviest_.empty() ? 0 : (leaves_one_out ? second_[leaf] : heaviest_[c.node]) - 1;
      if (points_in(leaf) >= (leaves_one_out ? 2 : 1)) best = std::min(best, farthest - weight);
      continue;
    }
    Candidate child[2];
    double farthest;
    for (std::size_t i = 0; i < 2; ++i) {
      child[i].node = 2 * c.node + i;
      bounds(child[i].node, child[i].nearest, farthest);
    }
    const std::size_t nearer = child[1].nearest < child[0].nearest ? 1 : 0;
    for (const std::size_t i : {1 - nearer, nearer}) {
      const bool empty = boxes_[2 * child[i].node * dims_] > boxes_[(2 * child[i].node + 1) * dims_];
      if (!empty) open.push_back(child[i]);
    }
  }
  std::erase_if(found, [&](const Candidate& c) { return c.nearest > best + margin; });
  std::sort(found.begin(), found.end(), [](const Candidate& a, const Candidate& b) { return a.node < b.node; });
  runs.clear();
  for (const Candidate& c : found) {
    const std::size_t leaf = c.node - leaves_, begin = leaf * block_, end = begin + points_in(leaf);
    if (!runs.empty() && runs.back().end == begin) {
      runs.back().end = end;
    } else {
      runs.push_back({begin, end});
    }
  }
}

template void BlockTree::build(MatrixView<const float>, const BoundingBox<float>&, const Kernel&, std::size_t);
template void BlockTree::build(MatrixView<const double>, const BoundingBox<double>&, const Kernel&, std::size_t);

}  // namespace attnpool::detail
