// The C interface: lowess has the bits of the C++ one.
#include <algorithm>
#include <attnpool/lowess.hpp>

#include "c_api_bits.hpp"

namespace attnpool::test {
namespace {

TEST_P(CApiBits, LowessIsItsNamesake) {
  const Problem<double> problem = motorcycle<double>();
  std::vector<double> x, y;
  for (std::size_t i = 0; i < problem.keys.rows(); ++i)
    x.push_back(problem.keys(i, 0)), y.push_back(problem.values(i, 0));
  const std::vector<double> at = {30, 10, 100};
  attnpool_lowess_options options = attnpool_lowess_options_default();
  options.fraction = 0.3, options.iterations = 2, options.delta = 0.5, options.threads = 1;
  const auto same = [](const double* a, const std::vector<double>& b) { return std::equal(b.begin(), b.end(), a); };
  for (const bool has_options : {false, true}) {
    const LowessOptions settings =
        has_options ? LowessOptions{.fraction = 0.3, .iterations = 2, .delta = 0.5, .progress = {}} : LowessOptions{};
    const LowessResult want = lowess(x, y, at, settings);
    attnpool_lowess* got = nullptr;
    expect_ok(attnpool_lowess_f64(x.size(), x.data(), y.data(), 3, at.data(), has_options ? &options : nullptr, &got),
              "lowess");
    ASSERT_NE(got, nullptr);
    EXPECT_TRUE(got->count == x.size() && got->at_count == 3);
    EXPECT_TRUE(same(got->fitted, want.fitted) && same(got->residuals, want.residuals));
    EXPECT_TRUE(same(got->robustness_weights, want.robustness_weights) && same(got->at, want.at));
    EXPECT_EQ(got->neighbours, want.neighbours);
    EXPECT_TRUE(got->without_line == want.without_line && got->passes == want.passes);
    attnpool_lowess_destroy(got);
  }
  attnpool_lowess* alone = nullptr;
  expect_ok(attnpool_lowess_f64(x.size(), x.data(), y.data(), 0, nullptr, nullptr, &alone), "lowess");
  EXPECT_EQ(alone->at, nullptr);
  attnpool_lowess_destroy(alone);
  attnpool_lowess_destroy(nullptr);
}

}  // namespace
}  // namespace attnpool::test
