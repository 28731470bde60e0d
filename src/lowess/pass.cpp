#include "lowess/pass.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/dispatch.hpp"
#include "base/threads.hpp"

// Note [Error of a fit]. With t the distance in reaches, the fit is (T0 S2 - T1 S1) / D, D = S0 S2 - S1^2, of the sums S0, S1, S2 of w, w t,
// w t^2 and T0, T1 of w y, w t y. Values are within [-1, 1]. If S_i and T_i are off by e_i at most, the fit f is, to first order, by
//   (1 + |f|) (e0 S2 + e2 S0 + 2 e1 sqrt(S0 S2)) / D.
//   Of a block whose keys are at t in [alpha - beta, alpha + beta], with W the sum of their robustness weights: a moment z^p has passed
//   through at most levels + 1 shifts with 2 p + 2 roundings each. The coefficients a_p of the weight as a polynomial in z are bounded by those of
//   U^3, U = (1 - alpha^3) + ((alpha + beta)^3 - alpha^3), and where U is large the mean of 2 p + 2 under them is below 8, below 12 with the
//   factors t and t^2. So e_i = (6 (levels + 1) + 8) epsilon W U^3 (alpha + beta)^i, the 8 for the coefficients themselves.
//   Of keys one by one: relative to their own sum. At most 1,024 terms are added up in a row, whose roundings are as often up as
//   down: 64 epsilon.
// Values reach from -1 to 1, so that relative to their range the error is half. A fit whose bound is above the limit, or of which it is not
// certain that two keys have weight, is done again with blocks that are small beside their distance from the query and from the end of
// its reach, for which e_i is small beside S_i; then in the way of the textbook.
namespace attnpool::detail {
namespace {

constexpr double limit = 5e-11;  // of a fit's error, relative to the range of the values
constexpr std::size_t groups_per_task = 8, keys_per_call = 1024;
constexpr double epsilon = std::numeric_limits<double>::epsilon();

// Up to lowess_lanes queries in ascending order, their sums, and errors of these from blocks.
struct Lanes {
  std::size_t count = 0, query[lowess_lanes];
  alignas(64) double queries[lowess_lanes];
  alignas(64) double units[lowess_lanes];
  alignas(64) double sums[lowess_sums * lowess_lanes];
  double errors[3][lowess_lanes];

  void clear() {
    count = 0;
    std::fill(std::begin(sums), std::end(sums), 0.0);
    std::fill(&errors[0][0], &errors[0][0] + 3 * lowess_lanes, 0.0);
  }
  void add(const LowessWindows& windows, std::size_t q) {
    for (std::size_t lane = count; lane < lowess_lanes; ++lane)  // those that stay empty repeat the last
      query[lane] = q, queries[lane] = windows.queries[q], units[lane] = windows.unit[q];
    ++count;
  }
  double sum(std::size_t i, std::size_t lane) const { return sums[i * lowess_lanes + lane]; }
};

class Fitter {
 public:
  Fitter(const LowessWindows& windows, const LowessPass& pass, std::vector<double>& fits)
      : windows_(windows), pass_(pass), table_(active_table()), fits_(fits) {}

  void fit(std::size_t first_group, std::size_t last_group) {
    std::vector<std::size_t> again, alone;
    for (std::size_t g = first_group; g < last_group; ++g) fit_group(windows_.groups[g], again, alone);
    for (std::size_t i = 0; i < again.size(); i += lowess_lanes) {
      lanes_.clear();
      for (std::size_t j = i; j < std::min(i + lowess_lanes, again.size()); ++j) lanes_.add(windows_, again[j]);
      add_small_blocks();
      finish(alone, alone);
    }
    for (const std::size_t q : alone) fits_[q] = textbook(q);
  }

 private:
  std::size_t right(std::size_t q) const { return windows_.left[q] + windows_.neighbours; }

  void fit_group(const QueryGroup& group, std::vector<std::size_t>& again, std::vector<std::size_t>& alone) {
    KeyMoments below, above;
    if (!group.below.empty()) below = pass_.blocks.of(group.below);
    if (!group.above.empty()) above = pass_.blocks.of(group.above);
    for (std::size_t q = group.begin; q < group.end; q += lowess_lanes) {
      lanes_.clear();
      for (std::size_t i = q; i < std::min(q + lowess_lanes, group.end); ++i) lanes_.add(windows_, i);
      std::size_t next = windows_.left[q];
      for (const auto& [range, moments] : {std::pair{group.below, &below}, {group.above, &above}}) {
        if (range.empty()) continue;
        add_keys(next, range.begin * lowess_leaf);
        next = range.end * lowess_leaf;
        add_block(*moments);
      }
      add_keys(next, right(lanes_.query[lanes_.count - 1]));
      finish(again, alone);
    }
  }

  void add_keys(std::size_t begin, std::size_t end) {
    for (; begin < end; begin += keys_per_call)
      table_.lowess_pairs({lanes_.queries, lanes_.units, pass_.keys.x.data() + begin, pass_.keys.weights.data() + begin,
                           pass_.keys.values.data() + begin, std::min(keys_per_call, end - begin), lanes_.sums});
  }

  // A block that is on one side of all queries and within the reach of all.
  void add_block(const KeyMoments& block) {
    table_.lowess_block({lanes_.queries, lanes_.units, block.centre, block.half,
                         block.centre < lanes_.queries[0] ? -1.0 : 1.0, block.weight, block.value, lanes_.sums});
    const double roundings = 6 * static_cast<double>(pass_.blocks.levels() + 1) + 8;
    for (std::size_t lane = 0; lane < lowess_lanes; ++lane) {
      const double unit = lanes_.units[lane], alpha = std::abs(block.centre - lanes_.queries[lane]) * unit;
      const double far = alpha + block.half * unit, u = 1 - 2 * alpha * alpha * alpha + far * far * far;
      const double error = roundings * epsilon * block.weight[0] * (u * u * u);
      lanes_.errors[0][lane] += error, lanes_.errors[1][lane] += error * far;
      lanes_.errors[2][lane] += error * far * far;
    }
  }

  // All keys that any lane sees.
  void add_small_blocks() {
    const std::size_t first = lanes_.query[0], last = lanes_.query[lanes_.count - 1];
    const std::size_t begin = windows_.left[first], end = right(last);
    const LeafRange leaves = {(begin + lowess_leaf - 1) / lowess_leaf, end / lowess_leaf};
    if (leaves.empty()) return add_keys(begin, end);
    add_keys(begin, leaves.begin * lowess_leaf);
    const auto descend = [&](auto&& self, std::size_t level, std::size_t i) -> void {
      const std::size_t width = lowess_leaf << level;
      if (width > lowess_leaf && is_small(i * width, (i + 1) * width)) return add_block(pass_.blocks.block(level, i));
      if (level == 0) return add_keys(i * width, (i + 1) * width);
      self(self, level - 1, 2 * i), self(self, level - 1, 2 * i + 1);
    };
    pass_.blocks.for_each(leaves, [&](std::size_t level, std::size_t i) { descend(descend, level, i); });
    add_keys(leaves.end * lowess_leaf, end);
  }

  // Of the keys [begin, end): whether add_block() may have them, and they are no wider than their distance from every query and from
  // the end of its reach.
  bool is_small(std::size_t begin, std::size_t end) const {
    const std::size_t first = lanes_.query[0], last = lanes_.query[lanes_.count - 1];
    if (begin < windows_.left[last] || end > right(first)) return false;
    const double low = pass_.keys.x[begin], high = pass_.keys.x[end - 1], width = high - low;
    if (!(high <= windows_.queries[first] - width || low >= windows_.queries[last] + width)) return false;
    for (std::size_t lane = 0; lane < lanes_.count; ++lane) {
      const double query = lanes_.queries[lane], farthest = std::max(query - low, high - query);
      if (farthest + width > windows_.reach[lanes_.query[lane]]) return false;
    }
    return true;
  }

  // Writes the fits that are certain, and hands on the others: those for which blocks are at fault, and the rest.
  void finish(std::vector<std::size_t>& of_blocks, std::vector<std::size_t>& others) {
    for (std::size_t lane = 0; lane < lanes_.count; ++lane) {
      const std::size_t q = lanes_.query[lane];
      const double s0 = lanes_.sum(0, lane), s1 = lanes_.sum(1, lane), s2 = lanes_.sum(2, lane),
                   t0 = lanes_.sum(3, lane), t1 = lanes_.sum(4, lane), determinant = s0 * s2 - s1 * s1;
      const double reach = windows_.reach[q], variance = determinant / (s0 * s0) * reach * reach;
      const double covariance = (t1 - s1 * t0 / s0) / s0 * reach;
      const double fit = t0 / s0 - s1 / s0 * reach * covariance / std::max(variance, pass_.least_variance);
      const double e0 = lanes_.errors[0][lane], e1 = lanes_.errors[1][lane], e2 = lanes_.errors[2][lane];
      const double blocks = e0 * s2 + e2 * s0 + 2 * e1 * std::sqrt(s0 * s2), keys = 4 * 64 * epsilon * s0 * s2;
      const auto within_limit = [&](double error) { return (1 + std::abs(fit)) / 2 * error < limit * determinant; };
      // A sum above 1.001 of weights that are at most 1 has a second one above 1e-12.
      if (windows_.unit[q] > 0 && s0 - e0 > 1.001 && within_limit(blocks + keys))
        fits_[q] = fit;
      else
        (windows_.unit[q] > 0 && e0 > 0 ? of_blocks : others).push_back(q);
    }
  }

  // Twice over the window: mean, then deviations from it.
  double textbook(std::size_t q) const {
    const LowessKeys& keys = pass_.keys;
    const double query = windows_.queries[q], reach = windows_.reach[q];
    const auto weight = [&](std::size_t k) {
      const double t = std::abs(keys.x[k] - query) / reach, u = 1 - t * t * t;
      return u * u * u;
    };
    double total = 0, mean = 0, values = 0;
    std::size_t with_weight = 0;
    for (std::size_t k = windows_.left[q]; k < right(q); ++k) {
      const double w = weight(k);
      with_weight += w * keys.weights[k] > 1e-12;
      total += w * keys.weights[k], mean += w * keys.weights[k] * (keys.x[k] - query), values += w * keys.values[k];
    }
    if (with_weight < 2) return std::numeric_limits<double>::quiet_NaN();
    mean /= total;
    double variance = 0, covariance = 0;
    for (std::size_t k = windows_.left[q]; k < right(q); ++k) {
      const double w = weight(k), deviation = keys.x[k] - query - mean;
      variance += w * keys.weights[k] * deviation * deviation, covariance += w * keys.values[k] * deviation;
    }
    return (values - mean * (covariance / std::max(variance / total, pass_.least_variance))) / total;
  }

  const LowessWindows& windows_;
  const LowessPass& pass_;
  const RoutineTable& table_;
  std::vector<double>& fits_;
  Lanes lanes_;
};

}  // namespace

std::vector<double> fit_lines(const LowessWindows& windows, const LowessPass& pass) {
  std::vector<double> fits(windows.queries.size());
  const std::size_t groups = windows.groups.size();
  parallel_for((groups + groups_per_task - 1) / groups_per_task, pass.threads, pass.progress,
               [&](std::size_t task, int) {
                 Fitter fitter(windows, pass, fits);
                 fitter.fit(task * groups_per_task, std::min((task + 1) * groups_per_task, groups));
               });
  return fits;
}

}  // namespace attnpool::detail
