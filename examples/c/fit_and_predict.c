/* A bandwidth found from the data, predictions, and what they are worth. */
#include <attnpool/attnpool.h>
#include <math.h>
#include <stdio.h>

int main(void) {
  double x[100], y[100];
  const double at[] = {1, 2, 3};
  const attnpool_in_f64 keys = {x, 100, 1, 1}, values = {y, 100, 1, 1}, queries = {at, 3, 1, 1};
  attnpool_selection* selection = NULL;
  attnpool_inference* inference = NULL;
  int i;
  for (i = 0; i < 100; ++i) {
    x[i] = i * 0.06;
    y[i] = sin(x[i]) + 0.1 * sin(100.0 * i);
  }
  if (attnpool_select_bandwidth_f64(keys, values, NULL, &selection) != ATTNPOOL_OK ||
      attnpool_infer_f64(queries, keys, values, selection->w, selection->w_count, NULL, &inference) != ATTNPOOL_OK) {
    fprintf(stderr, "%s\n", attnpool_last_error());
    return 1;
  }
  printf("bandwidth %.3f, leave-one-out error %.4f\n", 1 / selection->w[0], selection->value);
  for (i = 0; i < 3; ++i)
    printf("at %.0f: %.3f, 95 %% band [%.3f, %.3f]\n", at[i], inference->mean[i], inference->lower[i],
           inference->upper[i]);
  attnpool_inference_destroy(inference);
  attnpool_selection_destroy(selection);
  return 0;
}
