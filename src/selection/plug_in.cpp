#include "selection/plug_in.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <string>

#include "base/to_string.hpp"
#include "base/validate.hpp"
#include "selection/polynomials.hpp"

namespace attnpool::detail {
namespace {

constexpr std::size_t coefficients = 5;  // of a quartic
const double sqrt_pi = std::sqrt(std::numbers::pi);

double count_of(std::size_t n) { return static_cast<double>(n); }

std::string place(const PlugInData& data, double x) { return to_string(data.low + data.length * x); }

// ---- quartics on blocks of rows ----------------------------------------------------------------

struct Block {
  std::size_t first = 0, last = 0;  // last is past the end
};

// Blocks of n / count rows, of which the last takes the remainder too.
Block block_of(std::size_t n, std::size_t count, std::size_t block) {
  const std::size_t each = n / count;
  return {block * each, block + 1 == count ? n : (block + 1) * each};
}

std::size_t different_keys(const PlugInData& data, Block block) {
  std::size_t different = 1;
  for (std::size_t i = block.first + 1; i < block.last; ++i) different += data.x[i] > data.x[i - 1];
  return different;
}

// What quartic fits on blocks say of all rows.
struct BlockFits {
  std::size_t blocks = 0;
  bool determined = true;  // every block has as many different keys as a quartic needs
  double squares = 0;      // of the residuals
  double theta24 = 0;      // mean product of second and fourth derivative
};

void add_block(const PlugInData& data, Block block, BlockFits& fits) {
  const double middle = (data.x[block.first] + data.x[block.last - 1]) / 2;
  const double length = data.x[block.last - 1] - data.x[block.first], half = length > 0 ? length / 2 : 1;
  std::vector<WeightedPoint> points;  // different ones, and how many rows have each
  for (std::size_t i = block.first; i < block.last; ++i) {
    if (i == block.first || data.x[i] > data.x[i - 1]) points.push_back({(data.x[i] - middle) / half, 0});
    ++points.back().weight;
  }
  const OrthogonalPolynomials<4> basis(points);
  if (basis.count() < coefficients) {
    fits.determined = false;
    return;
  }
  std::array<double, coefficients> fit{};
  for (std::size_t i = block.first; i < block.last; ++i) {
    const auto p = basis.at((data.x[i] - middle) / half);
    for (std::size_t k = 0; k < coefficients; ++k) fit[k] += p[k] * data.y[i] / basis.norm(k);
  }
  const auto value = [&](const std::array<double, coefficients>& p) {
    return std::inner_product(p.begin(), p.end(), fit.begin(), 0.0);
  };
  for (std::size_t i = block.first; i < block.last; ++i) {
    const double x = (data.x[i] - middle) / half, residual = data.y[i] - value(basis.at(x));
    fits.squares += residual * residual;
    fits.theta24 += value(basis.derivative(2, x)) * value(basis.derivative(4, x)) / std::pow(half, 6);
  }
}

BlockFits block_fits(const PlugInData& data, std::size_t blocks) {
  BlockFits fits;
  fits.blocks = blocks;
  for (std::size_t b = 0; b < blocks; ++b) add_block(data, block_of(data.x.size(), blocks, b), fits);
  fits.theta24 /= count_of(data.x.size());
  return fits;
}

struct Quartics {
  double variance = 0, theta24 = 0;
};

// The fits on the number of blocks with the least Cp of Mallows, whose scale is the variance of the largest number.
Quartics quartics(const PlugInData& data, const PlugInSettings& settings) {
  const std::size_t n = data.x.size();
  const std::size_t most = std::clamp<std::size_t>(n / settings.rows_per_block, 1, settings.most_blocks);
  std::vector<BlockFits> all;  // that are determined
  for (std::size_t blocks = 1; blocks <= most && coefficients * blocks < n; ++blocks)
    if (const BlockFits fits = block_fits(data, blocks); fits.determined) all.push_back(fits);
  const auto variance = [&](const BlockFits& fits) { return fits.squares / count_of(n - coefficients * fits.blocks); };
  if (!(all.back().squares > 1e-26 * count_of(n)))
    bad_argument("values",
                 "quartics in the keys fit them without residual, so no bandwidth balances variance and bias");
  const auto cp = [&](const BlockFits& fits) {
    return fits.squares / variance(all.back()) + count_of(2 * coefficients * fits.blocks) - count_of(n);
  };
  const BlockFits* best = &all.front();
  for (const BlockFits& fits : all)
    if (cp(fits) < cp(*best)) best = &fits;
  return {variance(*best), best->theta24};
}

// ---- local polynomials on bins -----------------------------------------------------------------

struct Bin {
  std::size_t index = 0;
  double count = 0, sum = 0;  // of rows and of their values, each row shared by the two bins beside it
};

std::vector<Bin> occupied_bins(const PlugInData& data, std::size_t bins) {
  std::vector<Bin> all(bins);
  for (std::size_t i = 0; i < bins; ++i) all[i].index = i;
  const double last = count_of(bins - 1);
  for (std::size_t i = 0; i < data.x.size(); ++i) {
    const double position = std::clamp(data.x[i] * last, 0.0, last);
    const auto below = static_cast<std::size_t>(position);
    double above = position - count_of(below);
    if (above < 1e-10) above = 0;  // rounding must not occupy a bin
    if (above > 1 - 1e-10) above = 1;
    all[below].count += 1 - above, all[below].sum += (1 - above) * data.y[i];
    if (above > 0) all[below + 1].count += above, all[below + 1].sum += above * data.y[i];
  }
  std::erase_if(all, [](const Bin& bin) { return bin.count == 0; });
  return all;
}

// The bins within four bandwidths of one of them, as points around it in units of the bandwidth.
class Window {
 public:
  Window(const std::vector<Bin>& bins, double bandwidth, std::size_t grid)
      : bins_(bins),
        step_(1 / count_of(grid - 1) / bandwidth),
        reach_(static_cast<std::size_t>(std::floor(4 / step_))) {}

  std::size_t reach() const { return reach_; }  // in bins

  void move_to(const Bin& middle) {
    while (bins_[first_].index + reach_ < middle.index) ++first_;
    while (last_ < bins_.size() && bins_[last_].index <= middle.index + reach_) ++last_;
    points_.clear(), sums_.clear(), kernel_.clear();
    for (std::size_t i = first_; i < last_; ++i) {
      const double u = (count_of(bins_[i].index) - count_of(middle.index)) * step_;
      kernel_.push_back(std::exp(-u * u / 2));
      points_.push_back({u, kernel_.back() * bins_[i].count});
      sums_.push_back(kernel_.back() * bins_[i].sum);
    }
  }
  const std::vector<WeightedPoint>& points() const { return points_; }
  const std::vector<double>& sums() const { return sums_; }      // of values, weighted
  const std::vector<double>& kernel() const { return kernel_; }  // the weight of one row

 private:
  const std::vector<Bin>& bins_;
  double step_;
  std::size_t reach_, first_ = 0, last_ = 0;
  std::vector<WeightedPoint> points_;
  std::vector<double> sums_, kernel_;
};

// Mean square of the second derivative of a local cubic fit.
double curvature(const PlugInData& data, const std::vector<Bin>& bins, const PlugInSettings& settings,
                 double bandwidth) {
  Window window(bins, bandwidth, settings.bins);
  if (window.reach() < 2)
    bad_argument("gridsize", to_string(settings.bins) + " bins are too coarse for the pilot bandwidth " +
                                 to_string(bandwidth * data.length) + " of a local cubic fit");
  const auto ends = static_cast<std::size_t>(std::floor(settings.proptrun * count_of(settings.bins)));
  double sum = 0;
  for (const Bin& bin : bins) {
    if (bin.index < ends || bin.index + ends >= settings.bins) continue;
    window.move_to(bin);
    const OrthogonalPolynomials<3> basis(window.points());
    if (basis.count() < 4)
      bad_argument("keys", "too few lie within four pilot bandwidths of " + to_string(bandwidth * data.length) +
                               " around " + place(data, count_of(bin.index) / count_of(settings.bins - 1)) +
                               " for the curvature there");
    std::array<double, 4> fit{};
    for (std::size_t i = 0; i < window.points().size(); ++i) {
      const auto p = basis.at(window.points()[i].x);
      for (std::size_t k = 0; k < 4; ++k) fit[k] += p[k] * window.sums()[i];
    }
    const auto second = basis.derivative(2, 0);
    double here = 0;
    for (std::size_t k = 2; k < 4; ++k) here += fit[k] / basis.norm(k) * second[k];
    sum += here * here * bin.count;
  }
  return sum / count_of(data.x.size()) / std::pow(bandwidth, 4);
}

// What a local linear fit is at its middle: its value, the weight of the middle bin's rows in it, and the sum of the squares of all
// rows' weights.
struct LinearFit {
  double value = 0, leverage = 0, squares = 0;
};

// Where a bin is alone within reach, the fit is its mean.
LinearFit linear_fit(const Window& window) {
  const OrthogonalPolynomials<1> basis(window.points());
  const auto middle = basis.at(0);
  LinearFit fit;
  for (std::size_t k = 0; k < basis.count(); ++k) fit.leverage += middle[k] * middle[k] / basis.norm(k);
  for (std::size_t i = 0; i < window.points().size(); ++i) {
    const auto p = basis.at(window.points()[i].x);
    double weight = 0;
    for (std::size_t k = 0; k < basis.count(); ++k) weight += middle[k] * p[k] / basis.norm(k);
    fit.value += weight * window.sums()[i];
    fit.squares += weight * weight * window.kernel()[i] * window.points()[i].weight;
  }
  return fit;
}

// Residual sum of squares of a local linear fit over its degrees of freedom n - 2 tr H + tr H H'.
double variance(const PlugInData& data, const std::vector<Bin>& bins, const PlugInSettings& settings,
                double bandwidth) {
  Window window(bins, bandwidth, settings.bins);
  if (window.reach() < 1)
    bad_argument("gridsize", to_string(settings.bins) + " bins are too coarse for the pilot bandwidth " +
                                 to_string(bandwidth * data.length) + " of a local linear fit");
  double squares = 0, freedom = count_of(data.x.size());
  for (const double y : data.y) squares += y * y;
  for (const Bin& bin : bins) {
    window.move_to(bin);
    const LinearFit fit = linear_fit(window);
    squares += fit.value * (fit.value * bin.count - 2 * bin.sum);
    freedom += (fit.squares - 2 * fit.leverage) * bin.count;
  }
  if (!(freedom > 0))
    bad_argument("keys", "a local linear fit with the pilot bandwidth " + to_string(bandwidth * data.length) +
                             " leaves no degrees of freedom for the variance, got " + to_string(freedom));
  if (!(squares > 0))
    bad_argument("values", "their residuals from a local linear fit vanish in the rounding of " +
                               to_string(settings.bins) + " bins, so their variance is undetermined");
  return squares / freedom;
}

}  // namespace

double plug_in_bandwidth(const PlugInData& data, const PlugInSettings& settings) {
  const double n = count_of(data.x.size());
  if (data.x.size() <= coefficients)
    bad_argument("keys", "the plug-in rule needs at least 6 rows after trimming, got " + to_string(data.x.size()));
  if (const std::size_t different = different_keys(data, {0, data.x.size()}); different < coefficients)
    bad_argument("keys",
                 "the plug-in rule needs at least 5 different keys after trimming, got " + to_string(different));
  const Quartics pilot = quartics(data, settings);
  if (pilot.theta24 == 0) bad_argument("values", "their quartic fits have no curvature, so no bandwidth follows");
  const double of_curvature = pilot.theta24 < 0 ? 3 / (8 * sqrt_pi) : 15 / (16 * sqrt_pi);
  const double gamma = std::pow(of_curvature * pilot.variance / (std::abs(pilot.theta24) * n), 1.0 / 7);
  const std::vector<Bin> bins = occupied_bins(data, settings.bins);
  const double theta22 = curvature(data, bins, settings, gamma);
  if (!(theta22 > 0)) bad_argument("values", "their curve has no curvature, so no bandwidth follows");
  const double c3 = 0.5 + 2 * std::numbers::sqrt2 - 4 / 3.0 * std::numbers::sqrt3;
  const double of_variance = 4 * c3 / std::sqrt(2 * std::numbers::pi);
  const double lambda = std::pow(of_variance * std::pow(pilot.variance / (theta22 * n), 2), 1.0 / 9);
  return std::pow(variance(data, bins, settings, lambda) / (2 * sqrt_pi * theta22 * n), 0.2);
}

}  // namespace attnpool::detail
