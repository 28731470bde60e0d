// The C interface: fit has the bits of the C++ one.
#include <attnpool/attnpool.hpp>
#include <cstring>

#include "c_api_bits.hpp"

namespace attnpool::test {
namespace {

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
  EXPECT_TRUE(same_bits(got->loss, want.loss));
  EXPECT_EQ(std::vector<double>(got->w, got->w + got->w_count), want.w);
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

}  // namespace
}  // namespace attnpool::test
