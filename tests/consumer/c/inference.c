/* Standard errors and the bootstrap. */
#include <stddef.h>
#include <string.h>

#include "consumer.h"

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

void check_inference(void) {
  inferring();
  resampling();
  smoothing();
}
