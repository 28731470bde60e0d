// The C interface: the bits of the C++ one on real data, callbacks, ISAs and threads. What chooses w:
// test_c_api_fit.cpp and test_c_api_selection.cpp; inference: test_c_api_inference.cpp. Its mistakes:
// test_c_api_mistakes.cpp.
#include <attnpool/attnpool.hpp>
#include <cstring>
#include <functional>

#include "c_api_bits.hpp"

namespace attnpool::test {
namespace {

// ---- the bits of C++ ---------------------------------------------------------------------------

struct Range {
  KeyRange cpp;
  std::function<void(attnpool_options&)> c;
};
std::vector<Range> ranges() {
  return {
      {KeyRange::all(), [](attnpool_options&) {}},
      {KeyRange::first(100), [](attnpool_options& o) { o.range = ATTNPOOL_RANGE_FIRST, o.range_count = 100; }},
      {KeyRange::all(), [](attnpool_options& o) { o.range = ATTNPOOL_RANGE_FIRST, o.range_count = SIZE_MAX; }},
      {KeyRange::causal(-2), [](attnpool_options& o) { o.range = ATTNPOOL_RANGE_CAUSAL, o.range_offset = -2; }},
      {KeyRange::all(), [](attnpool_options& o) { o.range = ATTNPOOL_RANGE_CAUSAL, o.range_offset = PTRDIFF_MAX; }},
      {KeyRange::first(0), [](attnpool_options& o) { o.range = ATTNPOOL_RANGE_CAUSAL, o.range_offset = PTRDIFF_MIN; }},
      {KeyRange::window(20, 5),
       [](attnpool_options& o) { o.range = ATTNPOOL_RANGE_WINDOW, o.range_before = 20, o.range_after = 5; }},
      {KeyRange::all(),
       [](attnpool_options& o) {
         o.range = ATTNPOOL_RANGE_WINDOW, o.range_before = SIZE_MAX, o.range_after = SIZE_MAX;
       }},
      {KeyRange::all_but_self(), [](attnpool_options& o) { o.range = ATTNPOOL_RANGE_ALL_BUT_SELF; }},
      {KeyRange::all_but_self(3),
       [](attnpool_options& o) { o.range = ATTNPOOL_RANGE_ALL_BUT_SELF, o.range_offset = 3; }}};
}

template <class T>
void expect_bits_of_cpp(Problem<T> problem, const attnpool_options* options) {
  const auto& [queries, keys, values, score, cpp_options] = problem;
  const double* w = score.w().data();
  const std::size_t w_count = score.w().size(), n = queries.rows(), cols = values.cols();
  const std::size_t stride = keys.view().row_stride + 2;  // strided outputs for strided inputs
  const auto same = [&](const char* what, const Matrix<T>& got, const Matrix<T>& want) {
    EXPECT_TRUE(same_bits(got, want) && got.gaps_untouched()) << what << ' ' << problem.shape();
  };
  const auto same_doubles = [&](const char* what, const double* got, const std::vector<double>& want) {
    EXPECT_EQ(std::memcmp(got, want.data(), want.size() * sizeof(double)), 0) << what << ' ' << problem.shape();
  };

  Matrix<T> got(n, cols, stride), want(n, cols);
  expect_ok(C<T>::pool(in(queries), in(keys), in(values), w, w_count, out(got), options), "pool");
  pool<T>(queries, keys, values, score, want.view(), cpp_options);
  same("pool", got, want);

  // The first 132 points as 11 problems of 12.
  Matrix<T> batch(132, cols, stride), batch_want(132, cols);
  expect_ok(C<T>::pool_batch(11, in<T>(queries.rows(0, 132)), in<T>(keys.rows(0, 132)), in<T>(values.rows(0, 132)), w,
                             w_count, out(batch), options),
            "pool_batch");
  pool_batch<T>(11, queries.rows(0, 132), keys.rows(0, 132), values.rows(0, 132), score, batch_want.view(),
                cpp_options);
  same("pool_batch", batch, batch_want);

  Matrix<T> weights(n, n, n + 3), weights_want(n, n);
  expect_ok(C<T>::attention_weights(in(queries), in(keys), w, w_count, out(weights), options), "attention_weights");
  attention_weights<T>(queries, keys, score, weights_want.view(), cpp_options);
  same("attention_weights", weights, weights_want);

  Matrix<T> gradient(n, w_count * cols, w_count * cols + 1), gradient_want(n, w_count * cols);
  got.fill(0), want.fill(0);
  expect_ok(C<T>::pool_gradient(in(queries), in(keys), in(values), w, w_count, out(got), out(gradient), options),
            "pool_gradient");
  pool_gradient<T>(queries, keys, values, score, want.view(), gradient_want.view(), cpp_options);
  same("pool_gradient, out", got, want);
  same("pool_gradient, gradient", gradient, gradient_want);

  for (const auto& [c_loss, loss] :
       {std::pair{ATTNPOOL_LOSS_HALF_SUM, Loss::half_sum}, {ATTNPOOL_LOSS_MEAN, Loss::mean}}) {
    double loss_value = 0;
    std::vector<double> derivative(w_count);
    expect_ok(C<T>::loss_gradient(in(queries), in(keys), in(values), in(values), w, w_count, c_loss, &loss_value,
                                  derivative.data(), options),
              "loss_gradient");
    const LossAndGradient expected = loss_gradient<T>(queries, keys, values, values, score, loss, cpp_options);
    same_doubles("loss", &loss_value, {expected.loss});
    same_doubles("gradient of the loss", derivative.data(), expected.gradient);
  }

  // Two pieces in two states, merged.
  PoolState<T> state(queries, cols, score), other(queries, cols, score);
  state.update(keys.rows(0, 50), values.rows(0, 50), cpp_options);
  other.update(keys.rows(50, n - 50), values.rows(50, n - 50), cpp_options);
  state.merge(other);
  typename C<T>::State *made = nullptr, *made_too = nullptr;
  expect_ok(C<T>::create(in(queries), cols, w, w_count, &made), "create");
  expect_ok(C<T>::create(in(queries), cols, w, w_count, &made_too), "create");
  const StateHandle<T> c_state(made, C<T>::destroy), c_other(made_too, C<T>::destroy);
  expect_ok(C<T>::update(made, in<T>(keys.rows(0, 50)), in<T>(values.rows(0, 50)), options), "update");
  expect_ok(C<T>::update(made_too, in<T>(keys.rows(50, n - 50)), in<T>(values.rows(50, n - 50)), options), "update");
  expect_ok(C<T>::merge(made, made_too), "merge");
  got.fill(0), want.fill(0);
  expect_ok(C<T>::finish(made, out(got)), "finish");
  state.finish(want.view());
  same("finish", got, want);
  Matrix<T> lse(1, n), lse_want(1, n);
  expect_ok(C<T>::state_log_sum_exp(made, lse.data()), "log_sum_exp of a state");
  state.log_sum_exp(lse_want.data());
  same("log_sum_exp of a state", lse, lse_want);
}

/// What knows no range: exp, softmax, log_sum_exp, average_pool.
template <class T>
void expect_rows_of_cpp(const Problem<T>& problem, const attnpool_options* options) {
  const Matrix<T>&x = problem.queries, &values = problem.values;
  const auto same = [&](const char* what, const Matrix<T>& got, const Matrix<T>& want) {
    EXPECT_TRUE(same_bits(got, want) && got.gaps_untouched()) << what << ' ' << problem.shape();
  };
  Matrix<T> e(1, x.rows()), e_want(1, x.rows());
  expect_ok(C<T>::exp(x.data(), e.data(), x.rows()), "exp");
  exp<T>(x.data(), e_want.data(), x.rows());
  same("exp", e, e_want);

  Matrix<T> soft(x.rows(), x.cols(), x.cols() + 2), soft_want(x.rows(), x.cols());
  expect_ok(C<T>::softmax(in(x), out(soft), options), "softmax");
  softmax<T>(x, soft_want.view());
  same("softmax", soft, soft_want);
  Matrix<T> in_place = x;
  expect_ok(C<T>::softmax(in(in_place), out(in_place), options), "softmax in place");
  EXPECT_TRUE(same_bits(in_place, soft_want)) << "softmax in place";

  Matrix<T> lse(1, x.rows()), lse_want(1, x.rows());
  expect_ok(C<T>::log_sum_exp(in(x), lse.data(), options), "log_sum_exp");
  log_sum_exp<T>(x, lse_want.data());
  same("log_sum_exp", lse, lse_want);

  Matrix<T> mean(2, values.cols(), values.cols() + 1), mean_want(2, values.cols());
  expect_ok(C<T>::average_pool(in(values), out(mean)), "average_pool");
  average_pool<T>(values, mean_want.view());
  same("average_pool", mean, mean_want);
}

ATTNPOOL_ON_EVERY_ISA(CApiBits);

TEST_P(CApiBits, EveryFunctionIsItsNamesake) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (Problem<T> problem : {motorcycle<T>(), strided_motorcycle<T>()}) {
      expect_rows_of_cpp(problem, nullptr);
      expect_bits_of_cpp(problem, nullptr);
      for (const Range& range : ranges())
        for (const int threads : {1, 2}) {
          attnpool_options options = attnpool_options_default();
          options.threads = threads;
          range.c(options);
          problem.options.range = range.cpp;
          expect_bits_of_cpp(problem, &options);
          attnpool_options no_range = attnpool_options_default();
          no_range.threads = threads;
          expect_rows_of_cpp(problem, &no_range);
        }
    }
  });
}

TEST(CApi, PlansWeightsBoundsAndReport) {
  auto problem = Problem<double>::random(200, 500);
  const std::vector<double> weights = [] {
    std::vector<double> w(500, 0.5);
    w[3] = 0;
    return w;
  }();
  for (const int algorithm : {ATTNPOOL_ALGORITHM_DENSE, ATTNPOOL_ALGORITHM_PRUNED, ATTNPOOL_ALGORITHM_GRID}) {
    std::vector<double> want_bounds(200), bounds(200);
    Report want_report;
    problem.options.algorithm = static_cast<Algorithm>(algorithm);
    problem.options.tolerance = 1e-7;
    problem.options.key_weights = weights;
    problem.options.error_bounds = want_bounds;
    problem.options.report = &want_report;
    const auto want = problem.pool();

    attnpool_report report = {-1, 0, 0};
    attnpool_options options = attnpool_options_default();
    options.algorithm = algorithm;
    options.tolerance = 1e-7;
    options.key_weights = weights.data();
    options.key_weights_count = weights.size();
    options.error_bounds = bounds.data();
    options.error_bounds_count = bounds.size();
    options.report = &report;
    Matrix<double> out(200, 1);
    expect_ok(attnpool_pool_f64(in(problem.queries), in(problem.keys), in(problem.values), problem.score.w().data(), 1,
                                test::out(out), &options),
              "pool");
    EXPECT_TRUE(same_bits(out, want)) << algorithm;
    EXPECT_EQ(bounds, want_bounds) << algorithm;
    EXPECT_EQ(report.algorithm, algorithm);
    EXPECT_EQ(report.fallback_queries, want_report.fallback_queries);
    EXPECT_EQ(report.error_bound, want_report.error_bound);

    FitOptions fit_options;
    fit_options.algorithm = static_cast<Algorithm>(algorithm);
    fit_options.key_weights = weights;
    fit_options.w0 = {1.0};
    const FitResult fitted = fit<double>(problem.keys.in(), problem.values.in(), fit_options);
    attnpool_fit_options c_options = attnpool_fit_options_default();
    c_options.algorithm = algorithm;
    c_options.key_weights = weights.data();
    c_options.key_weights_count = weights.size();
    const double w0 = 1;
    c_options.w0 = &w0;
    c_options.w0_count = 1;
    attnpool_fit_result* result = nullptr;
    expect_ok(attnpool_fit_f64(in(problem.keys), in(problem.values), &c_options, &result), "fit");
    EXPECT_EQ(result->w[0], fitted.w[0]) << algorithm;
    attnpool_fit_result_destroy(result);
  }
}

// ---- callbacks ---------------------------------------------------------------------------------

struct Told {
  int calls = 0;
  int stop_at = 0;
  double last = 0;
};
int stop_later(void* user, double fraction) {
  Told& told = *static_cast<Told*>(user);
  told.last = fraction;
  return ++told.calls == told.stop_at;
}
int stop_fit_later(void* user, const attnpool_fit_report* report) { return stop_later(user, report->fraction); }
int throw_up(void*, double) { throw std::runtime_error("from the callback"); }
int throw_a_number(void*, double) { throw 1; }

/// A call of some seconds on the slowest ISA.
attnpool_status long_pool(attnpool_progress progress, void* user) {
  static const Problem<double> problem = Problem<double>::random(30'000, 11'000, 8, 1);
  static const Matrix<double> result(30'000, 1);
  const double w = 0.05;  // wide, in many dimensions: nothing but the dense plan
  attnpool_options options = attnpool_options_default();
  options.algorithm = ATTNPOOL_ALGORITHM_DENSE;
  options.progress = progress;
  options.user = user;
  return attnpool_pool_f64(in(problem.queries), in(problem.keys), in(problem.values), &w, 1, out(result), &options);
}

TEST(CApi, CallbacksStopACall) {
  const ScopedIsa slow(Isa::scalar);
  Told told{0, 2};
  EXPECT_EQ(long_pool(stop_later, &told), ATTNPOOL_CANCELLED);
  EXPECT_STREQ(attnpool_last_error(), "cancelled by the progress callback");
  EXPECT_EQ(told.calls, 2);
  EXPECT_TRUE(told.last > 0 && told.last < 1) << told.last;
}

TEST(CApi, NoExceptionOfACallbackGetsOut) {
  const ScopedIsa slow(Isa::scalar);
  EXPECT_EQ(long_pool(throw_up, nullptr), ATTNPOOL_INTERNAL_ERROR);
  EXPECT_STREQ(attnpool_last_error(), "from the callback");
  EXPECT_EQ(long_pool(throw_a_number, nullptr), ATTNPOOL_INTERNAL_ERROR);
  EXPECT_STREQ(attnpool_last_error(), "an exception of unknown type");
}

TEST(CApi, ACancelledFitIsAResult) {
  const auto problem = motorcycle<double>();
  attnpool_fit_options options = attnpool_fit_options_default();
  options.algorithm = ATTNPOOL_ALGORITHM_DENSE;
  Told told{0, 3};
  options.learning_rate = 1e-6;
  options.epochs = 1000;
  options.progress = stop_fit_later;
  options.user = &told;
  attnpool_fit_result* result = nullptr;
  expect_ok(attnpool_fit_f64(in(problem.keys), in(problem.values), &options, &result), "fit");
  const FitHandle handle(result, attnpool_fit_result_destroy);
  EXPECT_EQ(result->stop, ATTNPOOL_STOP_CANCELLED);
  EXPECT_EQ(told.calls, 3);
  EXPECT_LT(result->loss_count, 1000u);
  EXPECT_EQ(result->loss, *std::min_element(result->losses, result->losses + result->loss_count));
}

// ---- the rest ----------------------------------------------------------------------------------

TEST(CApi, ForcesAnIsa) {
  const Isa before = active_isa();
  const char* active = nullptr;
  std::vector<std::string> names;
  for (std::size_t i = 0; const char* name = attnpool_supported_isa(i); ++i) names.emplace_back(name);
  ASSERT_EQ(names.size(), supported_isas().size());
  EXPECT_EQ(attnpool_supported_isa(SIZE_MAX), nullptr);
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(names[i], to_string(supported_isas()[i]));
    expect_ok(attnpool_force_isa(names[i].c_str()), names[i]);
    EXPECT_EQ(active_isa(), supported_isas()[i]);
    expect_ok(attnpool_active_isa(&active), "active_isa");
    EXPECT_EQ(active, names[i]);
  }
  expect_ok(attnpool_force_isa("scalar"), "scalar");
  EXPECT_EQ(attnpool_force_isa("avx1024"), ATTNPOOL_INVALID_ARGUMENT);
  EXPECT_EQ(
      std::string(attnpool_last_error()).find("ISA 'avx1024' is unknown or not supported here; supported: scalar"), 0u);
  EXPECT_EQ(active_isa(), Isa::scalar);
  expect_ok(attnpool_force_isa(nullptr), "automatic");
  expect_ok(attnpool_force_isa(nullptr), "automatic again");
  EXPECT_EQ(active_isa(), before);
}

TEST(CApi, ThreadsStatusesVersion) {
  int count = 0;
  expect_ok(attnpool_thread_count(3, &count), "thread_count");
  EXPECT_EQ(count, thread_count(3));
  const std::pair<int, const char*> statuses[] = {{ATTNPOOL_OK, "ok"},
                                                  {ATTNPOOL_INVALID_ARGUMENT, "invalid argument"},
                                                  {ATTNPOOL_CANCELLED, "cancelled"},
                                                  {ATTNPOOL_OUT_OF_MEMORY, "out of memory"},
                                                  {ATTNPOOL_INTERNAL_ERROR, "internal error"},
                                                  {-1, "unknown status"},
                                                  {5, "unknown status"}};
  for (const auto& [status, text] : statuses) EXPECT_STREQ(attnpool_status_string(status), text);
  EXPECT_STREQ(attnpool_version(), version());
  attnpool_fit_result_destroy(nullptr);
  attnpool_pool_state_destroy_f32(nullptr);
  attnpool_pool_state_destroy_f64(nullptr);
}

}  // namespace
}  // namespace attnpool::test
