#include <algorithm>
#include <attnpool/reference.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "base/validate.hpp"
#include "plan/choose.hpp"

namespace attnpool::reference {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

template <class T>
double difference(const In<T>& queries, const In<T>& keys, std::size_t q, std::size_t k, std::size_t d) {
  return static_cast<double>(queries(q, d)) - static_cast<double>(keys(k, d));
}

// Which keys query q sees, and with which weights.
struct Visible {
  const Options& options;
  std::size_t q, key_count;

  double weight(std::size_t k) const { return options.key_weights.empty() ? 1 : options.key_weights[k]; }
  bool contains(std::size_t k) const { return options.range.contains(q, k, key_count) && weight(k) > 0; }
};

// The options that count here; the others have nothing to say, so they are refused.
void check(const Options& options, const char* function, std::size_t query_count, std::size_t key_count) {
  detail::check_unused(options, function, detail::uses_range | detail::uses_key_weights | detail::uses_order);
  detail::check_options(options, query_count, key_count, 1);
}

// log K(u) under a kernel whose weights never become 0.
double log_weight(const KernelProfile& profile, double square) {
  if (profile.shape == KernelShape::laplace) return -std::sqrt(square);
  if (profile.shape == KernelShape::rational_quadratic)
    return -profile.alpha * std::log1p(square / (2 * profile.alpha));
  return -square / 2;
}

// The logarithm of the weight of one key, -inf for none.
template <class T>
double log_weight_of(In<T> queries, In<T> keys, const Kernel& kernel, std::size_t q, std::size_t k) {
  const KernelProfile& profile = kernel.profile();
  double square = 0, sum = 0;
  for (std::size_t d = 0; d < keys.cols; ++d) {
    const double u = kernel.w_of(d) * difference<T>(queries, keys, q, k, d);
    square += u * u;
    if (profile.product)
      sum += profile.is_compact() ? std::log(kernel_weight(profile, u * u)) : log_weight(profile, u * u);
  }
  if (profile.product) return sum;
  return profile.is_compact() ? std::log(kernel_weight(profile, square)) : log_weight(profile, square);
}

// Normalised weights of one query over all keys, 0 for those it does not see; all NaN if it is not finite or none has weight.
template <class T>
std::vector<double> weights_of(In<T> queries, In<T> keys, const Kernel& kernel, const Visible& visible) {
  std::vector<double> p(keys.rows, -inf);
  double max = -inf;
  for (std::size_t k = 0; k < keys.rows; ++k) {
    if (!visible.contains(k)) continue;
    p[k] = std::log(visible.weight(k)) + log_weight_of<T>(queries, keys, kernel, visible.q, k);
    max = p[k] > max || std::isnan(p[k]) ? p[k] : max;
  }
  double sum = 0;
  for (double& x : p) {
    x = x == -inf && max != -inf ? 0 : std::exp(x - max);
    sum += x;
  }
  for (double& x : p) x /= sum;
  return p;
}

// The value at the query of the weighted least-squares polynomial in the differences from it: columns 1, delta_d (or powers of
// delta), made orthogonal one after the other in long double; a column of which nothing is left adds nothing.
template <class T>
double local_polynomial(In<T> queries, In<T> keys, In<T> values, const Kernel& kernel, const std::vector<double>& p,
                        const Visible& visible, std::size_t v, int order) {
  const std::size_t terms = 1 + (order == 2 ? 2 : keys.cols);
  std::vector<std::vector<long double>> columns(terms, std::vector<long double>(p.size(), 1.0L));
  std::vector<long double> at_query(terms, 0.0L), rest(p.size());
  at_query[0] = 1;
  for (std::size_t k = 0; k < p.size(); ++k) {
    rest[k] = p[k] > 0 ? static_cast<long double>(values(k, v)) : 0;
    for (std::size_t t = 1; t < terms; ++t) {
      const std::size_t d = order == 2 ? 0 : t - 1;
      const long double delta = static_cast<long double>(kernel.w_of(d)) *
                                static_cast<long double>(difference<T>(queries, keys, visible.q, k, d));
      columns[t][k] = order == 2 && t == 2 ? delta * delta : delta;
    }
  }
  const auto product = [&](const std::vector<long double>& a, const std::vector<long double>& b) {
    long double sum = 0;
    for (std::size_t k = 0; k < p.size(); ++k)
      if (p[k] > 0) sum += static_cast<long double>(p[k]) * a[k] * b[k];
    return sum;
  };
  long double answer = 0;
  for (std::size_t t = 0; t < terms; ++t) {
    const long double before = product(columns[t], columns[t]);
    for (int twice = 0; twice < 2; ++twice)
      for (std::size_t i = 0; i < t; ++i) {
        const long double square = product(columns[i], columns[i]);
        const long double share = square > 0 ? product(columns[t], columns[i]) / square : 0;
        for (std::size_t k = 0; k < p.size(); ++k) columns[t][k] -= share * columns[i][k];
        at_query[t] -= share * at_query[i];
      }
    const long double square = product(columns[t], columns[t]);
    if (!(square > before * 1e-28L)) {
      std::fill(columns[t].begin(), columns[t].end(), 0.0L);
      at_query[t] = 0;
      continue;
    }
    const long double coefficient = product(columns[t], rest) / square;
    answer += coefficient * at_query[t];
    for (std::size_t k = 0; k < p.size(); ++k) rest[k] -= coefficient * columns[t][k];
  }
  return static_cast<double>(answer);
}

// A query that sees a value which is not finite sums just those, whatever their weights.
template <class T>
double weighted_mean(const std::vector<double>& p, In<T> values, const Visible& visible, std::size_t v) {
  double mean = 0, irregular = 0;
  bool seen = false;
  for (std::size_t k = 0; k < p.size(); ++k) {
    if (!visible.contains(k)) continue;
    seen = true;
    const double value = static_cast<double>(values(k, v));
    if (!std::isfinite(value))
      irregular += value;
    else
      mean += p[k] * value;
  }
  if (!seen || std::isnan(mean)) return nan;
  return irregular != 0 ? irregular : mean;
}

}  // namespace

template <class T>
void exp(const std::type_identity_t<T>* x, T* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<T>(std::exp(static_cast<double>(x[i])));
}

template <class T>
void log_sum_exp(In<T> scores, T* out) {
  for (std::size_t r = 0; r < scores.rows; ++r) {
    double max = -inf, sum = 0;
    for (std::size_t c = 0; c < scores.cols; ++c) {
      const double x = static_cast<double>(scores(r, c));
      max = x > max || std::isnan(x) ? x : max;
    }
    for (std::size_t c = 0; c < scores.cols && std::isfinite(max); ++c)
      sum += std::exp(static_cast<double>(scores(r, c)) - max);
    out[r] = static_cast<T>(std::isfinite(max) ? max + std::log(sum) : max);
  }
}

template <class T>
void softmax(In<T> scores, MatrixView<T> out) {
  for (std::size_t r = 0; r < scores.rows; ++r) {
    double max = -inf, sum = 0;
    std::vector<double> p(scores.cols);
    for (std::size_t c = 0; c < scores.cols; ++c) {
      p[c] = static_cast<double>(scores(r, c));
      max = p[c] > max || std::isnan(p[c]) ? p[c] : max;
    }
    for (double& x : p) sum += x = std::exp(x - max);
    for (std::size_t c = 0; c < scores.cols; ++c) out(r, c) = static_cast<T>(p[c] / sum);
  }
}

template <class T>
void average_pool(In<T> values, MatrixView<T> out) {
  for (std::size_t v = 0; v < values.cols; ++v) {
    double sum = 0;
    for (std::size_t k = 0; k < values.rows; ++k) sum += static_cast<double>(values(k, v));
    for (std::size_t q = 0; q < out.rows; ++q) out(q, v) = static_cast<T>(sum / static_cast<double>(values.rows));
  }
}

template <class T>
void pool(In<T> queries, In<T> keys, In<T> values, const Kernel& kernel, MatrixView<T> out, const Options& options) {
  check(options, "reference::pool", queries.rows, keys.rows);
  for (std::size_t q = 0; q < queries.rows; ++q) {
    const Visible visible{options, q, keys.rows};
    const std::vector<double> p = weights_of<T>(queries, keys, kernel, visible);
    for (std::size_t v = 0; v < values.cols; ++v) {
      double value = weighted_mean<T>(p, values, visible, v);
      if (options.order > 0 && std::isfinite(value))
        value = local_polynomial<T>(queries, keys, values, kernel, p, visible, v, options.order);
      out(q, v) = static_cast<T>(value);
    }
  }
}

template <class T>
void attention_weights(In<T> queries, In<T> keys, const Kernel& kernel, MatrixView<T> weights, const Options& options) {
  check(options, "reference::attention_weights", queries.rows, keys.rows);
  for (std::size_t q = 0; q < queries.rows; ++q) {
    const Visible visible{options, q, keys.rows};
    const std::vector<double> p = weights_of<T>(queries, keys, kernel, visible);
    bool sees_none = true;
    for (std::size_t k = 0; k < keys.rows; ++k) sees_none &= !visible.contains(k);
    for (std::size_t k = 0; k < keys.rows; ++k) weights(q, k) = sees_none ? T(0) : static_cast<T>(p[k]);
  }
}

template <class T>
void pool_gradient(In<T> queries, In<T> keys, In<T> values, const Kernel& kernel, MatrixView<T> out,
                   MatrixView<T> gradient, const Options& options) {
  check(options, "reference::pool_gradient", queries.rows, keys.rows);
  if (!kernel.profile().is_gaussian())
    detail::bad_argument("kernel", std::string("must be gaussian here, got ") + to_string(kernel.profile().shape));
  const std::size_t parameters = kernel.w().size();
  for (std::size_t q = 0; q < queries.rows; ++q) {
    const Visible visible{options, q, keys.rows};
    const std::vector<double> p = weights_of<T>(queries, keys, kernel, visible);
    for (std::size_t v = 0; v < values.cols; ++v) {
      const double mean = weighted_mean<T>(p, values, visible, v);
      out(q, v) = static_cast<T>(mean);
      for (std::size_t i = 0; i < parameters; ++i) {
        double sum = 0;  // sum_k p_k (v_k - mean) ds_k/dw_i
        for (std::size_t k = 0; k < keys.rows; ++k) {
          if (p[k] == 0) continue;
          double square = 0;
          for (std::size_t d = 0; d < keys.cols; ++d) {
            const double delta = difference<T>(queries, keys, q, k, d);
            if (kernel.is_scalar() || d == i) square += delta * delta;
          }
          sum += p[k] * (static_cast<double>(values(k, v)) - mean) * -kernel.w()[i] * square;
        }
        gradient(q, i * values.cols + v) = static_cast<T>(std::isfinite(mean) ? sum : nan);
      }
    }
  }
}

template <class T>
LossAndGradient loss_gradient(MatrixView<const T> queries, MatrixView<const T> keys, MatrixView<const T> values,
                              MatrixView<const T> targets, const Kernel& kernel, Loss loss, const Options& options) {
  const std::size_t parameters = kernel.w().size(), cols = values.cols;
  std::vector<T> out(queries.rows * cols), gradient(queries.rows * parameters * cols);
  reference::pool_gradient<T>(queries, keys, values, kernel, {out.data(), queries.rows, cols},
                              {gradient.data(), queries.rows, parameters * cols}, options);
  const double of_square = loss == Loss::mean ? 1 / static_cast<double>(out.size()) : 0.5;
  LossAndGradient result{0, std::vector<double>(parameters)};
  for (std::size_t q = 0; q < queries.rows; ++q)
    for (std::size_t v = 0; v < cols; ++v) {
      const double residual = static_cast<double>(out[q * cols + v]) - static_cast<double>(targets(q, v));
      result.loss += of_square * residual * residual;
      for (std::size_t p = 0; p < parameters; ++p)
        result.gradient[p] += 2 * of_square * residual * static_cast<double>(gradient[(q * parameters + p) * cols + v]);
    }
  return result;
}

#define ATTNPOOL_INSTANTIATE(T)                                                                                     \
  template void exp<T>(const std::type_identity_t<T>*, T*, std::size_t);                                            \
  template void softmax<T>(In<T>, MatrixView<T>);                                                                   \
  template void log_sum_exp<T>(In<T>, T*);                                                                          \
  template void average_pool<T>(In<T>, MatrixView<T>);                                                              \
  template void pool<T>(In<T>, In<T>, In<T>, const Kernel&, MatrixView<T>, const Options&);                         \
  template void attention_weights<T>(In<T>, In<T>, const Kernel&, MatrixView<T>, const Options&);                   \
  template void pool_gradient<T>(In<T>, In<T>, In<T>, const Kernel&, MatrixView<T>, MatrixView<T>, const Options&); \
  template LossAndGradient loss_gradient(MatrixView<const T>, MatrixView<const T>, MatrixView<const T>,             \
                                         MatrixView<const T>, const Kernel&, Loss, const Options&);
ATTNPOOL_INSTANTIATE(float)
ATTNPOOL_INSTANTIATE(double)

}  // namespace attnpool::reference
