/* A program in C99 that knows attnpool only as it is installed: main MCYCLE.CSV. Every function on the motorcycle data,
 * against the textbook formula or a property; the parts are in the files beside this one. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "consumer.h"

static int checks, faults;

void check(int good, const char* what, const char* file, int line) {
  ++checks;
  if (good) return;
  ++faults;
  printf("%s:%d: %s (last error: %s)\n", file, line, what, attnpool_last_error());
}

double times[POINTS], accelerations[POINTS], prediction[POINTS];
const double w = 1 / 1.5;

int near(double a, double b, double tolerance) { return fabs(a - b) <= tolerance; }

static int read_data(const char* path) {
  FILE* file = fopen(path, "r");
  int count = 0;
  char header[100];
  if (file == NULL || fgets(header, sizeof header, file) == NULL) return 0;
  while (count < POINTS && fscanf(file, "%lf,%lf", &times[count], &accelerations[count]) == 2) ++count;
  fclose(file);
  return count;
}

double textbook(double bandwidth_inverse, int leave_one_out, double* out) {
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

attnpool_in_f64 column(const double* data) {
  const attnpool_in_f64 view = {data, POINTS, 1, 1};
  return view;
}
attnpool_out_f64 column_out(double* data) {
  const attnpool_out_f64 view = {data, POINTS, 1, 1};
  return view;
}

int main(int argc, char** argv) {
  int threads = 0;
  char version[30];
  if (argc != 2 || read_data(argv[1]) != POINTS) {
    printf("usage: main MCYCLE.CSV\n");
    return 2;
  }
  textbook(w, 0, prediction);
  check_pooling();
  check_fitting();
  check_inference();
  check_process();
  OK(attnpool_thread_count(2, &threads));
  CHECK(threads >= 1 && threads <= 2);
  CHECK(attnpool_supported_isa(0) != NULL && strcmp(attnpool_supported_isa(0), "scalar") == 0);
  sprintf(version, "%d.%d.%d", ATTNPOOL_VERSION_MAJOR, ATTNPOOL_VERSION_MINOR, ATTNPOOL_VERSION_PATCH);
  CHECK(strcmp(version, attnpool_version()) == 0);
  printf("attnpool %s from C: %d checks, %d faults\n", attnpool_version(), checks, faults);
  return faults != 0;
}
