#include "plan/grid/grid.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace attnpool::detail {

// Boxes and matrices for `width`, in bandwidths.
template <class T>
void Grid<T>::lay_out(const Region& region, const Kernel& kernel, double width) {
  const std::size_t dims = region.low.size();
  const double error = error_per_key(dims, built_.moments, built_.tolerance),
               left_out = truncation(error, region, kernel);
  const std::size_t terms = Expansion(width, error, left_out).terms();
  boxes_.axes.clear();
  boxes_.count = 1;
  expansions_.clear();
  for (std::size_t d = 0; d < dims; ++d) {
    const double scale = std::abs(kernel.w_of(d)), around = std::ceil(grid_margin(dims) / width);
    Axis axis{.scale = scale};
    if (scale > 0) {  // else the dimension has no influence: one box for every x
      int exponent = 0;
      const double fraction = std::frexp(width / scale, &exponent);
      axis.box_width = std::ldexp(std::floor(std::ldexp(fraction, box_width_bits)), exponent - box_width_bits);
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
      expansions_[d]->make_matrices(built_.moments);
    }
    boxes_.axes.push_back(axis);
    boxes_.count *= axis.boxes;
  }
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
      const Axis& axis = boxes_.axes[d];
      const double z = static_cast<double>(keys(k, d)) * axis.per_unit - axis.first,
                   boxes = static_cast<double>(axis.boxes);
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
    boxes_.axes[d].edge_low = std::max(0.0, reach - below[d]);
    boxes_.axes[d].edge_high = static_cast<double>(boxes_.axes[d].boxes) - std::max(0.0, reach - above[d]);
  }
}

// Of the sums of the weights times delta_d^powers[d], or of the plain ones. Interpolation, truncation, and the roundings on the way
// of a key: sums over keys, over powers and neighbours, and at the query.
template <class T>
typename Grid<T>::Certificate Grid<T>::certificate(const std::size_t* powers, double total_weight) const {
  constexpr double u = std::numeric_limits<double>::epsilon() / 2;
  const std::size_t terms = shape_.terms;
  double roundings = longest_sum_ + static_cast<double>(shape_.rows) + 4 * static_cast<double>(terms) + 20;
  double magnitude = 1;
  Certificate c;
  bool plain = true;
  for (std::size_t d = 0; d < shape_.dims; ++d) {
    const Expansion& e = *expansions_[d];
    const std::size_t power = powers[d];
    plain &= power == 0;
    roundings += static_cast<double>(terms + 2 * e.reach() + 1);
    magnitude *= e.magnitude(power);
    // Two coordinates, each off by at most 4 u of a box, move a weight by at most e^(-1/2) sqrt(2) e^(-r^2/4) of that.
    const double coordinates =
        power == 0 ? 0.858 : 1.0865 * Expansion::moment_factor(power, 1);  // Cramer's bound of the first derivative
    c.per_near += e.interpolation_error() * Expansion::moment_factor(power, terms) + coordinates * 8 * u * e.width();
    c.constant = std::max(c.constant, e.truncation_error(power) * (total_weight + 1));
  }
  // What the other dimensions multiply an error by: weights are at most e^(-r^2/4); delta at most 0.73 and delta^2 at most 1.07
  // times that.
  c.per_near = c.per_near * (plain ? 1.01 : 1.09) + roundings * u * magnitude;
  return c;
}

template <class T>
typename Grid<T>::Certificate Grid<T>::certificate(double total_weight) const {
  const std::size_t none[most_grid_dims] = {};
  Certificate c = certificate(none, total_weight);
  if (built_.moments != Moments::line) return c;
  const std::size_t dims = shape_.dims, parameters = parameter_count(built_.moments, dims);
  std::vector<std::pair<std::size_t, Certificate>> moments;  // degree, errors
  for (std::size_t p = 0; p < parameters; ++p) {
    const MomentFactors factors = factors_of(built_.moments, p, dims);
    std::size_t powers[most_grid_dims] = {};
    for (std::size_t i = 0; i < factors.count; ++i) ++powers[factors.dims[i]];
    moments.emplace_back(factors.count, certificate(powers, total_weight));
  }
  const auto root = [](std::size_t degree, double x) { return degree == 1 ? x : std::sqrt(x); };
  for (const auto& [degree, m] : moments) c.ratio = std::max(c.ratio, root(degree, m.per_near / c.per_near));
  for (const auto& [degree, m] : moments)
    c.constant = std::max(c.constant, m.constant / (degree == 1 ? c.ratio : c.ratio * c.ratio));
  return c;
}

template <class T>
void Grid<T>::build(MatrixView<const T> keys, const ScaledValues<T>& values, const Region& region, const Kernel& kernel,
                    Moments moments, double tolerance, double width, int threads) {
  Arguments arguments{kernel.w(), moments, tolerance, width};
  if (arguments == built_) return;
  built_ = arguments;
  try {
    trimmed_ = region.trimmed;
    lay_out(region, kernel, width);
    if (trimmed_) keep_clear_of_strays(keys);
    shape_ = {keys.cols, expansions_[0]->terms(), expansions_[0]->row(), 1 + values.cols, 1};
    for (std::size_t d = 1; d < keys.cols; ++d) shape_.rows *= shape_.terms;
    switch (keys.cols) {
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
    certificate_ = certificate(values.total_weight);
  } catch (...) {
    forget();
    throw;
  }
}

template class Grid<float>;
template class Grid<double>;

}  // namespace attnpool::detail
