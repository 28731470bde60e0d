/* A program in C99 that knows attnpool only as it is installed: main MCYCLE.CSV. Every function on the motorcycle data,
 * against the textbook formula or a property; progress and cancelling, options of an older program, messages of two
 * threads. */
#include <attnpool/attnpool.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define POINTS 133
#define STRIDE 3

static int checks, faults;

static void check(int good, const char* what, int line) {
  ++checks;
  if (good) return;
  ++faults;
  printf("line %d: %s (last error: %s)\n", line, what, attnpool_last_error());
}
#define CHECK(condition) check((condition) != 0, #condition, __LINE__)
#define OK(call) check((call) == ATTNPOOL_OK, #call, __LINE__)

static double times[POINTS], accelerations[POINTS], prediction[POINTS];
static const double w = 1 / 1.5;

static int near(double a, double b, double tolerance) { return fabs(a - b) <= tolerance; }

static int read_data(const char* path) {
  FILE* file = fopen(path, "r");
  int count = 0;
  char header[100];
  if (file == NULL || fgets(header, sizeof header, file) == NULL) return 0;
  while (count < POINTS && fscanf(file, "%lf,%lf", &times[count], &accelerations[count]) == 2) ++count;
  fclose(file);
  return count;
}

/* The formula, every point left out of its own prediction if asked for. Returns log sum e^score of the last query. */
static double textbook(double bandwidth_inverse, int leave_one_out, double* out) {
  double sum = 0;
  for (int q = 0; q < POINTS; ++q) {
    double weighted = 0;
    sum = 0;
    for (int k = 0; k < POINTS; ++k) {
      const double x = bandwidth_inverse * (times[q] - times[k]), weight = exp(-0.5 * x * x);
      if (leave_one_out && k == q) continue;
      sum += weight;
      weighted += weight * accelerations[k];
    }
    out[q] = weighted / sum;
  }
  return log(sum);
}

static attnpool_in_f64 column(const double* data) {
  const attnpool_in_f64 view = {data, POINTS, 1, 1};
  return view;
}
static attnpool_out_f64 column_out(double* data) {
  const attnpool_out_f64 view = {data, POINTS, 1, 1};
  return view;
}

static void pooling(void) {
  const attnpool_in_f64 x = column(times), y = column(accelerations);
  double out[POINTS], gradient[POINTS], loo[POINTS], strided[POINTS * STRIDE], mean = 0;
  static double weights[POINTS * POINTS];
  attnpool_options options = attnpool_options_default();
  textbook(w, 0, prediction);
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

static int stop_at_once(void* user, double fraction) {
  *(double*)user = fraction;
  return 1;
}

/* A call that takes seconds on the scalar kernels, stopped when it first tells how far it is. */
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

static void inferring(void) {
  const attnpool_in_f64 x = column(times), y = column(accelerations);
  const double inverse = 1 / 0.9138289, at[] = {20, 1000};
  const attnpool_in_f64 queries = {at, 2, 1, 1};
  attnpool_inference* inference = NULL;
  attnpool_inference_options options = attnpool_inference_options_default();
  OK(attnpool_infer_f64(queries, x, y, &inverse, 1, NULL, &inference));
  CHECK(near(inference->trace, 23.412803, 1e-6) && near(inference->leave_one_out, 595.936344, 1e-6));
  CHECK(inference->lower[0] < inference->mean[0] && inference->mean[0] < inference->upper[0]);
  CHECK(inference->status[0] == ATTNPOOL_QUERY_ANSWERED && inference->status[1] == ATTNPOOL_QUERY_FAR);
  CHECK(inference->slope == NULL && inference->nearest == NULL && inference->error_bounds == NULL);
  attnpool_inference_destroy(inference);
  options.slopes = options.nearest = 1;
  OK(attnpool_infer_f64(queries, x, y, &inverse, 1, &options, &inference));
  CHECK(inference->slope_error[0] > 0 && near(inference->nearest[1], (1000 - 57.6) * inverse, 1e-12));
  attnpool_inference_destroy(inference);
  options.variance = 9;
  CHECK(attnpool_infer_f64(queries, x, y, &inverse, 1, &options, &inference) == ATTNPOOL_INVALID_ARGUMENT &&
        inference == NULL);
  CHECK(strcmp(attnpool_last_error(), "variance: is not one of Variance's values, got 9") == 0);
}

static void resampling(void) {
  const attnpool_in_f64 x = column(times), y = column(accelerations);
  const double inverse = 1 / 0.9138289, at[] = {20, 30, 1000};
  const attnpool_in_f64 queries = {at, 3, 1, 1};
  attnpool_bootstrap* result = NULL;
  attnpool_bootstrap_options options = attnpool_bootstrap_options_default();
  OK(attnpool_bootstrap_f64(queries, x, y, &inverse, 1, NULL, &result));
  CHECK(result->queries == 3 && result->cols == 1 && result->used[0] == 999);
  CHECK(result->lower[0] < result->mean[0] && result->mean[0] < result->upper[0] && result->standard_error[0] > 0);
  CHECK(result->critical == NULL && result->replicates == NULL);
  attnpool_bootstrap_destroy(result);
  options.kind = ATTNPOOL_RESAMPLING_PAIRS;
  options.band = ATTNPOOL_BAND_SIMULTANEOUS;
  options.replicates = 200;
  options.keep_replicates = 1;
  OK(attnpool_bootstrap_f64(queries, x, y, &inverse, 1, &options, &result));
  CHECK(result->critical[0] > 1.9 && result->used[2] < 200 && result->replicates != NULL);
  attnpool_bootstrap_destroy(result);
  options.replicates = 0;
  CHECK(attnpool_bootstrap_f64(queries, x, y, &inverse, 1, &options, &result) == ATTNPOOL_INVALID_ARGUMENT &&
        result == NULL);
  CHECK(strcmp(attnpool_last_error(), "replicates: must be from 2 to 1000000, got 0") == 0);
}

static void smoothing(void) {
  const double at[] = {20, 30};
  attnpool_lowess* result = NULL;
  attnpool_lowess_options options = attnpool_lowess_options_default();
  OK(attnpool_lowess_f64(POINTS, times, accelerations, 2, at, NULL, &result));
  CHECK(result->count == POINTS && result->neighbours == 88 && result->passes == 4 && result->without_line == 0);
  CHECK(near(result->fitted[0] + result->residuals[0], accelerations[0], 1e-12) && result->at[0] < result->at[1]);
  attnpool_lowess_destroy(result);
  options.fraction = 2;
  CHECK(attnpool_lowess_f64(POINTS, times, accelerations, 0, NULL, &options, &result) == ATTNPOOL_INVALID_ARGUMENT &&
        result == NULL);
  CHECK(strcmp(attnpool_last_error(), "fraction: must be in [0, 1], got 2") == 0);
}

static void cancelling(void) {
  const size_t count = 40000;
  double* x = malloc(2 * count * sizeof *x);
  double fraction = -1;
  attnpool_options options = attnpool_options_default();
  options.algorithm = ATTNPOOL_ALGORITHM_DENSE;  // long enough to be stopped
  const char* isa = NULL;
  options.progress = stop_at_once;
  options.user = &fraction;
  if (x == NULL) exit(2);
  for (size_t i = 0; i < count; ++i) x[i] = (double)i / (double)count;
  OK(attnpool_force_isa("scalar"));
  OK(attnpool_active_isa(&isa));
  CHECK(strcmp(isa, "scalar") == 0);
  CHECK(attnpool_pool_f64((attnpool_in_f64){x, count, 1, 1}, (attnpool_in_f64){x, count, 1, 1},
                          (attnpool_in_f64){x, count, 1, 1}, &w, 1, (attnpool_out_f64){x + count, count, 1, 1},
                          &options) == ATTNPOOL_CANCELLED);
  CHECK(fraction > 0 && fraction < 1);
  CHECK(strcmp(attnpool_last_error(), "cancelled by the progress callback") == 0);
  OK(attnpool_force_isa(NULL));
  free(x);
}

/* A program compiled when attnpool_options ended after `threads`, and one of a version to come. */
static void older_and_newer(void) {
  struct {
    size_t struct_size;
    int range, threads;
  } old = {sizeof old, ATTNPOOL_RANGE_ALL, 1};
  struct {
    attnpool_options known;
    double new_field;
  } new = {attnpool_options_default(), 0};
  double out[POINTS];
  const attnpool_in_f64 x = column(times), y = column(accelerations);
  OK(attnpool_pool_f64(x, x, y, &w, 1, column_out(out), (const attnpool_options*)&old));
  CHECK(near(out[0], prediction[0], 1e-11));
  new.known.struct_size = sizeof new;
  OK(attnpool_pool_f64(x, x, y, &w, 1, column_out(out), &new.known));
  new.new_field = 0.5;
  CHECK(attnpool_pool_f64(x, x, y, &w, 1, column_out(out), &new.known) == ATTNPOOL_INVALID_ARGUMENT);
  CHECK(strstr(attnpool_last_error(), "is set, but this version knows") != NULL);
}

static void* other_thread(void* message) {
  double out = 0;
  CHECK(strcmp(attnpool_last_error(), "") == 0);
  CHECK(attnpool_exp_f64(NULL, &out, 1) == ATTNPOOL_INVALID_ARGUMENT);
  strcpy(message, attnpool_last_error());
  return NULL;
}

static void messages(void) {
  const attnpool_in_f64 x = column(times);
  pthread_t thread;
  char theirs[512] = "";
  double out[POINTS];
  CHECK(attnpool_pool_f64(x, column(NULL), x, &w, 1, column_out(out), NULL) == ATTNPOOL_INVALID_ARGUMENT);
  CHECK(pthread_create(&thread, NULL, other_thread, theirs) == 0);
  pthread_join(thread, NULL);
  CHECK(strcmp(theirs, "x: is null for count 1") == 0);
  CHECK(strcmp(attnpool_last_error(), "keys: data is null for shape 133 x 1") == 0);
  CHECK(attnpool_pool_state_update_f64(NULL, x, x, NULL) == ATTNPOOL_INVALID_ARGUMENT);
  CHECK(strcmp(attnpool_last_error(), "state: is null") == 0);
  CHECK(strcmp(attnpool_status_string(ATTNPOOL_INVALID_ARGUMENT), "invalid argument") == 0);
}

int main(int argc, char** argv) {
  int threads = 0;
  char version[30];
  if (argc != 2 || read_data(argv[1]) != POINTS) {
    printf("usage: main MCYCLE.CSV\n");
    return 2;
  }
  pooling();
  single_precision();
  rows();
  states();
  fitting();
  selecting();
  ruling();
  selecting_for_each();
  inferring();
  resampling();
  smoothing();
  cancelling();
  older_and_newer();
  messages();
  OK(attnpool_thread_count(2, &threads));
  CHECK(threads >= 1 && threads <= 2);
  CHECK(attnpool_supported_isa(0) != NULL && strcmp(attnpool_supported_isa(0), "scalar") == 0);
  sprintf(version, "%d.%d.%d", ATTNPOOL_VERSION_MAJOR, ATTNPOOL_VERSION_MINOR, ATTNPOOL_VERSION_PATCH);
  CHECK(strcmp(version, attnpool_version()) == 0);
  printf("attnpool %s from C: %d checks, %d faults\n", attnpool_version(), checks, faults);
  return faults != 0;
}
