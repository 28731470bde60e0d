#include "result/local_polynomial.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace attnpool::detail {

LocalPolynomial::LocalPolynomial(const QuerySums& q, std::size_t lane, Moments moments, std::size_t dims,
                                 const double* to_query)
    : q_(q),
      lane_(lane),
      dims_(dims),
      terms_(moments == Moments::none       ? 0
             : moments == Moments::parabola ? 2
                                            : dims),
      total_(q.weight(0, lane)) {
  for (std::size_t i = 0; i < terms_; ++i) {
    mean_[i] = q.weight(1 + i, lane) / total_;
    at_query_[i] = 0;
  }
  if (to_query) {
    // delta of the query itself is 0, which is -to_query counted from the origin.
    for (std::size_t i = 0; i < terms_; ++i)
      at_query_[i] = moments == Moments::parabola && i == 1 ? to_query[0] * to_query[0] : -to_query[i];
  }
  // Sums that count from a key nearby are in double and keep their digits; below a part of 1e-11 nothing is left of them.
  factorise(to_query ? 1e-11 : 0);
}

// The mean of phi_i phi_j, i >= j.
double LocalPolynomial::second_moment(std::size_t i, std::size_t j) const {
  // Of the plane, the pairs (j, i) follow the first moments, row by row; of the parabola, powers i + 1 and j + 1.
  const std::size_t p = terms_ == dims_ ? dims_ + j * dims_ - j * (j + 1) / 2 + i : i + j + 1;
  return q_.weight(1 + p, lane_) / total_;
}

void LocalPolynomial::factorise(double least) {
  double schur[most_terms][most_terms], raw[most_terms];
  for (std::size_t i = 0; i < terms_; ++i) {
    pivot_[i] = i;
    raw[i] = second_moment(i, i);
    for (std::size_t j = 0; j <= i; ++j) schur[i][j] = schur[j][i] = second_moment(i, j) - mean_[i] * mean_[j];
  }
  const auto left = [&](std::size_t i) { return raw[i] > 0 ? schur[i][i] / raw[i] : 0; };
  for (; rank_ < terms_; ++rank_) {
    // A parabola that keys do not determine gives way to a line, not to c delta^2.
    std::size_t* best = pivot_ + rank_;
    if (terms_ == dims_)
      best = std::max_element(best, pivot_ + terms_, [&](std::size_t i, std::size_t j) { return left(i) < left(j); });
    conditioning_ = std::min(conditioning_, left(*best));
    if (!(left(*best) > least)) return;
    const auto row = static_cast<std::size_t>(best - pivot_);
    std::swap(pivot_[rank_], *best);
    for (std::size_t j = 0; j < rank_; ++j) std::swap(factor_[rank_][j], factor_[row][j]);
    const std::size_t k = pivot_[rank_];
    const double root = std::sqrt(schur[k][k]);
    factor_[rank_][rank_] = root;
    for (std::size_t i = rank_ + 1; i < terms_; ++i) factor_[i][rank_] = schur[pivot_[i]][k] / root;
    for (std::size_t i = rank_ + 1; i < terms_; ++i)
      for (std::size_t j = rank_ + 1; j < terms_; ++j)
        schur[pivot_[i]][pivot_[j]] -= factor_[i][rank_] * factor_[j][rank_];
  }
}

// b of the terms that the keys determine; 0 of the others.
void LocalPolynomial::solve(const double* covariance, double* b) const {
  double y[most_terms];
  for (std::size_t i = 0; i < rank_; ++i) {
    y[i] = covariance[pivot_[i]];
    for (std::size_t j = 0; j < i; ++j) y[i] -= factor_[i][j] * y[j];
    y[i] /= factor_[i][i];
  }
  std::fill(b, b + terms_, 0.0);
  for (std::size_t i = rank_; i-- > 0;) {
    for (std::size_t j = i + 1; j < rank_; ++j) y[i] -= factor_[j][i] * b[pivot_[j]];
    b[pivot_[i]] = y[i] / factor_[i][i];
  }
}

double LocalPolynomial::value(std::size_t v, double* slopes) const {
  const double mean = q_.value(0, v, lane_) / total_;
  double covariance[most_terms], b[most_terms];
  for (std::size_t i = 0; i < terms_; ++i) covariance[i] = q_.value(1 + i, v, lane_) / total_ - mean_[i] * mean;
  solve(covariance, b);
  double value = mean;
  for (std::size_t i = 0; i < terms_; ++i) value += b[i] * (at_query_[i] - mean_[i]);
  // The fit is a function of -delta: a key to the right of the query has a negative delta.
  if (slopes && terms_ == dims_) {
    for (std::size_t d = 0; d < dims_; ++d) slopes[d] = -b[d];
  } else if (slopes && terms_ > 0) {
    slopes[0] = -(b[0] + 2 * b[1] * at_query_[0]);
  }
  return value;
}

double LocalPolynomial::own_factor() const {
  double centred[most_terms], b[most_terms];
  for (std::size_t i = 0; i < terms_; ++i) centred[i] = at_query_[i] - mean_[i];
  solve(centred, b);
  double factor = 1;
  for (std::size_t i = 0; i < terms_; ++i) factor += centred[i] * b[i];
  return factor;
}

void local_lines(const QuerySums& q, std::size_t v, double* answers) {
  const std::size_t plane = q.stride, set = q.columns * plane;
  const double *weights = q.sums + q.first_column * plane, *values = weights + (1 + v) * plane;
  for (std::size_t i = 0; i < q.count; ++i) {
    const double per_weight = 1 / weights[i];
    const double first = weights[set + i] * per_weight, mean = values[i] * per_weight;
    const double variance = weights[2 * set + i] * per_weight - first * first;
    const double covariance = values[set + i] * per_weight - first * mean;
    // Dividing by infinity leaves the mean, without a branch, so that the compiler vectorises.
    const double divisor = variance > 0 ? variance : std::numeric_limits<double>::infinity();
    answers[i] = mean - first * (covariance / divisor);
  }
}

}  // namespace attnpool::detail
