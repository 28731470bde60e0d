/* What the parts of this program share: checks that are counted, the motorcycle data and the textbook formula on them. */
#ifndef CONSUMER_H
#define CONSUMER_H
#include <attnpool/attnpool.h>

#define POINTS 133

void check(int good, const char* what, const char* file, int line);
#define CHECK(condition) check((condition) != 0, #condition, __FILE__, __LINE__)
#define OK(call) check((call) == ATTNPOOL_OK, #call, __FILE__, __LINE__)

extern double times[POINTS], accelerations[POINTS];
extern const double w;            /* that prediction was made with */
extern double prediction[POINTS]; /* by the formula, at the points themselves */

int near(double a, double b, double tolerance);

/* The formula, every point left out of its own prediction if asked for. Returns log sum e^score of the last query. */
double textbook(double bandwidth_inverse, int leave_one_out, double* out);

attnpool_in_f64 column(const double* data);
attnpool_out_f64 column_out(double* data);

/* The checks, one function for each file. */
void check_pooling(void);
void check_fitting(void);
void check_inference(void);
void check_process(void);

#endif
