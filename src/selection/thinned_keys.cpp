#include "selection/thinned_keys.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "data/units.hpp"

namespace attnpool::detail {
namespace {

// Half a box in the shortest bandwidth. On the ellipse around it that reaches b bandwidths off the real line a Gaussian is at most
// exp(b^2 / 2), so that with r the sum of the ellipse's half-axes in units of half_box its interpolation at n Chebyshev nodes is wrong by at most
// 4 exp(b^2 / 2) r^-n / (r - 1): 1.7e-15 at b = 6 for 44 nodes. That makes 5.5 nodes a bandwidth; half as large a box takes 8.
constexpr double half_box = 4;
constexpr std::size_t nodes = 44, lanes = 8;
constexpr std::size_t least_thinned = nodes * 3 / 2;  // keys of a box: fewer stay as they are

// [m][j]: the Chebyshev polynomial T_m at node j, nodes ascending.
using Table = std::array<std::array<double, nodes>, nodes>;

const Table& polynomials_at_nodes() {
  static const Table table = [] {
    Table t;
    for (std::size_t m = 0; m < nodes; ++m)
      for (std::size_t j = 0; j < nodes; ++j)
        t[m][j] = std::cos(std::numbers::pi * static_cast<double>(m * (2 * (nodes - j) - 1) % (4 * nodes)) /
                           static_cast<double>(2 * nodes));
    return t;
  }();
  return table;
}

struct Box {
  std::size_t begin, end;  // of the keys
  double middle, half;
};

using Moments = std::array<std::array<double, lanes>, nodes>;

// Adds T_m(xi) * factor to moments[m], lane by lane.
void add(const double* xi, const double* factor, Moments& moments) {
  double before[lanes], here[lanes], twice[lanes];
  for (std::size_t l = 0; l < lanes; ++l) {
    moments[0][l] += factor[l];
    moments[1][l] += factor[l] * xi[l];
    before[l] = factor[l], here[l] = factor[l] * xi[l], twice[l] = 2 * xi[l];
  }
  for (std::size_t m = 2; m < nodes; ++m)
    for (std::size_t l = 0; l < lanes; ++l) {
      const double next = twice[l] * here[l] - before[l];
      before[l] = here[l], here[l] = next;
      moments[m][l] += next;
    }
}

// The factors of a polynomial of degree < nodes at the nodes that give its sum over the keys of the box with factors `of`.
std::array<double, nodes> at_nodes(const Box& box, const std::vector<double>& keys, const std::vector<double>& of) {
  Moments moments{};
  for (std::size_t k = box.begin; k < box.end; k += lanes) {
    double xi[lanes] = {}, factor[lanes] = {};
    for (std::size_t l = 0; l < std::min(lanes, box.end - k); ++l)
      xi[l] = std::clamp((keys[k + l] - box.middle) / box.half, -1.0, 1.0), factor[l] = of[k + l];
    add(xi, factor, moments);
  }
  std::array<double, nodes> result{};
  for (std::size_t m = 0; m < nodes; ++m) {
    double moment = 0;
    for (const double part : moments[m]) moment += part;
    moment *= (m == 0 ? 1.0 : 2.0) / static_cast<double>(nodes);
    for (std::size_t j = 0; j < nodes; ++j) result[j] += moment * polynomials_at_nodes()[m][j];
  }
  return result;
}

void take(const SortedKeys& all, const Box& box, SortedKeys& out) {
  const bool stays = box.end - box.begin < least_thinned;
  const auto append = [&](std::vector<double>& to, const std::vector<double>& from) {
    if (stays) {
      to.insert(to.end(), from.begin() + static_cast<std::ptrdiff_t>(box.begin),
                from.begin() + static_cast<std::ptrdiff_t>(box.end));
    } else {
      const std::array<double, nodes> factors = at_nodes(box, all.keys, from);
      to.insert(to.end(), factors.begin(), factors.end());
    }
  };
  append(out.weights, all.weights);
  for (std::size_t v = 0; v < all.values.size(); ++v) append(out.values[v], all.values[v]);
  if (stays) return append(out.keys, all.keys);
  for (std::size_t j = 0; j < nodes; ++j) out.keys.push_back(box.middle + box.half * polynomials_at_nodes()[1][j]);
}

double half_of_box(double largest_scale) { return half_box * exponent_scale / largest_scale; }

}  // namespace

SortedKeys thinned(const SortedKeys& all, double largest_scale) {
  const double first = all.keys.front();
  const double half = std::min(half_of_box(largest_scale), all.keys.back() - first);  // finite where the scale is 0
  SortedKeys out;
  out.values.resize(all.values.size());
  for (std::size_t begin = 0, end = 0; begin < all.keys.size(); begin = end) {
    const double number = std::floor((all.keys[begin] - first) / (2 * half));
    const double low = first + 2 * half * number;
    const auto from = all.keys.begin() + static_cast<std::ptrdiff_t>(begin) + 1;
    end = static_cast<std::size_t>(std::lower_bound(from, all.keys.end(), low + 2 * half) - all.keys.begin());
    take(all, {begin, end, low + half, half}, out);
  }
  return out;
}

double thinned_scale(double count, double range) {
  return half_box * exponent_scale / (range * static_cast<double>(nodes) / count / 2);
}

double thinned_within(double width, double largest_scale) {
  return static_cast<double>(nodes) * (1 + width / (2 * half_of_box(largest_scale)));
}

}  // namespace attnpool::detail
