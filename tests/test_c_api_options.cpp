// The C interface: options of older and newer versions, and bad ones of plans.
#include <attnpool/attnpool.hpp>
#include <cmath>
#include <cstring>
#include <functional>
#include <string>

#include "c_api_call.hpp"

namespace attnpool::test {
namespace {

/// Options of a version that knows two more fields.
template <class Options>
struct Newer {
  Options known;
  std::size_t new_field = 0;
  double another = 0;
};

TEST(CApiMistakes, OptionsOfANewerVersion) {
  Call<double> c;
  Newer<attnpool_options> options{attnpool_options_default()};
  options.known.struct_size = sizeof options;
  options.known.range = ATTNPOOL_RANGE_FIRST;  // of no key: what it knows is still read
  const auto pool = [&] {
    return attnpool_pool_f64(c.queries, c.keys, c.values, c.w, c.w_count, c.out, &options.known);
  };
  c.out_data.fill(0);
  expect_ok(pool(), "new fields that are zero");
  EXPECT_TRUE(std::isnan(c.out_data(0, 0)));

  c.out_data.fill(7);
  options.another = 1.0;  // sets the two highest bytes of the eight
  EXPECT_EQ(pool(), ATTNPOOL_INVALID_ARGUMENT);
  const std::size_t known = sizeof(attnpool_options);
  EXPECT_EQ(attnpool_last_error(), "options: struct_size is " + std::to_string(known + 16) + " and byte " +
                                       std::to_string(known + 14) + " is set, but this version knows " +
                                       std::to_string(known) + " bytes");
  EXPECT_EQ(c.out_data(0, 0), 7);

  Newer<attnpool_fit_options> fit_options{attnpool_fit_options_default()};
  fit_options.known.struct_size = sizeof fit_options;
  attnpool_fit_result* result = nullptr;
  expect_ok(attnpool_fit_f64(c.keys, c.values, &fit_options.known, &result), "new fields that are zero");
  attnpool_fit_result_destroy(result);
  fit_options.new_field = 1;
  EXPECT_EQ(attnpool_fit_f64(c.keys, c.values, &fit_options.known, &result), ATTNPOOL_INVALID_ARGUMENT);
  EXPECT_EQ(result, nullptr);
}

/// An older caller's struct ends earlier, and the memory after it is not to be read: it is not even there.
TEST(CApiMistakes, OptionsOfAnOlderVersion) {
  const Call<double> c;
  const auto pooled = [&](const attnpool_options* options) {
    Matrix<double> out(4, 3);
    expect_ok(attnpool_pool_f64(c.queries, c.keys, c.values, c.w, c.w_count, test::out(out), options), "pool");
    return out;
  };
  attnpool_options all_fields = attnpool_options_default();
  all_fields.range = ATTNPOOL_RANGE_WINDOW;
  all_fields.range_before = 1;
  all_fields.range_after = 2;
  attnpool_options without_after = all_fields;
  without_after.range_after = 0;
  const GuardedBuffer<double> old(offsetof(attnpool_options, range_after) / sizeof(double));
  const std::size_t size = old.size() * sizeof(double);
  std::memcpy(old.data(), &all_fields, size);
  std::memcpy(old.data(), &size, sizeof size);
  EXPECT_TRUE(same_bits(pooled(reinterpret_cast<attnpool_options*>(old.data())), pooled(&without_after)));
  EXPECT_FALSE(same_bits(pooled(&all_fields), pooled(&without_after)));

  // Fields whose default is not zero: a hundred epochs and leave-one-out, beside a w0 that is known.
  attnpool_fit_options fit_options = attnpool_fit_options_default();
  fit_options.w0 = c.w;
  fit_options.w0_count = 2;
  const GuardedBuffer<double> old_fit(offsetof(attnpool_fit_options, seed) / sizeof(double));
  const std::size_t fit_size = old_fit.size() * sizeof(double);
  std::memcpy(old_fit.data(), &fit_options, fit_size);
  std::memcpy(old_fit.data(), &fit_size, sizeof fit_size);
  attnpool_fit_result *old_result = nullptr, *result = nullptr;
  expect_ok(attnpool_fit_f64(c.keys, c.values, reinterpret_cast<attnpool_fit_options*>(old_fit.data()), &old_result),
            "fit");
  expect_ok(attnpool_fit_f64(c.keys, c.values, &fit_options, &result), "fit");
  const FitHandle old_handle(old_result, attnpool_fit_result_destroy), handle(result, attnpool_fit_result_destroy);
  ASSERT_EQ(old_result->loss_count, result->loss_count);
  EXPECT_GT(result->loss_count, 2u);
  EXPECT_EQ(std::memcmp(old_result->losses, result->losses, result->loss_count * sizeof(double)), 0);
}

TEST(CApiMistakes, BadPlansWeightsAndBounds) {
  Call<double> c;
  const auto refused = [&](const std::function<void(attnpool_options&)>& change, const std::string& want) {
    c.options = attnpool_options_default();
    change(c.options);
    EXPECT_EQ(c.pool(), ATTNPOOL_INVALID_ARGUMENT) << want;
    EXPECT_EQ(attnpool_last_error(), want);
  };
  double some[7] = {1, 1, -1, 1, 1, 1, 1};
  refused([](auto& o) { o.algorithm = 5; }, "algorithm: is not one of Algorithm's values, got 5");
  refused([](auto& o) { o.algorithm = -1; }, "algorithm: is not one of Algorithm's values, got -1");
  refused([](auto& o) { o.tolerance = 0.5; }, "tolerance: must be 0 (automatic) or in [1e-12, 0.1], got 0.5");
  refused([](auto& o) { o.key_weights_count = 6; }, "key_weights: is null, of 6 entries");
  refused([](auto& o) { o.error_bounds_count = 4; }, "error_bounds: is null, of 4 entries");
  refused([&](auto& o) { o.key_weights = some, o.key_weights_count = 7; },
          "key_weights: must have one entry per key = 6, got 7");
  refused([&](auto& o) { o.key_weights = some, o.key_weights_count = 6; },
          "key_weights[2]: must be finite and not negative, got -1");
  refused([&](auto& o) { o.error_bounds = some, o.error_bounds_count = 7; },
          "error_bounds: must have one entry per query = 4, got 7");
  refused([](auto& o) { o.algorithm = ATTNPOOL_ALGORITHM_GRID, o.range = ATTNPOOL_RANGE_CAUSAL; },
          "algorithm: grid cannot serve a range of keys that follows the query");
}

}  // namespace
}  // namespace attnpool::test
