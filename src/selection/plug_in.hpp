#pragma once
// The direct plug-in bandwidth of Ruppert, Sheather and Wand (JASA 1995) for rows that are sorted and of unit size.
#include <cstddef>
#include <vector>

namespace attnpool::detail {

struct PlugInData {
  std::vector<double> x, y;    // x ascending in [0, 1], the interval of the bins; y of the size 1
  double low = 0, length = 1;  // the caller's key is low + length * x
};

struct PlugInSettings {
  std::size_t most_blocks = 5, rows_per_block = 20, bins = 401;
  double proptrun = 0.05;
};

// In units of the interval. Throws std::invalid_argument in the words of the public function.
double plug_in_bandwidth(const PlugInData& data, const PlugInSettings& settings);

}  // namespace attnpool::detail
