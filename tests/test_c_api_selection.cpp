// The C interface: bandwidth selection and the rules of thumb have the bits of the C++ ones.
#include <attnpool/attnpool.hpp>
#include <attnpool/bandwidth_rules.hpp>
#include <attnpool/selection.hpp>

#include "c_api_bits.hpp"

namespace attnpool::test {
namespace {

TEST_P(CApiBits, SelectBandwidthIsItsNamesake) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const Problem<T> problem = strided_motorcycle<T>();
    const std::vector<double> weights(problem.keys.rows(), 0.5);
    for (const int criterion : {ATTNPOOL_CRITERION_LEAVE_ONE_OUT, ATTNPOOL_CRITERION_GCV, ATTNPOOL_CRITERION_AICC})
      for (const int per_dimension : {0, 1}) {
        attnpool_selection_options options = attnpool_selection_options_default();
        options.criterion = criterion;
        options.per_dimension = per_dimension;
        options.key_weights = weights.data();
        options.key_weights_count = weights.size();
        SelectionOptions cpp_options;
        cpp_options.criterion = static_cast<Criterion>(criterion);
        cpp_options.per_dimension = per_dimension != 0;
        cpp_options.key_weights = weights;
        const Selection want = select_bandwidth<T>(problem.keys, problem.values, cpp_options);
        attnpool_selection* got = nullptr;
        expect_ok(C<T>::select(in(problem.keys), in(problem.values), &options, &got), "select_bandwidth");
        ASSERT_NE(got, nullptr);
        EXPECT_EQ(std::vector<double>(got->w, got->w + got->w_count), want.w);
        EXPECT_EQ(std::vector<double>(got->rule_w, got->rule_w + got->w_count), want.rule_w);
        EXPECT_EQ(std::vector<double>(got->scale, got->scale + got->w_count), want.scale);
        EXPECT_TRUE(same_bits(got->value, want.value) && same_bits(got->rule_value, want.rule_value));
        EXPECT_TRUE(same_bits(got->leave_one_out, want.leave_one_out) && same_bits(got->trace, want.trace));
        EXPECT_EQ(got->bound, static_cast<int>(want.bound));
        EXPECT_EQ(got->converged, want.converged);
        EXPECT_EQ(got->evaluations, want.evaluations);
        ASSERT_EQ(got->curve_count, want.curve.size());
        for (std::size_t i = 0; i < want.curve.size(); ++i)
          EXPECT_TRUE(got->curve_factors[i] == want.curve[i].factor &&
                      same_bits(got->curve_values[i], want.curve[i].value));
        ASSERT_EQ(got->minimum_count, want.minima.size());
        for (std::size_t i = 0; i < want.minima.size(); ++i) {
          EXPECT_EQ(got->minimum_values[i], want.minima[i].value);
          EXPECT_EQ(got->minimum_ws[i * got->w_count], want.minima[i].w[0]);
        }
        attnpool_selection_destroy(got);
      }
  });
  attnpool_selection_destroy(nullptr);
}

TEST_P(CApiBits, RulesAreTheirNamesakes) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const Problem<T> strided = strided_motorcycle<T>();
    const std::vector<double> weights(strided.keys.rows(), 0.5);
    attnpool_rule_options options = attnpool_rule_options_default();
    options.key_weights = weights.data(), options.key_weights_count = weights.size();
    std::vector<double> got(3);
    expect_ok(C<T>::scott(in(strided.keys), &options, got.data()), "scott");
    EXPECT_EQ(got, scott<T>(strided.keys, {.key_weights = weights}));
    options.unscaled = 1;
    expect_ok(C<T>::silverman(in(strided.keys), &options, got.data()), "silverman");
    EXPECT_EQ(got, silverman<T>(strided.keys, {.key_weights = weights, .scaled = false}));

    const Problem<T> flat = motorcycle<T>();
    double bandwidth = 0;
    expect_ok(C<T>::plug_in(in(flat.keys), in(flat.values), nullptr, &bandwidth), "ruppert_sheather_wand");
    EXPECT_EQ(bandwidth, ruppert_sheather_wand<T>(flat.keys, flat.values));
    const attnpool_plug_in_options settings = {sizeof settings, 0.1, 0.2, 5, 50, 2, 30, 201};
    expect_ok(C<T>::plug_in(in(flat.keys), in(flat.values), &settings, &bandwidth), "ruppert_sheather_wand");
    EXPECT_EQ(bandwidth, ruppert_sheather_wand<T>(flat.keys, flat.values, {2, 30, 0.1, 0.2, 201, {{5, 50}}}));
  });
}

TEST_P(CApiBits, SelectBandwidthBatchIsItsNamesake) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const Problem<T> problem = strided_motorcycle<T>();  // 133 = 7 * 19 rows
    const std::vector<std::size_t> uneven{0, 40, 45, 133};
    for (const bool has_offsets : {false, true}) {
      const std::size_t count = has_offsets ? 3 : 7;
      const std::vector<Selection> want = has_offsets
                                              ? select_bandwidth_batch<T>(uneven, problem.keys, problem.values)
                                              : select_bandwidth_batch<T>(std::size_t{7}, problem.keys, problem.values);
      std::vector<attnpool_selection*> got(count);
      expect_ok(C<T>::select_batch(count, has_offsets ? uneven.data() : nullptr, in(problem.keys), in(problem.values),
                                   nullptr, got.data()),
                "select_bandwidth_batch");
      for (std::size_t i = 0; i < count; ++i) {
        ASSERT_NE(got[i], nullptr);
        EXPECT_EQ(std::vector<double>(got[i]->w, got[i]->w + got[i]->w_count), want[i].w);
        EXPECT_TRUE(same_bits(got[i]->value, want[i].value) && same_bits(got[i]->trace, want[i].trace));
        EXPECT_EQ(got[i]->curve_count, want[i].curve.size());
        EXPECT_EQ(got[i]->bound, static_cast<int>(want[i].bound));
        attnpool_selection_destroy(got[i]);
      }
    }
    expect_ok(C<T>::select_batch(0, nullptr, {nullptr, 0, 1, 1}, {nullptr, 0, 1, 1}, nullptr, nullptr), "no problem");
  });
}

}  // namespace
}  // namespace attnpool::test
