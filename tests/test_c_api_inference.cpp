// The C interface: inference and bootstrap have the bits of the C++ ones.
#include <algorithm>
#include <attnpool/attnpool.hpp>

#include "c_api_bits.hpp"

namespace attnpool::test {
namespace {

TEST_P(CApiBits, InferIsInference) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const Problem<T> problem = strided_motorcycle<T>();
    const std::vector<double> weights(problem.keys.rows(), 0.5);
    const double w = 0.7;
    for (const int variance : {ATTNPOOL_VARIANCE_HC0, ATTNPOOL_VARIANCE_HC3, ATTNPOOL_VARIANCE_LOCAL}) {
      attnpool_inference_options options = attnpool_inference_options_default();
      options.variance = variance;
      options.key_weights = weights.data();
      options.key_weights_count = weights.size();
      options.level = 0.5;
      options.slopes = options.nearest = options.error_bounds = 1;
      const Inference inference(problem.keys, problem.values, Gaussian(w),
                                {.variance = static_cast<Variance>(variance), .key_weights = weights});
      const Prediction want =
          inference.predict(problem.queries, {.level = 0.5, .slopes = true, .nearest = true, .error_bounds = true});
      attnpool_inference* got = nullptr;
      expect_ok(C<T>::infer(in(problem.queries), in(problem.keys), in(problem.values), &w, 1, &options, &got), "infer");
      ASSERT_NE(got, nullptr);
      ASSERT_EQ(got->queries * got->cols, want.mean.size());
      const auto same = [](const double* a, const std::vector<double>& b) {
        return std::vector<double>(a, a + b.size()) == b;
      };
      EXPECT_TRUE(same(got->mean, want.mean) && same(got->standard_error, want.standard_error));
      EXPECT_TRUE(same(got->lower, want.lower) && same(got->upper, want.upper));
      EXPECT_TRUE(same(got->slope, want.slope) && same(got->slope_error, want.slope_error));
      EXPECT_TRUE(same(got->effective_keys, want.effective_keys) && same(got->leverage, want.leverage));
      EXPECT_TRUE(same(got->nearest, want.nearest) && same(got->error_bounds, want.error_bounds));
      EXPECT_TRUE(same(got->standard_error_bounds, want.standard_error_bounds));
      EXPECT_TRUE(same(got->slope_bounds, want.slope_bounds));
      for (std::size_t q = 0; q < want.queries; ++q) EXPECT_EQ(got->status[q], static_cast<int>(want.status[q]));
      EXPECT_EQ(got->keys, problem.keys.rows());
      EXPECT_TRUE(same(got->leverages, inference.leverages()) && same(got->residuals, inference.residuals()));
      const FitSummary& fit = inference.summary();
      EXPECT_TRUE(got->rows == fit.rows && got->trace == fit.trace && got->aicc == fit.aicc && got->gcv == fit.gcv);
      EXPECT_TRUE(got->leave_one_out == fit.leave_one_out && got->r_squared == fit.r_squared);
      EXPECT_EQ(got->residual_error, fit.residual_error);
      attnpool_inference_destroy(got);
    }
  });
}

TEST_P(CApiBits, BootstrapIsThatOfInference) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const Problem<T> problem = strided_motorcycle<T>();
    const std::vector<double> weights(problem.keys.rows(), 0.5);
    const double w = 0.7;
    for (const int kind : {ATTNPOOL_RESAMPLING_WILD, ATTNPOOL_RESAMPLING_PAIRS}) {
      attnpool_bootstrap_options options = attnpool_bootstrap_options_default();
      options.kind = kind;
      options.key_weights = weights.data();
      options.key_weights_count = weights.size();
      options.replicates = 50, options.seed = 77, options.level = 0.5;
      options.band = ATTNPOOL_BAND_SIMULTANEOUS, options.keep_replicates = 1;
      const BootstrapResult want = Inference(problem.keys, problem.values, Gaussian(w), {.key_weights = weights})
                                       .bootstrap(problem.queries, {.kind = static_cast<Resampling>(kind),
                                                                    .replicates = 50,
                                                                    .seed = 77,
                                                                    .band = BootstrapBand::simultaneous,
                                                                    .level = 0.5,
                                                                    .keep_replicates = true});
      attnpool_bootstrap* got = nullptr;
      expect_ok(C<T>::bootstrap(in(problem.queries), in(problem.keys), in(problem.values), &w, 1, &options, &got),
                "bootstrap");
      ASSERT_NE(got, nullptr);
      ASSERT_EQ(got->queries * got->cols, want.mean.size());
      const auto same = [](const auto* a, const auto& b) {
        return std::equal(b.begin(), b.end(), a, [](auto x, auto y) { return x == y || (x != x && y != y); });
      };
      EXPECT_TRUE(same(got->mean, want.mean) && same(got->standard_error, want.standard_error));
      EXPECT_TRUE(same(got->lower, want.lower) && same(got->upper, want.upper) && same(got->used, want.used));
      EXPECT_TRUE(same(got->critical, want.critical) && same(got->replicates, want.replicates));
      attnpool_bootstrap_destroy(got);
    }
  });
}

}  // namespace
}  // namespace attnpool::test
