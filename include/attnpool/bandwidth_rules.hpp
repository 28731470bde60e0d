#pragma once
#include <attnpool/view.hpp>
#include <optional>
#include <span>
#include <vector>

namespace attnpool {

/// A range of keys.
struct KeyInterval {
  double low = 0, high = 0;
};

struct RuleOptions {
  std::span<const double> key_weights = {};  ///< [K] or empty; see rules below
  bool scaled = true;                        ///< false: without the standard deviation of the column
};

/// Rules of thumb for keys [K, D]: the bandwidth 1 / w of each of the D columns, in its own unit.
///   scott      n^(-1 / (D + 4)) * sigma_d                   (Scott 1992)
///   silverman  (n (D + 2) / 4)^(-1 / (D + 4)) * sigma_d     (Silverman 1986)
/// sigma_d is the standard deviation of the column and n the number of keys. With key weights c, n is Kish's effective
/// number (sum c)^2 / sum c^2, and the variance is sum c (x - mean)^2 / (1 - sum c^2) with weights that sum to 1. These are rules
/// for densities: for regression a start, not an optimum.
///
/// Errors   std::invalid_argument that names the argument and the value: no key or column, keys that are not finite, weights that
///          are negative, not finite or of the wrong number, no weight above 0. Keys of weight 0 are not looked at.
/// Special  a column of which all keys are the same gets 1, since any bandwidth gives the same there. Offsets and units of
///          keys do not matter, from 1e-300 to 1e300.
template <class T>
std::vector<double> scott(In<T> keys, const RuleOptions& options = {});
template <class T>
std::vector<double> silverman(In<T> keys, const RuleOptions& options = {});

struct PlugInOptions {
  int blockmax = 5;        ///< >= 1: at most so many blocks of quartic fits
  int divisor = 20;        ///< >= 1: and at most one for so many rows
  double trim = 0.01;      ///< in [0, 0.5): part of the rows left out at either end of the keys
  double proptrun = 0.05;  ///< in [0, 0.5): part of the bins at either end in which curvature counts as 0
  int gridsize = 401;      ///< in [10, 100001]: bins
  /// That of the bins; default that of the keys after trimming. Rows outside are left out too.
  std::optional<KeyInterval> interval = {};
};

/// The bandwidth 1 / w of Ruppert, Sheather and Wand's direct plug-in rule ("An effective bandwidth selector for local least squares
/// regression", JASA 90, 1995) for values [K, 1] at keys [K, 1]: what estimates the bandwidth
///   (sigma^2 (b - a) / (2 sqrt(pi) theta_22 n))^(1/5)
/// of a local linear fit with least expected error, [a, b] being the interval of the bins, sigma^2 the variance of the values around their
/// curve and theta_22 the mean square of its second derivative. Both come from binned local polynomials whose own
/// bandwidths come from quartic fits on blocks of rows; the number of blocks has the least Cp of Mallows. The same number as
/// KernSmooth's dpill() in R. For the weighted mean of this library, which is a local constant fit, it is a good start rather than
/// an optimum: select_bandwidth() finds that.
///
/// Ties     rows are ordered by key, ties in the order given; a number of blocks that leaves a block with fewer than five different
///          keys is not considered (KernSmooth goes on there with what rounding leaves).
/// Errors   std::invalid_argument that names the argument and the value: more than one column, shapes that disagree, keys or
///          values that are not finite, options out of their range, fewer than six rows or five different keys after
///          trimming; and what the data leave undetermined: values without residual from the quartics (constant, or a polynomial of
///          degree 4), no curvature, a stretch of keys so sparse that a cubic is undetermined within the pilot bandwidth, or bins that are
///          too coarse for it.
/// Special  offsets and units of keys and values do not matter, from 1e-300 to 1e300.
template <class T>
double ruppert_sheather_wand(In<T> keys, In<T> values, const PlugInOptions& options = {});

}  // namespace attnpool
