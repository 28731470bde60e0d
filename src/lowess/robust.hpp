#pragma once
// Lowess on sorted rows: passes with weights from the residuals of the pass before.
#include <attnpool/options.hpp>
#include <cstddef>
#include <vector>

namespace attnpool::detail {

struct LowessProblem {
  std::vector<double> x, y;  // x ascending; both finite
  std::vector<double> at;    // ascending: further points for the last pass
  std::size_t neighbours = 0;
  int iterations = 0;
  double delta = 0;
  int threads = 0;
  Progress progress = {};
};

struct LowessSolution {
  std::vector<double> fitted;          // [x] y itself where there is no line
  std::vector<double> robust_weights;  // [x] of the last pass
  std::vector<double> at;              // NaN where there is no line
  std::size_t without_line = 0;        // of x
  int passes = 0;
};

LowessSolution robust_lowess(LowessProblem problem);

}  // namespace attnpool::detail
