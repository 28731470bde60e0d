// Every wrong argument is refused by std::invalid_argument that names it and the value, before anything is written. A
// table: one row per mistake; the functions that share a mistake share the row, so that none forgets a check.
#include <algorithm>
#include <attnpool/attnpool.hpp>
#include <cstdint>
#include <functional>
#include <limits>

#include "problem.hpp"

namespace attnpool::test {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// The views of one call, good as they are; a mistake spoils one of them. Q = 4, K = 6, D = 2, V = 3.
template <class T>
struct Call {
  Problem<T> problem = Problem<T>::random(4, 6, 2, 3);
  Matrix<T> out_data{4, 3}, gradient_data{4, 6}, weights_data{4, 6}, targets_data = random_matrix<T>(4, 3, -1, 1, 7);
  MatrixView<const T> queries = problem.queries, keys = problem.keys, values = problem.values, targets = targets_data;
  MatrixView<T> out = out_data, gradient = gradient_data, weights = weights_data;
  Gaussian score{{1.0, 2.0}};
  Options options;
  FitOptions fit_options;
  std::size_t value_cols = 3;
};

/// A function of the library, and the arguments that it takes.
template <class T>
struct Function {
  const char* name;
  std::vector<std::string> arguments;
  std::function<void(Call<T>&)> run;
  bool takes(const std::string& argument) const {
    return std::find(arguments.begin(), arguments.end(), argument) != arguments.end();
  }
};

template <class T>
std::vector<Function<T>> functions() {
  return {
      {"pool",
       {"queries", "keys", "values", "score", "out", "options"},
       [](Call<T>& c) { pool<T>(c.queries, c.keys, c.values, c.score, c.out, c.options); }},
      {"attention_weights",
       {"queries", "keys", "score", "weights", "options"},
       [](Call<T>& c) { attention_weights<T>(c.queries, c.keys, c.score, c.weights, c.options); }},
      {"pool_gradient",
       {"queries", "keys", "values", "score", "out", "gradient", "options"},
       [](Call<T>& c) { pool_gradient<T>(c.queries, c.keys, c.values, c.score, c.out, c.gradient, c.options); }},
      {"loss_gradient",
       {"queries", "keys", "values", "score", "targets", "options"},
       [](Call<T>& c) { loss_gradient<T>(c.queries, c.keys, c.values, c.targets, c.score, Loss::mean, c.options); }},
      {"fit", {"keys", "values", "fit_options"}, [](Call<T>& c) { fit<T>(c.keys, c.values, c.fit_options); }},
      {"PoolState::update",
       {"keys", "values", "options"},
       [](Call<T>& c) { PoolState<T>(c.problem.queries, 3, c.problem.score).update(c.keys, c.values, c.options); }},
      {"PoolState",
       {"queries", "score", "value_cols"},
       [](Call<T>& c) { PoolState<T>(c.queries, c.value_cols, c.score); }},
      {"PoolState::finish",
       {"out"},
       [](Call<T>& c) { PoolState<T>(c.problem.queries, 3, c.problem.score).finish(c.out); }},
      {"average_pool", {"values", "out"}, [](Call<T>& c) { average_pool<T>(c.values, c.out); }},
  };
}

template <class T>
struct Mistake {
  std::string what;
  std::vector<std::string> takes;  // arguments that a function must take to be able to make it
  std::function<void(Call<T>&)> make;
  std::vector<std::string> message;  // parts of the message: the argument, the value
  std::vector<std::string> except = {};
};

/// The member of a call by its name.
template <class T>
MatrixView<const T>& input(Call<T>& c, const std::string& name) {
  return name == "queries" ? c.queries : name == "keys" ? c.keys : name == "values" ? c.values : c.targets;
}
template <class T>
MatrixView<T>& output(Call<T>& c, const std::string& name) {
  return name == "out" ? c.out : name == "gradient" ? c.gradient : c.weights;
}

template <class T>
std::vector<Mistake<T>> mistakes() {
  std::vector<Mistake<T>> all;
  const std::size_t huge = SIZE_MAX / 2 + 3;
  const auto for_view = [&](const std::string& name, auto view) {
    const std::size_t rows = name == "keys" || name == "values" ? 6 : 4;
    all.push_back({name + " null", {name}, [=](Call<T>& c) { view(c).data = nullptr; }, {name, "null"}});
    all.push_back({name + " row stride below cols",
                   {name},
                   [=](Call<T>& c) { view(c).row_stride = 1; },
                   {name, "row_stride", "1"}});
    all.push_back(
        {name + " row stride 0", {name}, [=](Call<T>& c) { view(c).row_stride = 0; }, {name, "row_stride", "0"}});
    // A few functions have nothing that a count must agree with.
    all.push_back({name + " one column more",
                   {name},
                   [=](Call<T>& c) { ++view(c).cols, ++view(c).row_stride; },
                   {name},
                   {"fit", "PoolState"}});
    all.push_back(
        {name + " one row more",
         {name},
         [=](Call<T>& c) { ++view(c).rows; },
         {std::to_string(rows + 1)},
         name == "queries" ? std::vector<std::string>{"PoolState"} : std::vector<std::string>{"average_pool"}});
    all.push_back({name + " rows * row_stride overflows",
                   {name},
                   [=](Call<T>& c) { view(c).row_stride = huge; },
                   {name, std::to_string(huge)}});
    // The byte offset of the last row overflows although the element count does not.
    all.push_back(
        {name + " bytes overflow", {name}, [=](Call<T>& c) { view(c).row_stride = SIZE_MAX / 6 - 1; }, {name}});
    all.push_back({name + " huge rows", {name}, [=](Call<T>& c) { view(c).rows = huge; }, {std::to_string(huge)}});
    all.push_back({name + " huge cols",
                   {name},
                   [=](Call<T>& c) { view(c).cols = view(c).row_stride = huge; },
                   {std::to_string(huge)}});
  };
  for (const std::string name : {"queries", "keys", "values", "targets"})
    for_view(name, [name](Call<T>& c) -> MatrixView<const T>& { return input(c, name); });
  for (const std::string name : {"out", "gradient", "weights"})
    for_view(name, [name](Call<T>& c) -> MatrixView<T>& { return output(c, name); });

  for (const std::string name : {"out", "gradient", "weights"}) {
    for (const std::string source : {"queries", "keys", "values"}) {
      all.push_back({name + " is " + source,
                     {name, source},
                     [=](Call<T>& c) { output(c, name).data = const_cast<T*>(input(c, source).data); },
                     {name, source, "overlap"}});
      all.push_back({name + " begins at the last element of " + source,
                     {name, source},
                     [=](Call<T>& c) {
                       const MatrixView<const T> in = input(c, source);
                       output(c, name).data = const_cast<T*>(&in(in.rows - 1, in.cols - 1));
                     },
                     {name, source, "overlap"}});
      all.push_back({name + " ends at the first element of " + source,
                     {name, source},
                     [=](Call<T>& c) {
                       MatrixView<T>& view = output(c, name);
                       view.data =
                           const_cast<T*>(input(c, source).data) - ((view.rows - 1) * view.row_stride + view.cols - 1);
                     },
                     {name, source, "overlap"}});
    }
  }
  all.push_back({"gradient is out",
                 {"out", "gradient"},
                 [](Call<T>& c) { c.gradient.data = c.out.data; },
                 {"gradient", "out", "overlap"}});

  for (const std::string name : {"keys", "values"}) {
    all.push_back({name + " no columns", {name}, [=](Call<T>& c) { input(c, name).cols = 0; }, {"0"}});
    all.push_back(
        {name + " no rows", {name}, [=](Call<T>& c) { input(c, name).rows = 0; }, {"0"}, {"PoolState::update"}});
  }
  all.push_back({"no keys at all",
                 {"keys", "values"},
                 [](Call<T>& c) { c.keys.rows = c.values.rows = 0; },
                 {"keys", "0"},
                 {"PoolState::update"}});
  all.push_back({"no dimensions", {"queries"}, [](Call<T>& c) { c.queries.cols = c.keys.cols = 0; }, {"0"}});
  all.push_back(
      {"no value columns", {"values", "out"}, [](Call<T>& c) { c.values.cols = c.out.cols = 0; }, {"values", "0"}});
  all.push_back({"value_cols 0", {"value_cols"}, [](Call<T>& c) { c.value_cols = 0; }, {"value_cols", "0"}});

  for (const double bad : {nan, inf, -inf})
    for (const std::size_t k : {0, 5})
      for (const std::size_t d : {0, 1})
        all.push_back({"key " + std::to_string(bad) + " at " + at(k, d),
                       {"keys"},
                       [=](Call<T>& c) { c.problem.keys(k, d) = static_cast<T>(bad); },
                       {"keys" + at(k, d), bad > 0 ? "inf" : ""}});

  all.push_back({"three w for two dimensions",
                 {"score"},
                 [](Call<T>& c) {
                   c.score = Gaussian({1.0, 2.0, 3.0});
                 },
                 {"w", "3", "2"}});
  for (const int threads : {-1, std::numeric_limits<int>::min()}) {
    all.push_back({"threads " + std::to_string(threads),
                   {"options"},
                   [=](Call<T>& c) { c.options.threads = threads; },
                   {"threads", std::to_string(threads)}});
    all.push_back({"fit threads " + std::to_string(threads),
                   {"fit_options"},
                   [=](Call<T>& c) { c.fit_options.threads = threads; },
                   {"threads", std::to_string(threads)}});
  }

  const auto fit_mistake = [&](const std::string& what, std::function<void(FitOptions&)> make,
                               std::vector<std::string> message) {
    all.push_back({what, {"fit_options"}, [=](Call<T>& c) { make(c.fit_options); }, std::move(message)});
  };
  fit_mistake("learning rate -0.5", [](FitOptions& o) { o.learning_rate = -0.5; }, {"learning_rate", "-0.5"});
  fit_mistake("learning rate NaN", [](FitOptions& o) { o.learning_rate = nan; }, {"learning_rate", "nan"});
  fit_mistake("learning rate inf", [](FitOptions& o) { o.learning_rate = inf; }, {"learning_rate", "inf"});
  fit_mistake("epochs -1", [](FitOptions& o) { o.epochs = -1; }, {"epochs", "-1"});
  fit_mistake("tolerance -1", [](FitOptions& o) { o.tolerance = -1; }, {"tolerance", "-1"});
  fit_mistake("tolerance NaN", [](FitOptions& o) { o.tolerance = nan; }, {"tolerance", "nan"});
  fit_mistake("w0 of three entries", [](FitOptions& o) { o.w0 = {1, 2, 3}; }, {"w0", "3", "2"});
  fit_mistake("w0 NaN", [](FitOptions& o) { o.w0 = {nan}; }, {"w0[0]", "nan"});
  fit_mistake("w0 inf", [](FitOptions& o) { o.w0 = {1, -inf}; }, {"w0[1]", "-inf"});
  all.push_back({"one point to leave out",
                 {"fit_options"},
                 [](Call<T>& c) { c.keys.rows = c.values.rows = 1; },
                 {"keys", "leave-one-out", "1"}});
  return all;
}

/// Runs every mistake on every function that can make it; returns how many that were.
template <class T>
int refuse_all() {
  int cases = 0;
  for (const Function<T>& function : functions<T>())
    for (const Mistake<T>& mistake : mistakes<T>()) {
      if (!std::all_of(mistake.takes.begin(), mistake.takes.end(),
                       [&](const std::string& a) { return function.takes(a); }))
        continue;
      const std::string name = function.name;
      if (std::find(mistake.except.begin(), mistake.except.end(), name) != mistake.except.end()) continue;
      ++cases;
      Call<T> call;
      const Call<T> before = call;
      mistake.make(call);
      const Problem<T> spoilt = call.problem;
      std::string message = "nothing was thrown";
      try {
        function.run(call);
      } catch (const std::invalid_argument& error) {
        message = error.what();
      } catch (const std::exception& error) {
        message = std::string("another exception: ") + error.what();
      }
      for (const std::string& part : mistake.message)
        EXPECT_NE(message.find(part), std::string::npos)
            << name << ", " << mistake.what << ": '" << message << "' lacks '" << part << "'";
      EXPECT_EQ(message.find("exception"), std::string::npos) << name << ", " << mistake.what << ": " << message;
      EXPECT_TRUE(same_bits(call.out_data, before.out_data) && same_bits(call.gradient_data, before.gradient_data) &&
                  same_bits(call.weights_data, before.weights_data))
          << name << ", " << mistake.what << ": wrote before it refused";
      EXPECT_TRUE(same_bits(call.problem.queries, spoilt.queries) && same_bits(call.problem.keys, spoilt.keys) &&
                  same_bits(call.problem.values, spoilt.values))
          << name << ", " << mistake.what << ": wrote into an input";
    }
  return cases;
}

TEST(Arguments, EveryMistakeIsRefusedByName) {
  const int cases = refuse_all<float>() + refuse_all<double>();
  std::cout << "[ cases    ] " << cases << " wrong calls\n";
  EXPECT_GE(cases, 400);
}

template <class Function>
void expect_refused(const char* what, Function call, const std::vector<std::string>& parts) {
  try {
    call();
    ADD_FAILURE() << what << ": nothing was thrown";
  } catch (const std::invalid_argument& error) {
    for (const std::string& part : parts)
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
          << what << ": '" << error.what() << "' lacks '" << part << "'";
  }
}

TEST(Arguments, OfAGaussian) {
  expect_refused("no w", [] { Gaussian(std::vector<double>{}); }, {"w"});
  expect_refused("w NaN", [] { Gaussian{nan}; }, {"w", "nan"});
  expect_refused("w inf", [] { Gaussian{inf}; }, {"w", "inf"});
  expect_refused("w[1] -inf", [] { Gaussian({1, -inf, 2}); }, {"w[1]", "-inf"});
  expect_refused("no h", [] { Gaussian::from_bandwidth(std::vector<double>{}); }, {"bandwidth"});
  for (const double h : {0.0, -0.0, -1.0, nan, inf, -inf, 1e-309, std::numeric_limits<double>::denorm_min()}) {
    expect_refused("h", [=] { Gaussian::from_bandwidth(h); }, {"bandwidth"});
    expect_refused("h[2]", [=] { Gaussian::from_bandwidth({1, 2, h}); }, {"bandwidth[2]"});
  }
  expect_refused("h -1", [] { Gaussian::from_bandwidth(-1); }, {"-1"});
  EXPECT_EQ(Gaussian::from_bandwidth(0.25).w(), std::vector<double>{4});
  EXPECT_EQ(Gaussian::from_bandwidth({0.5, 2}).w(), (std::vector<double>{2, 0.5}));
  EXPECT_TRUE(Gaussian(3).is_scalar());
  EXPECT_FALSE(Gaussian({3, 4}).is_scalar());
  EXPECT_EQ(Gaussian(3).w_of(7), 3);
  EXPECT_EQ(Gaussian({3, 4}).w_of(1), 4);
}

TEST(Arguments, OfExpAndSoftmax) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    Matrix<T> m = random_matrix<T>(3, 4, -1, 1, 1), out(3, 4);
    const T* none = nullptr;
    expect_refused("exp x", [&] { exp<T>(none, out.data(), 3); }, {"x", "null", "3"});
    expect_refused("exp out", [&] { exp<T>(m.data(), nullptr, 3); }, {"out", "null", "3"});
    expect_refused("exp overlap", [&] { exp<T>(m.data(), m.data() + 1, 3); }, {"out", "overlap", "x"});
    expect_refused("exp count", [&] { exp<T>(m.data(), out.data(), SIZE_MAX / 2); }, {std::to_string(SIZE_MAX / 2)});
    expect_refused("exp_nonpositive x", [&] { exp_nonpositive<T>(none, out.data(), 3); }, {"x", "null", "3"});
    expect_refused("exp_nonpositive out", [&] { exp_nonpositive<T>(m.data(), nullptr, 3); }, {"out", "null", "3"});
    expect_refused("exp_nonpositive overlap", [&] { exp_nonpositive<T>(m.data() + 2, m.data(), 3); },
                   {"out", "overlap", "x"});
    EXPECT_NO_THROW(exp<T>(none, nullptr, 0));
    EXPECT_NO_THROW(exp_nonpositive<T>(none, nullptr, 0));

    expect_refused("softmax scores", [&] { softmax<T>({none, 3, 4}, out.view()); }, {"scores", "null"});
    expect_refused("softmax out", [&] { softmax<T>(m, MatrixView<T>(nullptr, 3, 4)); }, {"out", "null"});
    expect_refused("softmax rows", [&] { softmax<T>(m, MatrixView<T>(out.data(), 2, 4)); }, {"out", "3", "2"});
    expect_refused("softmax cols", [&] { softmax<T>(m, MatrixView<T>(out.data(), 3, 3)); }, {"out", "4", "3"});
    expect_refused("softmax stride", [&] { softmax<T>(m, MatrixView<T>(out.data(), 3, 4, 2)); },
                   {"out", "row_stride", "2"});
    expect_refused("softmax stride",
                   [&] {
                     softmax<T>({m.data(), 3, 4, 3}, out.view());
                   },
                   {"scores", "row_stride", "3"});
    expect_refused("softmax overlap",
                   [&] {
                     softmax<T>({m.data(), 2, 4}, MatrixView<T>(m.data() + 4, 2, 4));
                   },
                   {"out", "overlap", "scores"});
    expect_refused("softmax overlap by stride",
                   [&] {
                     softmax<T>({m.data(), 2, 2, 4}, MatrixView<T>(m.data(), 2, 2, 3));
                   },
                   {"out", "overlap", "scores"});
    expect_refused("softmax size",
                   [&] {
                     softmax<T>({m.data(), SIZE_MAX / 2, 4}, out.view());
                   },
                   {"scores", std::to_string(SIZE_MAX / 2)});
    expect_refused("log_sum_exp scores", [&] { log_sum_exp<T>({none, 3, 4}, out.data()); }, {"scores", "null"});
    expect_refused("log_sum_exp out", [&] { log_sum_exp<T>(m, static_cast<T*>(nullptr)); }, {"out", "null"});
    expect_refused("log_sum_exp overlap", [&] { log_sum_exp<T>(m, m.data() + 1); }, {"out", "overlap", "scores"});
    Options options;
    options.threads = -2;
    expect_refused("softmax threads", [&] { softmax<T>(m, out.view(), options); }, {"threads", "-2"});
    expect_refused("log_sum_exp threads", [&] { log_sum_exp<T>(m, out.data(), options); }, {"threads", "-2"});
    EXPECT_TRUE(std::isnan(out(0, 0)) && std::isnan(out(2, 3))) << "written before it refused";
  });
}

TEST(Arguments, EmptyInputsMayBeNull) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const auto problem = Problem<T>::random(1, 4, 2, 3);
    EXPECT_NO_THROW(pool<T>(MatrixView<const T>(nullptr, 0, 2), problem.keys, problem.values, problem.score,
                            MatrixView<T>(nullptr, 0, 3)));
    EXPECT_NO_THROW(attention_weights<T>(MatrixView<const T>(nullptr, 0, 2), problem.keys, problem.score,
                                         MatrixView<T>(nullptr, 0, 4)));
    EXPECT_NO_THROW(average_pool<T>(problem.values, MatrixView<T>(nullptr, 0, 3)));
    PoolState<T> state(problem.queries, 3, problem.score);
    EXPECT_NO_THROW(state.update(MatrixView<const T>(nullptr, 0, 2), MatrixView<const T>(nullptr, 0, 3)));
    EXPECT_NO_THROW(PoolState<T>(MatrixView<const T>(nullptr, 0, 2), 3, problem.score).log_sum_exp(nullptr));
  });
}

TEST(Arguments, NeighbouringViewsDoNotOverlap) {  // rows of one array, end to end
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    Matrix<T> m = random_matrix<T>(12, 2, -1, 1, 1);
    EXPECT_NO_THROW(pool<T>(m.rows(0, 4), m.rows(4, 4), m.rows(4, 4), Gaussian(1.0), MatrixView<T>(&m(8, 0), 4, 2)));
    EXPECT_NO_THROW(pool<T>(m.rows(4, 4), m.rows(8, 4), m.rows(8, 4), Gaussian(1.0), MatrixView<T>(&m(0, 0), 4, 2)));
  });
}

}  // namespace
}  // namespace attnpool::test
