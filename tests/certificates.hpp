#pragma once
// An answer with the bound of each query, and whether the oracle lies within.
#include <attnpool/pool.hpp>

#include "layouts.hpp"

namespace attnpool::test {

inline constexpr double nan = std::numeric_limits<double>::quiet_NaN();

template <class T>
struct Answer {
  Matrix<T> out;
  std::vector<double> bounds;
  Report report;
};
template <class T>
Answer<T> answer(const Problem<T>& problem) {
  Answer<T> a{{problem.queries.rows(), problem.values.cols()}, std::vector<double>(problem.queries.rows(), nan), {}};
  Options options = problem.options;
  options.error_bounds = a.bounds;
  options.report = &a.report;
  pool<T>(problem.queries, problem.keys, problem.values, problem.score, a.out.view(), options);
  return a;
}

template <class T>
Real weighted_oracle(const Problem<T>& problem, std::size_t q, std::size_t v) {
  return OracleRow<T>(problem.queries, q, problem.keys, problem.score, problem.options.range,
                      problem.options.key_weights)
      .pooled(problem.values, v);
}

// Holds an answer against the oracle within the bounds that came with it; returns the largest share of a bound.
template <class T>
double expect_within_bounds(const Problem<T>& problem, const Answer<T>& a, const std::string& what) {
  Mismatches mismatches(what + " " + problem.shape());
  for (std::size_t v = 0; v < problem.values.cols(); ++v) {
    double largest = 0;
    for (std::size_t k = 0; k < problem.values.rows(); ++k)
      largest = std::max<double>(largest, std::abs(problem.values(k, v)));
    for (std::size_t q = 0; q < problem.queries.rows(); ++q) {
      const Real want = weighted_oracle(problem, q, v);
      mismatches.check(static_cast<double>(std::abs(Real(a.out(q, v)) - want)),
                       a.bounds[q] * value_range(problem.values, v) + epsilon<T> * largest, at(q, v), a.out(q, v),
                       want);
      EXPECT_LE(a.bounds[q], a.report.error_bound) << what << " query " << q;
    }
  }
  return mismatches.worst();
}

}  // namespace attnpool::test
