/* Cancelling, options of an older program and of a newer one, messages of two threads. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "consumer.h"

static int stop_at_once(void* user, double fraction) {
  *(double*)user = fraction;
  return 1;
}

/* A call that takes seconds on the scalar routines, stopped when it first tells how far it is. */
static void cancelling(void) {
  const size_t count = 40000;
  double* x = malloc(2 * count * sizeof *x);
  double fraction = -1;
  attnpool_options options = attnpool_options_default();
  options.algorithm = ATTNPOOL_ALGORITHM_DENSE; /* long enough to be stopped */
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

void check_process(void) {
  cancelling();
  older_and_newer();
  messages();
}
