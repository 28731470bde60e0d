#pragma once
// The oracle: the textbook formulas in long double (64-bit mantissa on x86-64, 113 bits on aarch64), one query at a
// time. It shares no code with the library, not even with attnpool::reference, which is itself tested against it.
#include <algorithm>
#include <attnpool/kernel.hpp>
#include <attnpool/range.hpp>
#include <attnpool/view.hpp>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

namespace attnpool::test {

using Real = long double;

/// Everything the formulas need about one query: the softmax weights of the visible keys, relative to the one that weighs
/// most. Key weights enter as logarithms; a key of weight 0 is not visible.
template <class T>
struct OracleRow {
  std::vector<std::size_t> visible;
  std::vector<Real> p;      // of visible[i]
  std::size_t nearest = 0;  // the key with the highest score, its own weight included
  Real log_sum_exp = -std::numeric_limits<Real>::infinity();

  OracleRow(MatrixView<const T> queries, std::size_t q, MatrixView<const T> keys, const Gaussian& score,
            const KeyRange& range, std::span<const double> key_weights = {})
      : weights(key_weights) {
    for (std::size_t k = 0; k < keys.rows; ++k)
      if (range.contains(q, k, keys.rows) && (weights.empty() || weights[k] > 0)) visible.push_back(k);
    if (visible.empty()) return;

    // Scores far from all keys are huge and nearly equal; their differences are computed without cancellation from
    //   s_k - s_n = 1/2 sum_d w^2 (k - n)(2q - k - n),
    // n being a key for which no difference is positive. A new n is at least as near, so this ends after a step or two.
    nearest = visible[0];
    p.resize(visible.size());
    for (int round = 0; round < 10; ++round) {
      std::size_t best = 0;
      for (std::size_t i = 0; i < visible.size(); ++i) {
        p[i] = difference(queries, q, keys, score, visible[i]);
        if (p[i] > p[best]) best = i;
      }
      if (!(p[best] > 0)) break;
      nearest = visible[best];
    }
    Real sum = 0;
    for (Real& s : p) sum += s = std::exp(s);
    for (Real& s : p) s /= sum;
    Real top = 0;
    for (std::size_t d = 0; d < keys.cols; ++d) {
      const Real delta = Real(score.w_of(d)) * (Real(queries(q, d)) - Real(keys(nearest, d)));
      top -= delta * delta / 2;
    }
    if (!weights.empty()) top += std::log(Real(weights[nearest]));
    log_sum_exp = top + std::log(sum);
  }

  Real pooled(MatrixView<const T> values, std::size_t v) const {
    if (visible.empty()) return std::numeric_limits<Real>::quiet_NaN();
    Real sum = 0;
    for (std::size_t i = 0; i < visible.size(); ++i) sum += p[i] * Real(values(visible[i], v));
    return sum;
  }

 private:
  std::span<const double> weights;

  Real difference(MatrixView<const T> queries, std::size_t q, MatrixView<const T> keys, const Gaussian& score,
                  std::size_t k) const {
    Real sum = 0;
    for (std::size_t d = 0; d < keys.cols; ++d) {
      const Real w = score.w_of(d), x = queries(q, d), a = keys(k, d), n = keys(nearest, d);
      sum += w * w * (a - n) * ((x - a) + (x - n));
    }
    if (!weights.empty()) sum += 2 * (std::log(Real(weights[k])) - std::log(Real(weights[nearest])));
    return sum / 2;
  }
};

/// The pooled rows [Q, V], row-major.
template <class T>
std::vector<Real> oracle_pool(MatrixView<const T> queries, MatrixView<const T> keys, MatrixView<const T> values,
                              const Gaussian& score, const KeyRange& range = KeyRange::all()) {
  std::vector<Real> out;
  for (std::size_t q = 0; q < queries.rows; ++q) {
    const OracleRow<T> row(queries, q, keys, score, range);
    for (std::size_t v = 0; v < values.cols; ++v) out.push_back(row.pooled(values, v));
  }
  return out;
}

/// d out[q,v] / d w[p] = -sum_k p_k (v_k - out) t_k with t_k = w delta_k^2, for one query, [P, V]; and how large the
/// terms of that sum are, sum_k p_k |v_k - out| |t_k - t_n|, which scales the rounding errors. Taking t_n of the
/// nearest key off every t_k changes nothing in the sum and saves the far queries.
struct OracleGradient {
  std::vector<Real> gradient, size;
};
template <class T>
OracleGradient oracle_gradient(const OracleRow<T>& row, MatrixView<const T> queries, std::size_t q,
                               MatrixView<const T> keys, MatrixView<const T> values, const Gaussian& score) {
  const std::size_t w_count = score.w().size();
  OracleGradient g;
  g.gradient.assign(w_count * values.cols, row.visible.empty() ? std::numeric_limits<Real>::quiet_NaN() : Real(0));
  g.size.assign(w_count * values.cols, Real(0));
  for (std::size_t v = 0; v < values.cols; ++v) {
    const Real out = row.pooled(values, v);
    for (std::size_t i = 0; i < row.visible.size(); ++i) {
      const std::size_t k = row.visible[i];
      for (std::size_t d = 0; d < keys.cols; ++d) {
        const Real x = queries(q, d), a = keys(k, d), n = keys(row.nearest, d);
        const Real t = Real(score.w_of(d)) * (a - n) * ((a - x) + (n - x));
        const std::size_t entry = (score.is_scalar() ? 0 : d) * values.cols + v;
        g.gradient[entry] -= row.p[i] * (Real(values(k, v)) - out) * t;
        g.size[entry] += row.p[i] * std::abs(Real(values(k, v)) - out) * std::abs(t);
      }
    }
  }
  return g;
}

/// log(sum e^s) and the softmax of one row of scores, -inf entries included; the caller keeps NaN and +inf away.
template <class T>
Real oracle_log_sum_exp(const T* scores, std::size_t count) {
  Real top = -std::numeric_limits<Real>::infinity();
  for (std::size_t i = 0; i < count; ++i) top = std::max(top, Real(scores[i]));
  if (std::isinf(top)) return top;
  Real sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += std::exp(Real(scores[i]) - top);
  return top + std::log(sum);
}
template <class T>
std::vector<Real> oracle_softmax(const T* scores, std::size_t count) {
  Real top = -std::numeric_limits<Real>::infinity();
  for (std::size_t i = 0; i < count; ++i) top = std::max(top, Real(scores[i]));
  std::vector<Real> p(count);
  Real sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += p[i] = std::exp(Real(scores[i]) - top);
  for (Real& value : p) value /= sum;
  return p;
}

}  // namespace attnpool::test
