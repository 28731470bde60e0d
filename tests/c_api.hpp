#pragma once
// What the tests of the C interface share: its names for one element type, its views of a Matrix, and handles that
// free.
#include <attnpool/attnpool.h>
#include <gtest/gtest.h>

#include <attnpool/view.hpp>
#include <memory>
#include <string>

#include "buffers.hpp"

namespace attnpool::test {

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
  static constexpr auto select = attnpool_select_bandwidth_f32;
  static constexpr auto scott = attnpool_scott_f32;
  static constexpr auto silverman = attnpool_silverman_f32;
  static constexpr auto plug_in = attnpool_ruppert_sheather_wand_f32;
  static constexpr auto select_batch = attnpool_select_bandwidth_batch_f32;
  static constexpr auto infer = attnpool_infer_f32;
  static constexpr auto bootstrap = attnpool_bootstrap_f32;
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
  static constexpr auto select = attnpool_select_bandwidth_f64;
  static constexpr auto scott = attnpool_scott_f64;
  static constexpr auto silverman = attnpool_silverman_f64;
  static constexpr auto plug_in = attnpool_ruppert_sheather_wand_f64;
  static constexpr auto select_batch = attnpool_select_bandwidth_batch_f64;
  static constexpr auto infer = attnpool_infer_f64;
  static constexpr auto bootstrap = attnpool_bootstrap_f64;
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

inline void expect_ok(attnpool_status status, const std::string& what) {
  EXPECT_EQ(status, ATTNPOOL_OK) << what << ": " << attnpool_last_error();
}

}  // namespace attnpool::test
