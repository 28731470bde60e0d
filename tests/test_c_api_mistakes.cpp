// The C interface refuses: every mistake has its status and message and nothing is written. Options of other versions:
// test_c_api_options.cpp. Messages of threads, allocations that fail, exceptions: test_c_api_failures.cpp.
#include <attnpool/attnpool.hpp>
#include <cmath>
#include <string>

#include "c_api_call.hpp"

namespace attnpool::test {
namespace {

template <class T>
struct Mistake {
  attnpool_status (Call<T>::*function)();
  void (*make)(Call<T>&);
  std::string message;
};

std::string size_refused(std::size_t known, std::size_t got) {
  return "options: struct_size must be the size of the struct, " + std::to_string(known) + " in this version, got " +
         std::to_string(got);
}

template <class T>
std::vector<Mistake<T>> mistakes() {
  using F = Call<T>;
  return {
      {&F::pool, [](F& c) { c.queries.data = nullptr; }, "queries: data is null for shape 4 x 2"},
      {&F::pool, [](F& c) { c.keys.data = nullptr; }, "keys: data is null for shape 6 x 2"},
      {&F::pool, [](F& c) { c.values.data = nullptr; }, "values: data is null for shape 6 x 3"},
      {&F::pool, [](F& c) { c.out.data = nullptr; }, "out: data is null for shape 4 x 3"},
      {&F::pool, [](F& c) { c.queries.row_stride = 1; }, "queries: row_stride must be at least cols = 2, got 1"},
      {&F::pool, [](F& c) { c.keys.row_stride = 0; }, "keys: row_stride must be at least cols = 2, got 0"},
      {&F::pool, [](F& c) { c.values.row_stride = 2; }, "values: row_stride must be at least cols = 3, got 2"},
      {&F::pool, [](F& c) { c.out.row_stride = 2; }, "out: row_stride must be at least cols = 3, got 2"},
      {&F::pool, [](F& c) { c.queries.row_stride = SIZE_MAX; },
       "queries: size 4 x " + std::to_string(SIZE_MAX) + " overflows"},
      {&F::pool, [](F& c) { c.queries.cols = 1; }, "queries: must have 2 columns to match keys, got 1"},
      {&F::pool, [](F& c) { c.values.rows = 5; }, "values: must have 6 rows to match keys, got 5"},
      {&F::pool, [](F& c) { c.out.rows = 3; }, "out: must have 4 rows to match queries, got 3"},
      {&F::pool, [](F& c) { c.out.cols = 2; }, "out: must have 3 columns to match values, got 2"},
      {&F::pool, [](F& c) { c.keys.rows = c.values.rows = 0; }, "keys: must have at least one row, got 0"},
      {&F::pool, [](F& c) { c.keys.cols = c.queries.cols = 0; }, "keys: must have at least one column, got 0"},
      {&F::pool, [](F& c) { c.values.cols = 0; }, "values: must have at least one column, got 0"},
      {&F::pool, [](F& c) { c.out.data = const_cast<T*>(c.queries.data); }, "out: overlaps queries"},
      {&F::pool, [](F& c) { c.out.data = const_cast<T*>(c.keys.data); }, "out: overlaps keys"},
      {&F::pool, [](F& c) { c.out.data = const_cast<T*>(c.values.data) - 11; }, "out: overlaps values"},
      {&F::pool, [](F& c) { c.problem.keys(5, 1) = T(nan); }, "keys[5,1]: must be finite, got nan"},
      {&F::pool, [](F& c) { c.w = nullptr; }, "w: is null"},
      {&F::pool, [](F& c) { c.w_count = 0; }, "w: needs at least one entry, got none"},
      {&F::pool, [](F& c) { c.w = nullptr, c.w_count = 0; }, "w: needs at least one entry, got none"},
      {&F::pool, [](F& c) { c.w_count = 3; }, "w: must have 1 entry or one per dimension = 2, got 3"},
      {&F::pool, [](F& c) { c.w_data[1] = nan; }, "w[1]: must be finite, got nan"},
      {&F::pool, [](F& c) { c.w_data[0] = -HUGE_VAL; }, "w[0]: must be finite, got -inf"},
      {&F::pool, [](F& c) { c.options.threads = -1; }, "threads: must be 0 (automatic) or more, got -1"},
      {&F::pool, [](F& c) { c.options.range = 5; }, "range: must be one of ATTNPOOL_RANGE_*, got 5"},
      {&F::pool, [](F& c) { c.options.range = -1; }, "range: must be one of ATTNPOOL_RANGE_*, got -1"},
      {&F::pool, [](F& c) { c.options.struct_size = 0; }, size_refused(sizeof(attnpool_options), 0)},
      {&F::pool, [](F& c) { c.options.struct_size = 13; }, size_refused(sizeof(attnpool_options), 13)},
      {&F::pool, [](F& c) { c.options.struct_size = 1 << 20; }, size_refused(sizeof(attnpool_options), 1048576)},
      {&F::pool_batch, [](F& c) { c.count = 0; }, "count: must be at least 1, got 0"},
      {&F::pool_batch, [](F& c) { c.count = 3; }, "queries: must have a multiple of count = 3 rows, got 4"},
      {&F::pool_batch, [](F& c) { c.count = 4; }, "keys: must have a multiple of count = 4 rows, got 6"},
      {&F::pool_batch, [](F& c) { c.w = nullptr; }, "w: is null"},
      {&F::pool_batch, [](F& c) { c.options.threads = -7; }, "threads: must be 0 (automatic) or more, got -7"},
      {&F::attention_weights, [](F& c) { c.weights.data = nullptr; }, "weights: data is null for shape 4 x 6"},
      {&F::attention_weights, [](F& c) { c.weights.rows = 5; }, "weights: must have 4 rows to match queries, got 5"},
      {&F::attention_weights, [](F& c) { c.weights.cols = 5; }, "weights: must have 6 columns to match keys, got 5"},
      {&F::attention_weights, [](F& c) { c.weights.data = const_cast<T*>(c.keys.data); }, "weights: overlaps keys"},
      {&F::average_pool, [](F& c) { c.values.data = nullptr; }, "values: data is null for shape 6 x 3"},
      {&F::average_pool, [](F& c) { c.values.rows = 0; }, "values: must have at least one row, got 0"},
      {&F::average_pool, [](F& c) { c.out.cols = 2; }, "out: must have 3 columns to match values, got 2"},
      {&F::average_pool, [](F& c) { c.out.data = const_cast<T*>(c.values.data); }, "out: overlaps values"},
      {&F::pool_gradient, [](F& c) { c.gradient.data = nullptr; }, "gradient: data is null for shape 4 x 6"},
      {&F::pool_gradient, [](F& c) { c.gradient.rows = 1; }, "gradient: must have 4 rows to match queries, got 1"},
      {&F::pool_gradient, [](F& c) { c.w_count = 1; },
       "gradient: must have 3 columns to match entries of w times columns of values, got 6"},
      {&F::pool_gradient, [](F& c) { c.gradient.data = c.out.data; }, "gradient: overlaps out"},
      {&F::loss_gradient, [](F& c) { c.targets.data = nullptr; }, "targets: data is null for shape 4 x 3"},
      {&F::loss_gradient, [](F& c) { c.targets.rows = 3; }, "targets: must have 4 rows to match queries, got 3"},
      {&F::loss_gradient, [](F& c) { c.targets.cols = 1; }, "targets: must have 3 columns to match values, got 1"},
      {&F::loss_gradient, [](F& c) { c.queries.rows = c.targets.rows = 0; },
       "queries: must have at least one row, got 0"},
      {&F::loss_gradient, [](F& c) { c.loss = 2; }, "loss: must be one of ATTNPOOL_LOSS_*, got 2"},
      {&F::loss_gradient, [](F& c) { c.loss_value_out = nullptr; }, "loss_value: is null"},
      {&F::loss_gradient, [](F& c) { c.derivative_out = nullptr; }, "gradient: is null"},
      {&F::select, [](F& c) { c.selection_out = nullptr; }, "selection: is null"},
      {&F::select, [](F& c) { c.keys.data = nullptr; }, "keys: data is null for shape 6 x 2"},
      {&F::select, [](F& c) { c.values.rows = 4; }, "values: must have 6 rows to match keys, got 4"},
      {&F::select, [](F& c) { c.keys.rows = c.values.rows = 1; },
       "keys: selection needs at least two rows of positive weight, got 1"},
      {&F::select, [](F& c) { c.selection_options.criterion = 4; },
       "criterion: must be ATTNPOOL_CRITERION_*, 0 to 3, got 4"},
      {&F::select, [](F& c) { c.selection_options.threads = -2; }, "threads: must be 0 (automatic) or more, got -2"},
      {&F::select, [](F& c) { c.selection_options.key_weights = c.w, c.selection_options.key_weights_count = 2; },
       "key_weights: must have one entry per key = 6, got 2"},
      {&F::select, [](F& c) { c.selection_options.struct_size = 0; },
       size_refused(sizeof(attnpool_selection_options), 0)},
      {&F::scott, [](F& c) { c.bandwidths_out = nullptr; }, "bandwidths: is null"},
      {&F::scott, [](F& c) { c.keys.data = nullptr; }, "keys: data is null for shape 6 x 2"},
      {&F::scott, [](F& c) { c.rule_options.struct_size = 0; }, size_refused(sizeof(attnpool_rule_options), 0)},
      {&F::silverman, [](F& c) { c.keys.rows = 0; }, "keys: must have at least one row, got 0"},
      {&F::silverman, [](F& c) { c.rule_options.key_weights = c.w, c.rule_options.key_weights_count = 2; },
       "key_weights: must have one entry per key = 6, got 2"},
      {&F::plug_in, [](F& c) { c.bandwidths_out = nullptr; }, "bandwidth: is null"},
      {&F::plug_in, [](F&) {}, "keys: the plug-in rule is for one column, got 2"},
      {&F::plug_in, [](F& c) { c.keys.cols = c.values.cols = 1, c.plug_in_options.gridsize = 0; },
       "gridsize: must be in [10, 100001], got 0"},
      {&F::plug_in, [](F& c) { c.keys.cols = c.values.cols = 1, c.plug_in_options.low = 1; },
       "interval: must be finite and ascending, got 1 to 0"},
      {&F::plug_in, [](F& c) { c.plug_in_options.struct_size = 0; }, size_refused(sizeof(attnpool_plug_in_options), 0)},
      {&F::select_batch, [](F& c) { c.selections_out = nullptr; }, "selections: is null"},
      {&F::select_batch, [](F& c) { c.values.data = nullptr; }, "values: data is null for shape 6 x 3"},
      {&F::select_batch, [](F& c) { c.offset_data[1] = 7; }, "offsets[2]: must be at least the one before = 7, got 6"},
      {&F::select_batch, [](F& c) { c.offset_data[1] = 5; },
       "problem 1: keys: selection needs at least two rows of positive weight, got 1"},
      {&F::select_batch, [](F& c) { c.offsets = nullptr, c.keys.rows = c.values.rows = 5; },
       "keys: must have a multiple of count = 2 rows, got 5"},
      {&F::select_batch, [](F& c) { c.selection_options.criterion = 4; },
       "criterion: must be ATTNPOOL_CRITERION_*, 0 to 3, got 4"},
      {&F::infer, [](F& c) { c.inference_out = nullptr; }, "inference: is null"},
      {&F::infer, [](F& c) { c.queries.cols = 1; }, "queries: must have 2 columns to match keys, got 1"},
      {&F::infer, [](F& c) { c.values.rows = 4; }, "values: must have 6 rows to match keys, got 4"},
      {&F::infer, [](F& c) { c.w = nullptr; }, "w: is null"},
      {&F::infer, [](F& c) { c.keys.rows = c.values.rows = 1; },
       "keys: inference needs at least two rows of positive weight, got 1"},
      {&F::infer, [](F& c) { c.inference_options.level = 0; }, "level: must be between 0 and 1, got 0"},
      {&F::infer, [](F& c) { c.inference_options.variance = -1; }, "variance: is not one of Variance's values, got -1"},
      {&F::infer, [](F& c) { c.inference_options.algorithm = 5; },
       "algorithm: is not one of Algorithm's values, got 5"},
      {&F::infer, [](F& c) { c.inference_options.tolerance = 1; },
       "tolerance: must be 0 (automatic) or in [1e-12, 0.1], got 1"},
      {&F::infer, [](F& c) { c.inference_options.key_weights = c.w, c.inference_options.key_weights_count = 2; },
       "key_weights: must have one entry per key = 6, got 2"},
      {&F::infer, [](F& c) { c.inference_options.struct_size = 0; },
       size_refused(sizeof(attnpool_inference_options), 0)},
      {&F::bootstrap, [](F& c) { c.replicates_out = nullptr; }, "result: is null"},
      {&F::bootstrap, [](F& c) { c.queries.cols = 1; }, "queries: must have 2 columns to match keys, got 1"},
      {&F::bootstrap, [](F& c) { c.w = nullptr; }, "w: is null"},
      {&F::bootstrap, [](F& c) { c.bootstrap_options.kind = 2; }, "kind: is not one of Resampling's values, got 2"},
      {&F::bootstrap, [](F& c) { c.bootstrap_options.multiplier = -1; },
       "multiplier: is not one of Multiplier's values, got -1"},
      {&F::bootstrap, [](F& c) { c.bootstrap_options.residuals = ATTNPOOL_VARIANCE_LOCAL; },
       "residuals: must be one of hc0, hc1, hc2, hc3, got local"},
      {&F::bootstrap, [](F& c) { c.bootstrap_options.band = 4; }, "band: is not one of BootstrapBand's values, got 4"},
      {&F::bootstrap, [](F& c) { c.bootstrap_options.level = 1; }, "level: must be between 0 and 1, got 1"},
      {&F::bootstrap, [](F& c) { c.bootstrap_options.replicates = 1; }, "replicates: must be from 2 to 1000000, got 1"},
      {&F::bootstrap, [](F& c) { c.bootstrap_options.algorithm = 5; },
       "algorithm: is not one of Algorithm's values, got 5"},
      {&F::bootstrap, [](F& c) { c.bootstrap_options.key_weights = c.w, c.bootstrap_options.key_weights_count = 2; },
       "key_weights: must have one entry per key = 6, got 2"},
      {&F::bootstrap, [](F& c) { c.bootstrap_options.struct_size = 0; },
       size_refused(sizeof(attnpool_bootstrap_options), 0)},
      {&F::lowess, [](F& c) { c.lines_out = nullptr; }, "result: is null"},
      {&F::lowess, [](F& c) { c.x = nullptr; }, "x: is null"},
      {&F::lowess, [](F& c) { c.y = nullptr; }, "y: is null"},
      {&F::lowess, [](F& c) { c.at = nullptr; }, "at: is null"},
      {&F::lowess, [](F& c) { c.count = SIZE_MAX; }, "at: size " + std::to_string(SIZE_MAX) + " x 1 overflows"},
      {&F::lowess, [](F& c) { c.x_data[2] = nan; }, "x[2]: must be finite, got nan"},
      {&F::lowess, [](F& c) { c.y_data[1] = HUGE_VAL; }, "y[1]: must be finite, got inf"},
      {&F::lowess, [](F& c) { c.x_data.clear(); }, "x: must have at least one entry, got 0"},
      {&F::lowess, [](F& c) { c.lowess_options.fraction = -0.5; }, "fraction: must be in [0, 1], got -0.5"},
      {&F::lowess, [](F& c) { c.lowess_options.iterations = -1; }, "iterations: must be in [0, 1000], got -1"},
      {&F::lowess, [](F& c) { c.lowess_options.delta = -1; }, "delta: must be 0 or more, got -1"},
      {&F::lowess, [](F& c) { c.lowess_options.threads = -1; }, "threads: must be 0 (automatic) or more, got -1"},
      {&F::lowess, [](F& c) { c.lowess_options.struct_size = 0; }, size_refused(sizeof(attnpool_lowess_options), 0)},
      {&F::fit, [](F& c) { c.result_out = nullptr; }, "result: is null"},
      {&F::fit, [](F& c) { c.keys.data = nullptr; }, "keys: data is null for shape 6 x 2"},
      {&F::fit, [](F& c) { c.values.rows = 4; }, "values: must have 6 rows to match keys, got 4"},
      {&F::fit, [](F& c) { c.keys.rows = c.values.rows = 1; }, "keys: leave-one-out needs at least two rows, got 1"},
      {&F::fit, [](F& c) { c.fit_options.learning_rate = -1; }, "learning_rate: must be 0 or more and finite, got -1"},
      {&F::fit, [](F& c) { c.fit_options.learning_rate = nan; },
       "learning_rate: must be 0 or more and finite, got nan"},
      {&F::fit, [](F& c) { c.fit_options.epochs = -1; }, "epochs: must be 0 or more, got -1"},
      {&F::fit, [](F& c) { c.fit_options.tolerance = -0.5; }, "tolerance: must be 0 or more, got -0.5"},
      {&F::fit, [](F& c) { c.fit_options.loss = -1; }, "loss: must be one of ATTNPOOL_LOSS_*, got -1"},
      {&F::fit, [](F& c) { c.fit_options.w0_count = 1; }, "w0: is null"},
      {&F::fit, [](F& c) { c.fit_options.w0 = c.w, c.fit_options.w0_count = 3; },
       "w0: must have 1 entry or one per dimension = 2, got 3"},
      {&F::fit, [](F& c) { c.w_data[1] = nan, c.fit_options.w0 = c.w, c.fit_options.w0_count = 2; },
       "w0[1]: must be finite, got nan"},
      {&F::fit, [](F& c) { c.fit_options.threads = -2; }, "threads: must be 0 (automatic) or more, got -2"},
      {&F::fit, [](F& c) { c.fit_options.struct_size = 0; }, size_refused(sizeof(attnpool_fit_options), 0)},
      {&F::exp, [](F& c) { c.queries.data = nullptr; }, "x: is null for count 8"},
      {&F::exp, [](F& c) { c.out.data = nullptr; }, "out: is null for count 8"},
      {&F::exp, [](F& c) { c.out.data = const_cast<T*>(c.queries.data) + 1; }, "out: overlaps x"},
      {&F::exp, [](F& c) { c.length = SIZE_MAX; }, "count: size " + std::to_string(SIZE_MAX) + " x 1 overflows"},
      {&F::softmax, [](F& c) { c.targets.data = nullptr; }, "scores: data is null for shape 4 x 3"},
      {&F::softmax, [](F& c) { c.out.rows = 3; }, "out: must have 4 rows to match scores, got 3"},
      {&F::softmax, [](F& c) { c.targets.cols = 2; }, "out: must have 2 columns to match scores, got 3"},
      {&F::softmax, [](F& c) { c.out.data = const_cast<T*>(c.targets.data) + 3; }, "out: overlaps scores"},
      {&F::softmax, [](F& c) { c.options.threads = -1; }, "threads: must be 0 (automatic) or more, got -1"},
      {&F::log_sum_exp, [](F& c) { c.out.data = nullptr; }, "out: is null for 4 rows"},
      {&F::log_sum_exp, [](F& c) { c.out.data = const_cast<T*>(c.targets.data) + 11; }, "out: overlaps scores"},
      {&F::log_sum_exp, [](F& c) { c.targets.row_stride = 1; }, "scores: row_stride must be at least cols = 3, got 1"},
      {&F::create, [](F& c) { c.state_out = nullptr; }, "state: is null"},
      {&F::create, [](F& c) { c.queries.data = nullptr; }, "queries: data is null for shape 4 x 2"},
      {&F::create, [](F& c) { c.value_cols = 0; }, "value_cols: must have at least one column, got 0"},
      {&F::create, [](F& c) { c.queries.cols = 0; }, "queries: must have at least one column, got 0"},
      {&F::create, [](F& c) { c.w_count = 3; }, "w: must have 1 entry or one per dimension = 2, got 3"},
      {&F::create, [](F& c) { c.w = nullptr; }, "w: is null"},
      {&F::update, [](F& c) { c.state.reset(); }, "state: is null"},
      {&F::update, [](F& c) { c.keys.cols = 1; }, "keys: must have 2 columns to match queries, got 1"},
      {&F::update, [](F& c) { c.values.cols = 2; }, "values: must have 3 columns to match value_cols, got 2"},
      {&F::update, [](F& c) { c.values.rows = 5; }, "values: must have 6 rows to match keys, got 5"},
      {&F::update, [](F& c) { c.values.data = nullptr; }, "values: data is null for shape 6 x 3"},
      {&F::update, [](F& c) { c.options.range = 99; }, "range: must be one of ATTNPOOL_RANGE_*, got 99"},
      {&F::update, [](F& c) { c.options.threads = -1; }, "threads: must be 0 (automatic) or more, got -1"},
      {&F::merge, [](F& c) { c.state.reset(); }, "state: is null"},
      {&F::merge, [](F& c) { c.other.reset(); }, "other: is null"},
      {&F::merge, [](F& c) { c.queries.rows = 3, c.make(c.other); },
       "other: must have the same queries: 4 x 2, got 3 x 2"},
      {&F::merge, [](F& c) { c.problem.queries(3, 1) += 1, c.make(c.other); }, "other: has other queries"},
      {&F::merge, [](F& c) { c.w_count = 1, c.make(c.other); }, "other: has another w"},
      {&F::merge, [](F& c) { c.value_cols = 2, c.make(c.other); },
       "other: must have 3 value columns to match this state, got 2"},
      {&F::finish, [](F& c) { c.state.reset(); }, "state: is null"},
      {&F::finish, [](F& c) { c.out.data = nullptr; }, "out: data is null for shape 4 x 3"},
      {&F::finish, [](F& c) { c.out.rows = 5; }, "out: must have 4 rows to match queries, got 5"},
      {&F::finish, [](F& c) { c.out.cols = 1; }, "out: must have 3 columns to match value_cols, got 1"},
      {&F::state_log_sum_exp, [](F& c) { c.state.reset(); }, "state: is null"},
      {&F::state_log_sum_exp, [](F& c) { c.out.data = nullptr; }, "out: is null for 4 queries"},
      {&F::thread_count, [](F& c) { c.requested = -1; }, "threads: must be 0 (automatic) or more, got -1"},
      {&F::thread_count, [](F& c) { c.threads_out = nullptr; }, "count: is null"},
      {&F::active_isa, [](F& c) { c.name_out = nullptr; }, "name: is null"},
  };
}

template <class T>
void expect_every_mistake_refused() {
  const Call<T> untouched;
  for (const Mistake<T>& mistake : mistakes<T>()) {
    Call<T> call;
    mistake.make(call);
    EXPECT_EQ((call.*mistake.function)(), ATTNPOOL_INVALID_ARGUMENT) << mistake.message;
    EXPECT_EQ(attnpool_last_error(), mistake.message);
    EXPECT_TRUE(same_bits(call.out_data, untouched.out_data) &&
                same_bits(call.gradient_data, untouched.gradient_data) &&
                same_bits(call.weights_data, untouched.weights_data) && same_bits(call.loss_value, nan) &&
                same_bits(call.derivative[0], nan))
        << mistake.message << ": wrote before it refused";
    EXPECT_TRUE(call.result == nullptr && call.made == nullptr) << mistake.message;
  }
}

TEST(CApiMistakes, EveryMistakeHasItsStatusAndMessage) {
  for_float_and_double([](auto zero) { expect_every_mistake_refused<decltype(zero)>(); });
}

TEST(CApiMistakes, TheCallThatTheMistakesSpoilIsGood) {
  for_float_and_double([](auto zero) {
    Call<decltype(zero)> c;
    for (const attnpool_status status :
         {c.exp(), c.softmax(), c.log_sum_exp(), c.pool(), c.pool_batch(), c.attention_weights(), c.average_pool(),
          c.pool_gradient(), c.loss_gradient(), c.fit(), c.create(), c.update(), c.merge(), c.finish(),
          c.state_log_sum_exp(), c.thread_count(), c.active_isa()})
      EXPECT_EQ(status, ATTNPOOL_OK) << attnpool_last_error();
  });
}

TEST(CApiMistakes, AFailedCallSetsItsHandleToNull) {
  Call<double> c;
  attnpool_pool_state_f64* state = c.state.get();
  EXPECT_EQ(attnpool_pool_state_create_f64(c.queries, 0, c.w, c.w_count, &state), ATTNPOOL_INVALID_ARGUMENT);
  EXPECT_EQ(state, nullptr);
  attnpool_fit_result* result = nullptr;
  expect_ok(attnpool_fit_f64(c.keys, c.values, nullptr, &result), "fit");
  const FitHandle handle(result, attnpool_fit_result_destroy);
  c.fit_options.epochs = -1;
  EXPECT_EQ(attnpool_fit_f64(c.keys, c.values, &c.fit_options, &result), ATTNPOOL_INVALID_ARGUMENT);
  EXPECT_EQ(result, nullptr);
}

}  // namespace
}  // namespace attnpool::test
