#pragma once
// Inputs that are the same bits on every platform, and the size knob.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <vector>

#include "buffers.hpp"

namespace attnpool::test {

/// ATTNPOOL_TEST_SCALE divides the sizes of the long tests: for emulators and sanitizers.
inline std::size_t test_scale() {
  static const std::size_t scale = [] {
    const char* text = std::getenv("ATTNPOOL_TEST_SCALE");
    const long value = text == nullptr ? 1 : std::atol(text);
    return static_cast<std::size_t>(value < 1 ? 1 : value);
  }();
  return scale;
}
inline std::size_t scaled(std::size_t size, std::size_t at_least = 1) {
  return size / test_scale() < at_least ? at_least : size / test_scale();
}

/// A list of cases: as it is, or its ends and its middle where ATTNPOOL_TEST_SCALE is 100 and more.
template <class Case>
std::vector<Case> thinned(std::initializer_list<Case> cases) {
  std::vector<Case> all(cases);
  if (test_scale() < 100 || all.size() <= 3) return all;
  return {all.front(), all[all.size() / 2], all.back()};
}

/// splitmix64 (Steele, Lea, Flood 2014): integer arithmetic only, so the same numbers everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t bits() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  double uniform(double low = 0, double high = 1) {
    return low + (high - low) * (static_cast<double>(bits() >> 11) * 0x1p-53);
  }
  std::size_t below(std::size_t n) { return bits() % n; }

 private:
  std::uint64_t state_;
};

template <class T>
Matrix<T> random_matrix(std::size_t rows, std::size_t cols, double low, double high, std::uint64_t seed) {
  Matrix<T> m(rows, cols);
  Random random(seed);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < cols; ++c) m(r, c) = static_cast<T>(random.uniform(low, high));
  return m;
}

/// Calls check(T{}) for both element types; the failure says which.
template <class Check>
void for_float_and_double(Check check) {
  {
    SCOPED_TRACE("float");
    check(float{});
  }
  {
    SCOPED_TRACE("double");
    check(double{});
  }
}

}  // namespace attnpool::test
