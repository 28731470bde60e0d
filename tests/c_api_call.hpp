#pragma once
// One call of each function of the C interface, for the tests that spoil it.
#include <attnpool/attnpool.h>

#include <cstddef>
#include <limits>
#include <vector>

#include "c_api.hpp"
#include "problem.hpp"

namespace attnpool::test {

inline constexpr double nan = std::numeric_limits<double>::quiet_NaN();

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
  attnpool_selection_options selection_options = attnpool_selection_options_default();
  attnpool_rule_options rule_options = attnpool_rule_options_default();
  attnpool_plug_in_options plug_in_options = attnpool_plug_in_options_default();
  attnpool_inference_options inference_options = attnpool_inference_options_default();
  attnpool_bootstrap_options bootstrap_options = attnpool_bootstrap_options_default();
  attnpool_lowess_options lowess_options = attnpool_lowess_options_default();
  std::vector<double> x_data = {1, 4, 2, 3, 9, 7}, y_data = {2, 8, 3, 6, 5, 1};
  const double *x = x_data.data(), *y = y_data.data(), *at = x;

  double loss_value = nan, derivative[2] = {nan, nan};
  double *loss_value_out = &loss_value, *derivative_out = derivative;
  attnpool_fit_result *result = nullptr, **result_out = &result;
  double bandwidths[2] = {nan, nan}, *bandwidths_out = bandwidths;
  attnpool_selection *selection = nullptr, **selection_out = &selection;
  attnpool_selection *selections[2] = {}, **selections_out = selections;
  std::size_t offset_data[3] = {0, 4, 6}, *offsets = offset_data;
  attnpool_inference *inference = nullptr, **inference_out = &inference;
  attnpool_bootstrap *replicates = nullptr, **replicates_out = &replicates;
  attnpool_lowess *lines = nullptr, **lines_out = &lines;
  typename C<T>::State *made = nullptr, **state_out = &made;
  int threads = 0, *threads_out = &threads;
  const char *name = nullptr, **name_out = &name;
  StateHandle<T> state{nullptr, C<T>::destroy}, other{nullptr, C<T>::destroy};

  Call() { make(state), make(other); }
  Call(const Call&) = delete;
  ~Call() {
    attnpool_fit_result_destroy(result);
    attnpool_selection_destroy(selection);
    for (attnpool_selection* one : selections) attnpool_selection_destroy(one);
    attnpool_inference_destroy(inference);
    attnpool_bootstrap_destroy(replicates);
    attnpool_lowess_destroy(lines);
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
  attnpool_status select() {
    attnpool_selection_destroy(selection);
    return C<T>::select(keys, values, &selection_options, selection_out);
  }
  attnpool_status scott() { return C<T>::scott(keys, &rule_options, bandwidths_out); }
  attnpool_status silverman() { return C<T>::silverman(keys, &rule_options, bandwidths_out); }
  attnpool_status plug_in() { return C<T>::plug_in(keys, values, &plug_in_options, bandwidths_out); }
  attnpool_status select_batch() {
    for (attnpool_selection* one : selections) attnpool_selection_destroy(one);
    return C<T>::select_batch(count, offsets, keys, values, &selection_options, selections_out);
  }
  attnpool_status infer() {
    attnpool_inference_destroy(inference);
    return C<T>::infer(queries, keys, values, w, w_count, &inference_options, inference_out);
  }
  attnpool_status bootstrap() {
    attnpool_bootstrap_destroy(replicates);
    return C<T>::bootstrap(queries, keys, values, w, w_count, &bootstrap_options, replicates_out);
  }
  attnpool_status lowess() {
    attnpool_lowess_destroy(lines);
    return attnpool_lowess_f64(x_data.size(), x, y, count, at, &lowess_options, lines_out);
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

}  // namespace attnpool::test
