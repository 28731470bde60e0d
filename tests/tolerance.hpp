#pragma once
// Distances, and a collector of mismatches that says what, where and on which ISA without flooding.
#include <gtest/gtest.h>

#include <algorithm>
#include <attnpool/isa.hpp>
#include <cmath>
#include <limits>
#include <sstream>
#include <string>

namespace attnpool::test {

template <class T>
inline constexpr double epsilon = std::numeric_limits<T>::epsilon();  // 2^-23 or 2^-52

/// Unit in the last place of a T near `exact`; below the smallest normal number that of the subnormal numbers.
template <class T, class Real>
double ulp_at(Real exact) {
  int exponent = 0;
  std::frexp(exact, &exponent);
  return std::ldexp(1.0, std::max(exponent, std::numeric_limits<T>::min_exponent) - std::numeric_limits<T>::digits);
}

/// |got - exact| in units in the last place; 0 for a wanted NaN or infinity, infinite for one that is not wanted. A
/// value above the largest T must have become infinite.
template <class T, class Real>
double ulp_error(T got, Real exact) {
  const double wrong = std::numeric_limits<double>::infinity();
  if (std::isnan(exact)) return std::isnan(got) ? 0 : wrong;
  if (std::abs(exact) > std::numeric_limits<T>::max())
    return std::isinf(got) && std::signbit(got) == std::signbit(exact) ? 0 : wrong;
  if (!std::isfinite(got)) return wrong;
  return static_cast<double>(std::abs(static_cast<Real>(got) - exact) / static_cast<Real>(ulp_at<T>(exact)));
}

/// Collects the mismatches of one comparison; the destructor reports how many and the first three.
class Mismatches {
 public:
  explicit Mismatches(std::string what) : what_(std::move(what)) {}
  Mismatches(const Mismatches&) = delete;
  Mismatches& operator=(const Mismatches&) = delete;
  ~Mismatches() {
    if (wrong_ != 0)
      ADD_FAILURE() << what_ << " on " << to_string(active_isa()) << ": " << wrong_ << " of " << checked_ << " wrong"
                    << first_;
  }

  /// One comparison at index `where`; error and allowed are in the same unit, and an error of NaN is wrong.
  template <class Where, class Got, class Want>
  void check(double error, double allowed, const Where& where, Got got, Want want) {
    ++checked_;
    if (error <= allowed) {
      if (allowed > 0) worst_ = std::max(worst_, error / allowed);
      return;
    }
    if (wrong_++ >= 3) return;
    std::ostringstream line;
    line.precision(20);
    line << "\n  at " << where << ": got " << got << ", want " << want << ", error " << error << ", allowed "
         << allowed;
    first_ += line.str();
  }
  template <class Where, class Got, class Want>
  void check(bool ok, const Where& where, Got got, Want want) {
    check(ok ? 0.0 : 1.0, 0.0, where, got, want);
  }

  std::size_t wrong() const { return wrong_; }
  std::size_t checked() const { return checked_; }
  /// Largest error seen, as a share of what was allowed.
  double worst() const { return worst_; }

 private:
  std::string what_, first_;
  std::size_t wrong_ = 0, checked_ = 0;
  double worst_ = 0;
};

/// Text for an index pair, for Mismatches.
inline std::string at(std::size_t row, std::size_t col) {
  return "[" + std::to_string(row) + "," + std::to_string(col) + "]";
}

}  // namespace attnpool::test
