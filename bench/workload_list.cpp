#include <cmath>

#include "workloads.hpp"

namespace bench {
namespace {
constexpr std::size_t score_count = 20;  // bandwidths
}

const std::vector<Workload>& workloads() {
  constexpr std::size_t million = 1000000;
  static const double root8 = std::sqrt(1.0 / 8);
  static const std::vector<Workload> all = {
      {"W1", "pool, one dimension, 10,000 x 10,000", Kind::pool, false, 1, 10000, 10000, 1, 1, 2},
      {"W1b", "pool, one dimension, 10,000 x 10,000, double", Kind::pool, true, 1, 10000, 10000, 1, 1, 2},
      {"W3", "pool, D = 8, 10,000 x 10,000", Kind::pool, false, 1, 10000, 10000, 8, 1, 1},
      {"W4", "pool, D = V = 64, 4,096 x 4,096", Kind::pool, false, 1, 4096, 4096, 64, 64, root8},
      {"W5", "softmax of 4,096 x 4,096", Kind::softmax, false, 1, 4096, 4096, 1, 1, 0},
      {"W5i", "softmax of 4,096 x 4,096 in place", Kind::softmax_in_place, false, 1, 4096, 4096, 1, 1, 0},
      {"W6", "exp of 4,096 floats, whole line", Kind::exp, false, 1, 4096, 0, 1, 1, 0},
      {"W6n", "exp of 4,096 floats, x <= 0", Kind::exp_nonpositive, false, 1, 4096, 0, 1, 1, 0},
      {"W6d", "exp of 4,096 doubles, whole line", Kind::exp, true, 1, 4096, 0, 1, 1, 0},
      {"W7", "loss and gradient in w, one dimension, 10,000 x 10,000", Kind::gradient, false, 1, 10000, 10000, 1, 1, 2},
      {"W9a", "one query, 1,000,000 keys, one dimension", Kind::pool, false, 1, 1, 1000000, 1, 1, 2},
      {"W9b", "one query, 100,000 keys, D = V = 64", Kind::pool, false, 1, 1, 100000, 64, 64, root8},
      {"W10", "10,000 problems of 100 x 100", Kind::pool, false, 10000, 100, 100, 1, 1, 2},
      {"L1", "pool, one dimension, 1,000,000 x 1,000,000, double, 1e-9", Kind::pool, true, 1, million, million, 1, 1,
       10, true, 1e-9, Layout::uniform},
      {"L1p", "L1 on prepared keys", Kind::prepared_pool, true, 1, million, million, 1, 1, 10, true, 1e-9,
       Layout::uniform},
      {"L2", "pool, one dimension, 1,000,000 x 1,000,000, float, 1e-6", Kind::pool, false, 1, million, million, 1, 1,
       10, true, 1e-6, Layout::uniform},
      {"L3", "pool, one dimension, 100,000 x 100,000, double, 1e-9", Kind::pool, true, 1, 100000, 100000, 1, 1, 10,
       true, 1e-9, Layout::uniform},
      {"L4", "pool, one dimension, 10,000 x 10,000, double, 1e-9", Kind::pool, true, 1, 10000, 10000, 1, 1, 10, true,
       1e-9, Layout::uniform},
      {"L5", "pool, D = 2, 1,000,000 x 1,000,000, double, 1e-6", Kind::pool, true, 1, million, million, 2, 1, 10, true,
       1e-6, Layout::uniform},
      {"L6", "pool, D = 3, 1,000,000 x 1,000,000, double, 1e-4", Kind::pool, true, 1, million, million, 3, 1, 4, true,
       1e-4, Layout::uniform},
      {"L7", "leave-one-out score at 20 bandwidths, 10,000 keys, one dimension, double", Kind::scores, true,
       score_count, 10000, 10000, 1, 1, 0, true, 0, Layout::uniform, true},
      {"L7f", "leave-one-out score at 20 bandwidths, 10,000 keys, one dimension, float", Kind::scores, false,
       score_count, 10000, 10000, 1, 1, 0, true, 0, Layout::uniform, true},
      {"L8", "flights: 200,000 rows, D = 2, fitted values leave-one-out, double", Kind::pool, true, 1, 200000, 200000,
       2, 1, 1, true, 0, Layout::flights, true},
  };
  return all;
}

}  // namespace bench
