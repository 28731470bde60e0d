// The C interface: the bits of the C++ one on real data, every mistake answered by its status and message, options that
// grow, callbacks, messages of threads, and no exception that gets out.
#include <attnpool/attnpool.h>

#include <attnpool/attnpool.hpp>
#include <cstring>
#include <fstream>
#include <functional>
#include <limits>
#include <memory>
#include <thread>

#include "allocations.hpp"
#include "isa_param.hpp"
#include "problem.hpp"

namespace attnpool::test {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// The C names of one element type.
template <class T>
struct C;
template <>
struct C<float> {
  using In = attnpool_in_f32;
  using Out = attnpool_out_f32;
  using State = attnpool_pool_state_f32;
  static constexpr auto exp = attnpool_exp_f32;
  static constexpr auto softmax = attnpool_softmax_f32;
  static constexpr auto log_sum_exp = attnpool_log_sum_exp_f32;
  static constexpr auto pool = attnpool_pool_f32;
  static constexpr auto pool_batch = attnpool_pool_batch_f32;
  static constexpr auto attention_weights = attnpool_attention_weights_f32;
  static constexpr auto average_pool = attnpool_average_pool_f32;
  static constexpr auto pool_gradient = attnpool_pool_gradient_f32;
  static constexpr auto loss_gradient = attnpool_loss_gradient_f32;
  static constexpr auto fit = attnpool_fit_f32;
  static constexpr auto create = attnpool_pool_state_create_f32;
  static constexpr auto update = attnpool_pool_state_update_f32;
  static constexpr auto merge = attnpool_pool_state_merge_f32;
  static constexpr auto finish = attnpool_pool_state_finish_f32;
  static constexpr auto state_log_sum_exp = attnpool_pool_state_log_sum_exp_f32;
  static constexpr auto destroy = attnpool_pool_state_destroy_f32;
};
template <>
struct C<double> {
  using In = attnpool_in_f64;
  using Out = attnpool_out_f64;
  using State = attnpool_pool_state_f64;
  static constexpr auto exp = attnpool_exp_f64;
  static constexpr auto softmax = attnpool_softmax_f64;
  static constexpr auto log_sum_exp = attnpool_log_sum_exp_f64;
  static constexpr auto pool = attnpool_pool_f64;
  static constexpr auto pool_batch = attnpool_pool_batch_f64;
  static constexpr auto attention_weights = attnpool_attention_weights_f64;
  static constexpr auto average_pool = attnpool_average_pool_f64;
  static constexpr auto pool_gradient = attnpool_pool_gradient_f64;
  static constexpr auto loss_gradient = attnpool_loss_gradient_f64;
  static constexpr auto fit = attnpool_fit_f64;
  static constexpr auto create = attnpool_pool_state_create_f64;
  static constexpr auto update = attnpool_pool_state_update_f64;
  static constexpr auto merge = attnpool_pool_state_merge_f64;
  static constexpr auto finish = attnpool_pool_state_finish_f64;
  static constexpr auto state_log_sum_exp = attnpool_pool_state_log_sum_exp_f64;
  static constexpr auto destroy = attnpool_pool_state_destroy_f64;
};

template <class T>
typename C<T>::In in(MatrixView<const T> m) {
  return {m.data, m.rows, m.cols, m.row_stride};
}
template <class T>
typename C<T>::In in(const Matrix<T>& m) {
  return in<T>(m.in());
}
template <class T>
typename C<T>::Out out(const Matrix<T>& m) {
  return {m.data(), m.rows(), m.cols(), m.view().row_stride};
}

template <class T>
using StateHandle = std::unique_ptr<typename C<T>::State, decltype(C<T>::destroy)>;
using FitHandle = std::unique_ptr<attnpool_fit_result, decltype(&attnpool_fit_result_destroy)>;

void expect_ok(attnpool_status status, const std::string& what) {
  EXPECT_EQ(status, ATTNPOOL_OK) << what << ": " << attnpool_last_error();
}

// ---- the bits of C++ ---------------------------------------------------------------------------

/// The motorcycle data: acceleration of the head [133, 1] against the time after the impact [133, 1]. Queries are the
/// times moved by half a millisecond.
template <class T>
Problem<T> motorcycle() {
  std::ifstream file(ATTNPOOL_MCYCLE);
  std::string line;
  std::getline(file, line);
  std::vector<double> times, accelerations;
  double time = 0, acceleration = 0;
  for (char comma = 0; file >> time >> comma >> acceleration;)
    times.push_back(time), accelerations.push_back(acceleration);
  EXPECT_EQ(times.size(), 133u) << ATTNPOOL_MCYCLE;
  Problem<T> problem{Matrix<T>::column(times), Matrix<T>::column(times), Matrix<T>::column(accelerations),
                     Gaussian::from_bandwidth(1.5)};
  for (std::size_t q = 0; q < problem.queries.rows(); ++q) problem.queries(q, 0) += T(0.5);
  return problem;
}

/// The same in three dimensions (time and its square and cube, scaled) with two value columns, one w per dimension, all
/// rows strided.
template <class T>
Problem<T> strided_motorcycle() {
  const Problem<T> flat = motorcycle<T>();
  const std::size_t n = flat.keys.rows();
  Problem<T> problem{Matrix<T>(n, 3, 5), Matrix<T>(n, 3, 4), Matrix<T>(n, 2, 7), Gaussian({0.5, 0.25, -0.75})};
  for (std::size_t i = 0; i < n; ++i) {
    for (auto [to, from] : {std::pair{&problem.queries, &flat.queries}, {&problem.keys, &flat.keys}})
      for (std::size_t d = 0; d < 3; ++d)
        (*to)(i, d) = static_cast<T>(10 * std::pow((*from)(i, 0) / 57.6, static_cast<double>(d + 1)));
    problem.values(i, 0) = flat.values(i, 0);
    problem.values(i, 1) = static_cast<T>(i);
  }
  return problem;
}

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

class CApiBits : public IsaTest {};
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
          expect_rows_of_cpp(problem, &options);
        }
    }
  });
}

int go_on_fitting(void* user, const attnpool_fit_report* report) {
  auto& seen = *static_cast<std::vector<attnpool_fit_report>*>(user);
  seen.push_back(*report);
  return 0;
}

template <class T>
void expect_fit_of_cpp(const Problem<T>& problem, const attnpool_fit_options* options, const FitOptions& cpp_options) {
  const FitResult want = fit<T>(problem.keys, problem.values, cpp_options);
  attnpool_fit_result* got = nullptr;
  expect_ok(C<T>::fit(in(problem.keys), in(problem.values), options, &got), "fit");
  const FitHandle handle(got, attnpool_fit_result_destroy);
  ASSERT_NE(got, nullptr);
  EXPECT_EQ(got->stop, static_cast<int>(want.stop));
  EXPECT_TRUE(same_bits(got->loss, want.loss) && same_bits(got->best_loss, want.best_loss));
  EXPECT_EQ(std::vector<double>(got->w, got->w + got->w_count), want.w);
  EXPECT_EQ(std::vector<double>(got->best_w, got->best_w + got->w_count), want.best_w);
  ASSERT_EQ(got->loss_count, want.losses.size());
  EXPECT_EQ(std::memcmp(got->losses, want.losses.data(), want.losses.size() * sizeof(double)), 0);
  for (std::size_t i = 0; i < want.ws.size(); ++i)
    EXPECT_EQ(std::vector<double>(got->ws + i * got->w_count, got->ws + (i + 1) * got->w_count), want.ws[i]) << i;
}

TEST_P(CApiBits, FitIsItsNamesake) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const Problem<T> problem = motorcycle<T>(), strided = strided_motorcycle<T>();
    expect_fit_of_cpp(problem, nullptr, FitOptions{});
    attnpool_fit_options options = attnpool_fit_options_default();
    expect_fit_of_cpp(problem, &options, FitOptions{});

    const double w0[] = {0.3, 0.2, 0.1};
    std::vector<attnpool_fit_report> reports;
    options.w0 = w0;
    options.w0_count = 3;
    options.learning_rate = 1e-7;
    options.epochs = 12;
    options.loss = ATTNPOOL_LOSS_HALF_SUM;
    options.threads = 2;
    options.progress = go_on_fitting;
    options.user = &reports;
    FitOptions cpp_options;
    cpp_options.w0 = {0.3, 0.2, 0.1};
    cpp_options.learning_rate = 1e-7;
    cpp_options.epochs = 12;
    cpp_options.loss = Loss::half_sum;
    expect_fit_of_cpp(strided, &options, cpp_options);
    ASSERT_GE(reports.size(), 12u);
    EXPECT_EQ(reports.back().epoch, 12);
    EXPECT_EQ(reports.back().epochs, 12);
    EXPECT_EQ(reports.back().fraction, 1);
    EXPECT_EQ(reports.back().w_count, 3u);

    options = attnpool_fit_options_default();
    options.seed = 42, cpp_options = {}, cpp_options.seed = 42;
    options.leave_one_out = 0, cpp_options.leave_one_out = false;
    options.tolerance = 0.5, cpp_options.tolerance = 0.5;
    options.learning_rate = 1e-4, cpp_options.learning_rate = 1e-4;
    expect_fit_of_cpp(problem, &options, cpp_options);

    options = attnpool_fit_options_default(), cpp_options = {};
    options.learning_rate = 1e30, cpp_options.learning_rate = 1e30;  // diverges
    expect_fit_of_cpp(problem, &options, cpp_options);
  });
}

// ---- mistakes ----------------------------------------------------------------------------------

/// The arguments of one call, good as they are: Q = 4, K = 6, D = 2, V = 3. Its functions call their namesakes with
/// them.
template <class T>
struct Call {
  Problem<T> problem = Problem<T>::random(4, 6, 2, 3);
  Matrix<T> out_data{4, 3}, gradient_data{4, 6}, weights_data{4, 6}, targets_data = random_matrix<T>(4, 3, -1, 1, 7);
  typename C<T>::In queries = in(problem.queries), keys = in(problem.keys), values = in(problem.values),
                    targets = in(targets_data);
  typename C<T>::Out out = test::out(out_data), gradient = test::out(gradient_data), weights = test::out(weights_data);
  std::vector<double> w_data = {1, 2, 3};
  const double* w = w_data.data();
  std::size_t w_count = 2, count = 2, value_cols = 3, length = 8;
  int loss = ATTNPOOL_LOSS_MEAN, requested = 1;
  attnpool_options options = attnpool_options_default();
  attnpool_fit_options fit_options = attnpool_fit_options_default();

  double loss_value = nan, derivative[2] = {nan, nan};
  double *loss_value_out = &loss_value, *derivative_out = derivative;
  attnpool_fit_result *result = nullptr, **result_out = &result;
  typename C<T>::State *made = nullptr, **state_out = &made;
  int threads = 0, *threads_out = &threads;
  const char *name = nullptr, **name_out = &name;
  StateHandle<T> state{nullptr, C<T>::destroy}, other{nullptr, C<T>::destroy};

  Call() { make(state), make(other); }
  Call(const Call&) = delete;
  ~Call() {
    attnpool_fit_result_destroy(result);
    C<T>::destroy(made);
  }
  void make(StateHandle<T>& handle) const {
    typename C<T>::State* created = nullptr;
    expect_ok(C<T>::create(queries, value_cols, w, w_count, &created), "create");
    handle.reset(created);
  }

  attnpool_status exp() { return C<T>::exp(queries.data, out.data, length); }
  attnpool_status softmax() { return C<T>::softmax(targets, out, &options); }
  attnpool_status log_sum_exp() { return C<T>::log_sum_exp(targets, out.data, &options); }
  attnpool_status pool() { return C<T>::pool(queries, keys, values, w, w_count, out, &options); }
  attnpool_status pool_batch() { return C<T>::pool_batch(count, queries, keys, values, w, w_count, out, &options); }
  attnpool_status attention_weights() { return C<T>::attention_weights(queries, keys, w, w_count, weights, &options); }
  attnpool_status average_pool() { return C<T>::average_pool(values, out); }
  attnpool_status pool_gradient() {
    return C<T>::pool_gradient(queries, keys, values, w, w_count, out, gradient, &options);
  }
  attnpool_status loss_gradient() {
    return C<T>::loss_gradient(queries, keys, values, targets, w, w_count, loss, loss_value_out, derivative_out,
                               &options);
  }
  attnpool_status fit() {
    attnpool_fit_result_destroy(result);
    return C<T>::fit(keys, values, &fit_options, result_out);
  }
  attnpool_status create() {
    C<T>::destroy(made);
    return C<T>::create(queries, value_cols, w, w_count, state_out);
  }
  attnpool_status update() { return C<T>::update(state.get(), keys, values, &options); }
  attnpool_status merge() { return C<T>::merge(state.get(), other.get()); }
  attnpool_status finish() { return C<T>::finish(state.get(), out); }
  attnpool_status state_log_sum_exp() { return C<T>::state_log_sum_exp(state.get(), out.data); }
  attnpool_status thread_count() { return attnpool_thread_count(requested, threads_out); }
  attnpool_status active_isa() { return attnpool_active_isa(name_out); }
};

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
      {&F::fit, [](F& c) { c.result_out = nullptr; }, "result: is null"},
      {&F::fit, [](F& c) { c.keys.data = nullptr; }, "keys: data is null for shape 6 x 2"},
      {&F::fit, [](F& c) { c.values.rows = 4; }, "values: must have 6 rows to match keys, got 4"},
      {&F::fit, [](F& c) { c.keys.rows = c.values.rows = 1; }, "keys: leave-one-out needs at least two rows, got 1"},
      {&F::fit, [](F& c) { c.fit_options.learning_rate = 0; }, "learning_rate: must be positive and finite, got 0"},
      {&F::fit, [](F& c) { c.fit_options.learning_rate = nan; }, "learning_rate: must be positive and finite, got nan"},
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

TEST(CApi, EveryMistakeHasItsStatusAndMessage) {
  for_float_and_double([](auto zero) { expect_every_mistake_refused<decltype(zero)>(); });
}

TEST(CApi, TheCallThatTheMistakesSpoilIsGood) {
  for_float_and_double([](auto zero) {
    Call<decltype(zero)> c;
    for (const attnpool_status status :
         {c.exp(), c.softmax(), c.log_sum_exp(), c.pool(), c.pool_batch(), c.attention_weights(), c.average_pool(),
          c.pool_gradient(), c.loss_gradient(), c.fit(), c.create(), c.update(), c.merge(), c.finish(),
          c.state_log_sum_exp(), c.thread_count(), c.active_isa()})
      EXPECT_EQ(status, ATTNPOOL_OK) << attnpool_last_error();
  });
}

TEST(CApi, AFailedCallSetsItsHandleToNull) {
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

// ---- options that grow -------------------------------------------------------------------------

/// Options of a version that knows two more fields.
template <class Options>
struct Newer {
  Options known;
  std::size_t new_field = 0;
  double another = 0;
};

TEST(CApi, OptionsOfANewerVersion) {
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
TEST(CApi, OptionsOfAnOlderVersion) {
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

  // Fields whose default is not zero: learning rate 0.5 and five epochs beside a w0 that is known.
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
  ASSERT_EQ(old_result->loss_count, 6u);
  EXPECT_EQ(std::memcmp(old_result->losses, result->losses, 6 * sizeof(double)), 0);
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
  options.plan = ATTNPOOL_PLAN_DENSE;
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
  options.plan = ATTNPOOL_PLAN_DENSE;
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
  EXPECT_EQ(result->loss, result->best_loss);
}

// ---- the rest ----------------------------------------------------------------------------------

TEST(CApi, EveryThreadHasItsOwnMessage) {
  std::vector<std::thread> threads;
  std::vector<std::string> first(4), messages(4);
  EXPECT_EQ(attnpool_thread_count(-99, nullptr), ATTNPOOL_INVALID_ARGUMENT);
  const std::string mine = attnpool_last_error();
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      first[static_cast<std::size_t>(i)] = attnpool_last_error();
      for (int repeat = 0; repeat < 1000; ++repeat) {
        int count = 0;
        attnpool_thread_count(-1 - i, &count);
        attnpool_thread_count(1, &count);  // success leaves the message
      }
      messages[static_cast<std::size_t>(i)] = attnpool_last_error();
    });
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(first[static_cast<std::size_t>(i)], "");
    EXPECT_EQ(messages[static_cast<std::size_t>(i)],
              "threads: must be 0 (automatic) or more, got " + std::to_string(-1 - i));
  }
  EXPECT_EQ(attnpool_last_error(), mine);
}

TEST(CApi, LongMessagesAreCut) {
  const std::string name(1000, 'x');
  EXPECT_EQ(attnpool_force_isa(name.c_str()), ATTNPOOL_INVALID_ARGUMENT);
  EXPECT_EQ(std::string(attnpool_last_error()), ("ISA '" + name).substr(0, 511));
}

TEST(CApi, ForcesAnIsa) {
  const Isa before = active_isa();
  const char* active = nullptr;
  std::vector<std::string> names;
  for (std::size_t i = 0; const char* name = attnpool_supported_isa(i); ++i) names.emplace_back(name);
  ASSERT_EQ(names.size(), supported_isas().size());
  EXPECT_EQ(attnpool_supported_isa(SIZE_MAX), nullptr);
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(names[i], name(supported_isas()[i]));
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

/// Every allocation of every function fails in turn: never an exception, never half a handle.
TEST(CApi, OutOfMemoryAtAnyAllocation) {
  int refused = 0;
  for_float_and_double([&](auto zero) {
    Call<decltype(zero)> c;
    c.fit_options.epochs = 2;
    const std::pair<const char*, std::function<attnpool_status()>> functions[] = {
        {"pool", [&] { return c.pool(); }},
        {"pool_batch", [&] { return c.pool_batch(); }},
        {"attention_weights", [&] { return c.attention_weights(); }},
        {"average_pool", [&] { return c.average_pool(); }},
        {"pool_gradient", [&] { return c.pool_gradient(); }},
        {"loss_gradient", [&] { return c.loss_gradient(); }},
        {"fit", [&] { return c.fit(); }},
        {"log_sum_exp", [&] { return c.log_sum_exp(); }},
        {"create", [&] { return c.create(); }},
        {"update", [&] { return c.update(); }},
        {"force_isa", [&] { return attnpool_force_isa("scalar"); }}};
    for (const auto& [name, run] : functions) {
      int allocations = 0;
      attnpool_status status = ATTNPOOL_OUT_OF_MEMORY;
      while (status != ATTNPOOL_OK && allocations < 10'000) {
        {
          const FailingAllocation failing(allocations++);
          status = run();
        }
        if (status == ATTNPOOL_OK) break;
        ++refused;
        ASSERT_EQ(status, ATTNPOOL_OUT_OF_MEMORY) << name << ", allocation " << allocations;
        ASSERT_STREQ(attnpool_last_error(), "out of memory") << name;
      }
      EXPECT_EQ(status, ATTNPOOL_OK) << name;
      EXPECT_GT(allocations, 1) << name << " allocates nothing";
    }
    expect_ok(attnpool_force_isa(nullptr), "automatic");
  });
  EXPECT_GT(refused, 100);
}

// C++ sees that nothing throws.
static_assert(noexcept(attnpool_pool_f32({}, {}, {}, nullptr, 0, {}, nullptr)));
static_assert(noexcept(attnpool_fit_f64({}, {}, nullptr, nullptr)));

TEST(CApi, PlansWeightsBoundsAndReport) {
  auto problem = Problem<double>::random(200, 500);
  const std::vector<double> weights = [] {
    std::vector<double> w(500, 0.5);
    w[3] = 0;
    return w;
  }();
  for (const int plan : {ATTNPOOL_PLAN_DENSE, ATTNPOOL_PLAN_PRUNED, ATTNPOOL_PLAN_GRID}) {
    std::vector<double> want_bounds(200), bounds(200);
    Report want_report;
    problem.options.plan = static_cast<Plan>(plan);
    problem.options.tolerance = 1e-7;
    problem.options.key_weights = weights;
    problem.options.bounds = want_bounds;
    problem.options.report = &want_report;
    const auto want = problem.pool();

    attnpool_report report = {-1, 0, 0};
    attnpool_options options = attnpool_options_default();
    options.plan = plan;
    options.tolerance = 1e-7;
    options.key_weights = weights.data();
    options.key_weights_count = weights.size();
    options.bounds = bounds.data();
    options.bounds_count = bounds.size();
    options.report = &report;
    Matrix<double> out(200, 1);
    expect_ok(attnpool_pool_f64(in(problem.queries), in(problem.keys), in(problem.values), problem.score.w().data(), 1,
                                test::out(out), &options),
              "pool");
    EXPECT_TRUE(same_bits(out, want)) << plan;
    EXPECT_EQ(bounds, want_bounds) << plan;
    EXPECT_EQ(report.plan, plan);
    EXPECT_EQ(report.handed_over, want_report.handed_over);
    EXPECT_EQ(report.bound, want_report.bound);

    FitOptions fit_options;
    fit_options.plan = static_cast<Plan>(plan);
    fit_options.key_weights = weights;
    fit_options.w0 = {1.0};
    const FitResult fitted = fit<double>(problem.keys.in(), problem.values.in(), fit_options);
    attnpool_fit_options c_options = attnpool_fit_options_default();
    c_options.plan = plan;
    c_options.key_weights = weights.data();
    c_options.key_weights_count = weights.size();
    const double w0 = 1;
    c_options.w0 = &w0;
    c_options.w0_count = 1;
    attnpool_fit_result* result = nullptr;
    expect_ok(attnpool_fit_f64(in(problem.keys), in(problem.values), &c_options, &result), "fit");
    EXPECT_EQ(result->w[0], fitted.w[0]) << plan;
    attnpool_fit_result_destroy(result);
  }
}

TEST(CApi, BadPlansWeightsAndBounds) {
  Call<double> c;
  const auto refused = [&](const std::function<void(attnpool_options&)>& change, const std::string& want) {
    c.options = attnpool_options_default();
    change(c.options);
    EXPECT_EQ(c.pool(), ATTNPOOL_INVALID_ARGUMENT) << want;
    EXPECT_EQ(attnpool_last_error(), want);
  };
  double some[7] = {1, 1, -1, 1, 1, 1, 1};
  refused([](auto& o) { o.plan = 4; }, "plan: is not one of Plan's values, got 4");
  refused([](auto& o) { o.plan = -1; }, "plan: is not one of Plan's values, got -1");
  refused([](auto& o) { o.tolerance = 0.5; }, "tolerance: must be 0 (automatic) or in [1e-12, 0.1], got 0.5");
  refused([](auto& o) { o.key_weights_count = 6; }, "key_weights: is null, of 6 entries");
  refused([](auto& o) { o.bounds_count = 4; }, "bounds: is null, of 4 entries");
  refused([&](auto& o) { o.key_weights = some, o.key_weights_count = 7; },
          "key_weights: must have one entry per key = 6, got 7");
  refused([&](auto& o) { o.key_weights = some, o.key_weights_count = 6; },
          "key_weights[2]: must be finite and not negative, got -1");
  refused([&](auto& o) { o.bounds = some, o.bounds_count = 7; }, "bounds: must have one entry per query = 4, got 7");
  refused([](auto& o) { o.plan = ATTNPOOL_PLAN_GRID, o.range = ATTNPOOL_RANGE_CAUSAL; },
          "plan: grid cannot serve a range of keys that follows the query");
}

}  // namespace
}  // namespace attnpool::test
