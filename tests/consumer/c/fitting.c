/* Fitting, and the selection of a bandwidth: for one set of data, for several, and by rules. */
#include <stddef.h>
#include <string.h>

#include "consumer.h"

static int stop_at_epoch_3(void* user, const attnpool_fit_report* report) {
  *(int*)user = report->epoch;
  return report->epoch == 3;
}

static void fitting(void) {
  const attnpool_in_f64 x = column(times), y = column(accelerations);
  const double w0 = 0.1;
  double loo[POINTS], loss = 0, by_formula = 0, gradient = 0;
  int epoch = 0;
  attnpool_fit_result* result = NULL;
  attnpool_fit_options options = attnpool_fit_options_default();
  options.w0 = &w0;
  options.w0_count = 1;
  options.learning_rate = 1e-5;
  options.epochs = 30;
  OK(attnpool_fit_f64(x, y, &options, &result));
  CHECK(result->stop == ATTNPOOL_STOP_EPOCHS && result->w_count == 1 && result->loss_count == 31);
  CHECK(result->losses[0] > result->loss && result->losses[30] == result->loss && result->ws[0] == w0);
  CHECK(result->ws[30] == result->w[0]);
  textbook(result->w[0], 1, loo);
  for (int i = 0; i < POINTS; ++i) by_formula += (loo[i] - accelerations[i]) * (loo[i] - accelerations[i]) / POINTS;
  CHECK(near(result->loss, by_formula, 1e-9));
  {
    attnpool_options leave_one_out = attnpool_options_default();
    leave_one_out.range = ATTNPOOL_RANGE_ALL_BUT_SELF;
    OK(attnpool_loss_gradient_f64(x, x, y, y, result->ws, 1, ATTNPOOL_LOSS_MEAN, &loss, &gradient, &leave_one_out));
    CHECK(loss == result->losses[0] && result->ws[1] == w0 - 1e-5 * gradient);
  }
  attnpool_fit_result_destroy(result);

  options.progress = stop_at_epoch_3;
  options.user = &epoch;
  OK(attnpool_fit_f64(x, y, &options, &result));
  CHECK(epoch == 3 && result->stop == ATTNPOOL_STOP_CANCELLED && result->loss <= result->losses[0]);
  attnpool_fit_result_destroy(result);
}

static int stop(void* user, double fraction) {
  (void)user, (void)fraction;
  return 1;
}

static void selecting(void) {
  const attnpool_in_f64 x = column(times), y = column(accelerations);
  attnpool_selection* selection = NULL;
  attnpool_selection_options options = attnpool_selection_options_default();
  OK(attnpool_select_bandwidth_f64(x, y, NULL, &selection));
  CHECK(selection->w_count == 1 && near(1 / selection->w[0], 0.9138289, 1e-6) &&
        near(selection->value, 595.936344, 1e-6));
  CHECK(selection->bound == ATTNPOOL_BOUND_NONE && selection->converged && !selection->cancelled);
  CHECK(selection->minimum_count >= 1 && selection->curve_count >= 40 && selection->rule_value > selection->value);
  attnpool_selection_destroy(selection);
  options.criterion = 7;
  CHECK(attnpool_select_bandwidth_f64(x, y, &options, &selection) == ATTNPOOL_INVALID_ARGUMENT && selection == NULL);
  CHECK(strcmp(attnpool_last_error(), "criterion: must be ATTNPOOL_CRITERION_*, 0 to 3, got 7") == 0);
  options.criterion = ATTNPOOL_CRITERION_AICC;
  options.progress = stop;
  OK(attnpool_select_bandwidth_f64(x, y, &options, &selection)); /* too short for a report, or stopped by one */
  CHECK(selection->cancelled || selection->converged);
  attnpool_selection_destroy(selection);
}

static void ruling(void) {
  const attnpool_in_f64 x = column(times), y = column(accelerations);
  attnpool_rule_options options = attnpool_rule_options_default();
  attnpool_plug_in_options settings = attnpool_plug_in_options_default();
  double bandwidth = 0;
  OK(attnpool_scott_f64(x, NULL, &bandwidth));
  CHECK(near(bandwidth, 4.9381311, 1e-7));
  OK(attnpool_silverman_f64(x, &options, &bandwidth));
  CHECK(near(bandwidth, 5.2305862, 1e-7));
  OK(attnpool_ruppert_sheather_wand_f64(x, y, NULL, &bandwidth));
  CHECK(near(bandwidth, 1.4452583656, 1e-9)); /* dpill() of R's KernSmooth */
  settings.trim = 0.1;
  OK(attnpool_ruppert_sheather_wand_f64(x, y, &settings, &bandwidth));
  CHECK(near(bandwidth, 1.4507220500, 1e-9));
  settings.trim = 1;
  CHECK(attnpool_ruppert_sheather_wand_f64(x, y, &settings, &bandwidth) == ATTNPOOL_INVALID_ARGUMENT);
  CHECK(strcmp(attnpool_last_error(), "trim: must be in [0, 0.5), got 1") == 0);
}

static void selecting_for_each(void) {
  const attnpool_in_f64 x = column(times), y = column(accelerations);
  const size_t offsets[] = {0, 60, POINTS};
  attnpool_selection *both[2] = {NULL, NULL}, *alone = NULL;
  OK(attnpool_select_bandwidth_batch_f64(2, offsets, x, y, NULL, both));
  OK(attnpool_select_bandwidth_f64((attnpool_in_f64){x.data, 60, 1, x.row_stride},
                                   (attnpool_in_f64){y.data, 60, 1, y.row_stride}, NULL, &alone));
  CHECK(both[0]->w[0] == alone->w[0] && both[0]->value == alone->value && both[1]->w[0] != alone->w[0]);
  attnpool_selection_destroy(alone);
  attnpool_selection_destroy(both[0]);
  attnpool_selection_destroy(both[1]);
  CHECK(attnpool_select_bandwidth_batch_f64(2, NULL, x, y, NULL, both) == ATTNPOOL_INVALID_ARGUMENT && both[0] == NULL);
  CHECK(strcmp(attnpool_last_error(), "keys: must have a multiple of count = 2 rows, got 133") == 0);
}

void check_fitting(void) {
  fitting();
  selecting();
  ruling();
  selecting_for_each();
}
