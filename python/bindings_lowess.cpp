// Robust local lines of attnpool._core.
#include "bindings.hpp"

namespace attnpool_python {
namespace {

std::span<const double> entries(const Numbers& x) { return {x.data(), static_cast<std::size_t>(x.size())}; }

}  // namespace

py::dict lowess(const Numbers& x, const Numbers& y, const Numbers& at, double fraction, int iterations, double delta,
                int threads) {
  attnpool::LowessResult result;
  without_gil([&] {
    result = attnpool::lowess(entries(x), entries(y), entries(at),
                              {.fraction = fraction,
                               .iterations = iterations,
                               .delta = delta,
                               .threads = threads,
                               .progress = SignalWatch()});
  });
  return py::dict("fitted"_a = array(result.fitted), "residuals"_a = array(result.residuals),
                  "robustness_weights"_a = array(result.robustness_weights), "at"_a = array(result.at),
                  "neighbours"_a = result.neighbours, "passes"_a = result.passes,
                  "without_line"_a = result.without_line);
}

}  // namespace attnpool_python
