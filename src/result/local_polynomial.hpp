#pragma once
// Weighted least squares around a query, from the sums of a plan with Moments::line or parabola.
#include <cstddef>

#include "result/query_sums.hpp"

namespace attnpool::detail {

// One query. With the basis phi (delta_d; for the parabola delta and delta^2) the fit is
//   value = mean + sum_i b_i (phi_i(query) - mean of phi_i),      C b = covariance of phi and value,
// C the covariance matrix of phi under the weights. Covariances lose no digits to an offset of the values, and C is factorised
// with pivots (Cholesky), so that directions in which the keys do not differ are found and left out.
class LocalPolynomial {
 public:
  static constexpr std::size_t most_terms = 16;

  // to_query: null, or [dims]: where the query lies from the place that moments count from (QuerySums::origin), in their units.
  LocalPolynomial(const QuerySums& q, std::size_t lane, Moments moments, std::size_t dims, const double* to_query);

  // The smallest pivot as a part of the second moment of its term about the place that moments count from: what is left of the
  // digits of the sums. 1 without terms.
  double conditioning() const { return conditioning_; }
  bool is_complete() const { return rank_ == terms_; }

  // The fit of column v at the query, in the units of the sums; slopes, unless null, [dims]: its derivatives in delta_d of the
  // query.
  double value(std::size_t v, double* slopes = nullptr) const;

  // The weight of a key in the fit is its kernel weight times this, over the sum of weights: at the query's own place.
  double own_factor() const;

 private:
  const QuerySums& q_;
  std::size_t lane_, dims_, terms_, rank_ = 0;
  double total_, conditioning_ = 1;
  // Of terms_ entries: to clear the others would take longer than a line.
  double at_query_[most_terms];            // phi of the query
  double mean_[most_terms];                // of phi
  double factor_[most_terms][most_terms];  // lower triangle, rows in the order of pivots
  std::size_t pivot_[most_terms];          // the term of each row

  double second_moment(std::size_t i, std::size_t j) const;
  void factorise(double least);
  void solve(const double* covariance, double* b) const;
};

// The same of local lines in one dimension, for all lanes of q whose moments count from the query: answers [count] of column v.
void local_lines(const QuerySums& q, std::size_t v, double* answers);

}  // namespace attnpool::detail
