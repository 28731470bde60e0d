/* Pooling, its derivative and its weights, in double and single precision, and the functions of rows and states. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "consumer.h"

#define STRIDE 3

static void pooling(void) {
  const attnpool_in_f64 x = column(times), y = column(accelerations);
  double out[POINTS], gradient[POINTS], loo[POINTS], strided[POINTS * STRIDE], mean = 0;
  static double weights[POINTS * POINTS];
  attnpool_options options = attnpool_options_default();
  OK(attnpool_pool_f64(x, x, y, &w, 1, column_out(out), NULL));
  for (int i = 0; i < POINTS; ++i) CHECK(near(out[i], prediction[i], 1e-11));

  textbook(w, 1, loo);
  options.range = ATTNPOOL_RANGE_ALL_BUT_SELF;
  options.threads = 2;
  OK(attnpool_pool_f64(x, x, y, &w, 1, column_out(out), &options));
  for (int i = 0; i < POINTS; ++i) CHECK(near(out[i], loo[i], 1e-11));

  /* Every third element of a longer array; what lies between is not touched. */
  for (int i = 0; i < POINTS * STRIDE; ++i) strided[i] = -1;
  OK(attnpool_pool_f64(x, x, y, &w, 1, (attnpool_out_f64){strided, POINTS, 1, STRIDE}, &options));
  for (int i = 0; i < POINTS * STRIDE; ++i) CHECK(strided[i] == (i % STRIDE == 0 ? out[i / STRIDE] : -1));

  /* 7 problems of 19 points: a point sees those of its own problem only. */
  OK(attnpool_pool_batch_f64(7, x, x, y, &w, 1, column_out(out), NULL));
  for (int i = 0; i < 7; ++i) {
    double alone[19];
    const attnpool_in_f64 part = {times + 19 * i, 19, 1, 1}, values = {accelerations + 19 * i, 19, 1, 1};
    OK(attnpool_pool_f64(part, part, values, &w, 1, (attnpool_out_f64){alone, 19, 1, 1}, NULL));
    CHECK(memcmp(alone, out + 19 * i, sizeof alone) == 0);
  }

  OK(attnpool_attention_weights_f64(x, x, &w, 1, (attnpool_out_f64){weights, POINTS, POINTS, POINTS}, NULL));
  for (int q = 0; q < POINTS; ++q) {
    double sum = 0, pooled = 0;
    for (int k = 0; k < POINTS; ++k)
      sum += weights[q * POINTS + k], pooled += weights[q * POINTS + k] * accelerations[k];
    CHECK(near(sum, 1, 1e-13) && near(pooled, prediction[q], 1e-10));
  }

  OK(attnpool_average_pool_f64(y, (attnpool_out_f64){out, 1, 1, 1}));
  for (int i = 0; i < POINTS; ++i) mean += accelerations[i] / POINTS;
  CHECK(near(out[0], mean, 1e-12));

  OK(attnpool_pool_gradient_f64(x, x, y, &w, 1, column_out(out), column_out(gradient), NULL));
  textbook(w + 1e-5, 0, loo);
  for (int i = 0; i < POINTS; ++i) CHECK(near((loo[i] - prediction[i]) / 1e-5, gradient[i], 1e-2));
}

static void single_precision(void) {
  float x[POINTS], y[POINTS], out[POINTS];
  double loss, gradient;
  attnpool_pool_state_f32* state = NULL;
  attnpool_fit_result* fitted = NULL;
  attnpool_fit_options options = attnpool_fit_options_default();
  const attnpool_in_f32 keys = {x, POINTS, 1, 1}, values = {y, POINTS, 1, 1};
  const attnpool_out_f32 result = {out, POINTS, 1, 1};
  for (int i = 0; i < POINTS; ++i) x[i] = (float)times[i], y[i] = (float)accelerations[i];
  OK(attnpool_pool_f32(keys, keys, values, &w, 1, result, NULL));
  for (int i = 0; i < POINTS; ++i) CHECK(near(out[i], prediction[i], 1e-3));
  OK(attnpool_pool_state_create_f32(keys, 1, &w, 1, &state));
  OK(attnpool_pool_state_update_f32(state, keys, values, NULL));
  OK(attnpool_pool_state_finish_f32(state, result));
  attnpool_pool_state_destroy_f32(state);
  for (int i = 0; i < POINTS; ++i) CHECK(near(out[i], prediction[i], 1e-3));
  OK(attnpool_loss_gradient_f32(keys, keys, values, values, &w, 1, ATTNPOOL_LOSS_MEAN, &loss, &gradient, NULL));
  options.w0 = &w;
  options.w0_count = 1;
  options.leave_one_out = 0;
  options.epochs = 0;
  OK(attnpool_fit_f32(keys, values, &options, &fitted));
  CHECK(fitted->loss_count == 1 && fitted->losses[0] == loss && fitted->w[0] == w);
  attnpool_fit_result_destroy(fitted);
  OK(attnpool_exp_f32(x, out, POINTS));
  CHECK(near(out[0], exp(2.4f), 1e-5));
}

static void rows(void) {
  double x[2][3] = {{0, log(2), log(5)}, {-1000, -1000, -1000}}, out[2];
  OK(attnpool_log_sum_exp_f64((attnpool_in_f64){x[0], 2, 3, 3}, out, NULL));
  CHECK(near(out[0], log(8), 1e-15) && near(out[1], log(3) - 1000, 1e-12));
  OK(attnpool_softmax_f64((attnpool_in_f64){x[0], 2, 3, 3}, (attnpool_out_f64){x[0], 2, 3, 3}, NULL)); /* in place */
  CHECK(near(x[0][0], 0.125, 1e-15) && near(x[0][1], 0.25, 1e-15) && near(x[1][2], 1 / 3.0, 1e-15));
  OK(attnpool_exp_f64(out, out, 1));
  CHECK(near(out[0], 8, 1e-14));
}

/* Keys in two pieces, in two states. */
static void states(void) {
  attnpool_pool_state_f64 *state = NULL, *other = NULL;
  double out[POINTS], textbook_out[POINTS];
  OK(attnpool_pool_state_create_f64(column(times), 1, &w, 1, &state));
  OK(attnpool_pool_state_create_f64(column(times), 1, &w, 1, &other));
  OK(attnpool_pool_state_finish_f64(state, column_out(out)));
  CHECK(isnan(out[0])); /* has seen no key */
  OK(attnpool_pool_state_update_f64(state, (attnpool_in_f64){times, 60, 1, 1},
                                    (attnpool_in_f64){accelerations, 60, 1, 1}, NULL));
  OK(attnpool_pool_state_update_f64(other, (attnpool_in_f64){times + 60, POINTS - 60, 1, 1},
                                    (attnpool_in_f64){accelerations + 60, POINTS - 60, 1, 1}, NULL));
  OK(attnpool_pool_state_merge_f64(state, other));
  attnpool_pool_state_destroy_f64(other);
  OK(attnpool_pool_state_finish_f64(state, column_out(out)));
  for (int i = 0; i < POINTS; ++i) CHECK(near(out[i], prediction[i], 1e-11));
  OK(attnpool_pool_state_log_sum_exp_f64(state, out));
  CHECK(near(out[POINTS - 1], textbook(w, 0, textbook_out), 1e-12));
  attnpool_pool_state_destroy_f64(state);
}

void check_pooling(void) {
  pooling();
  single_precision();
  rows();
  states();
}
