// The loop that a good programmer writes in a day around somebody's vector exp: AVX2, keys in the lanes, four queries
// in registers, coordinates scaled beforehand so that the score is -t^2. One copy per peer: before including it, a
// peer's file defines a namespace-local `Exp` with static exp(__m256) and exp(__m256d). Everything is in an anonymous
// namespace.
#include <immintrin.h>

#include <cmath>
#include <cstdlib>
#include <type_traits>

#include "peer.hpp"

namespace {

using bench::Gradient;
using bench::Pool;
using bench::Softmax;

template <class T>
struct Lanes;
template <>
struct Lanes<float> {
  using Reg = __m256;
  static constexpr std::size_t count = 8;
  static Reg load(const float* p) { return _mm256_loadu_ps(p); }
  static void store(float* p, Reg a) { _mm256_storeu_ps(p, a); }
  static Reg set(float x) { return _mm256_set1_ps(x); }
  static Reg add(Reg a, Reg b) { return _mm256_add_ps(a, b); }
  static Reg sub(Reg a, Reg b) { return _mm256_sub_ps(a, b); }
  static Reg mul(Reg a, Reg b) { return _mm256_mul_ps(a, b); }
  static Reg max(Reg a, Reg b) { return _mm256_max_ps(a, b); }
  static Reg fma(Reg a, Reg b, Reg c) { return _mm256_fmadd_ps(a, b, c); }
};
template <>
struct Lanes<double> {
  using Reg = __m256d;
  static constexpr std::size_t count = 4;
  static Reg load(const double* p) { return _mm256_loadu_pd(p); }
  static void store(double* p, Reg a) { _mm256_storeu_pd(p, a); }
  static Reg set(double x) { return _mm256_set1_pd(x); }
  static Reg add(Reg a, Reg b) { return _mm256_add_pd(a, b); }
  static Reg sub(Reg a, Reg b) { return _mm256_sub_pd(a, b); }
  static Reg mul(Reg a, Reg b) { return _mm256_mul_pd(a, b); }
  static Reg max(Reg a, Reg b) { return _mm256_max_pd(a, b); }
  static Reg fma(Reg a, Reg b, Reg c) { return _mm256_fmadd_pd(a, b, c); }
};

template <class T>
T sum(typename Lanes<T>::Reg a) {
  T x[Lanes<T>::count], s = 0;
  Lanes<T>::store(x, a);
  for (T v : x) s += v;
  return s;
}

/// Scaled copies of the coordinates, dimension by dimension, keys padded to whole registers with copies of the last one
/// and values with 0; `pad` keys too many then count in the sum of weights and are taken out again by `live`, 0 for
/// them.
template <class T>
struct Scaled {
  T *queries, *keys, *values, *live;
  std::size_t key_stride;

  explicit Scaled(const Pool<T>& p) {
    constexpr std::size_t lanes = Lanes<T>::count;
    const T scale = static_cast<T>(p.w * 0.70710678118654752440);
    key_stride = (p.key_count + lanes - 1) / lanes * lanes;
    queries = allocate(p.query_count * p.dims);
    keys = allocate(key_stride * p.dims);
    values = allocate(key_stride * p.value_cols);
    live = allocate(key_stride);
    for (std::size_t i = 0; i < p.query_count * p.dims; ++i) queries[i] = p.queries[i] * scale;
    for (std::size_t k = 0; k < key_stride; ++k) {
      const std::size_t from = k < p.key_count ? k : p.key_count - 1;
      live[k] = k < p.key_count ? T(1) : T(0);
      for (std::size_t d = 0; d < p.dims; ++d) keys[d * key_stride + k] = p.keys[from * p.dims + d] * scale;
      for (std::size_t v = 0; v < p.value_cols; ++v)
        values[v * key_stride + k] = p.values[from * p.value_cols + v] * live[k];
    }
  }
  ~Scaled() {
    std::free(queries);
    std::free(keys);
    std::free(values);
    std::free(live);
  }
  static T* allocate(std::size_t n) { return static_cast<T*>(std::aligned_alloc(64, (n * sizeof(T) + 63) / 64 * 64)); }
};

/// Sums of weights and weighted values (and, for the gradient, of both times t^2) of `count` queries over keys [begin,
/// end).
template <class T, int count, bool one_dimension, bool moments>
void block(const Scaled<T>& s, const T* queries, std::size_t dims, std::size_t begin, std::size_t end, T (*sums)[4]) {
  using L = Lanes<T>;
  typename L::Reg weight[count], value[count], weight2[count], value2[count];
  for (int i = 0; i < count; ++i) weight[i] = value[i] = weight2[i] = value2[i] = L::set(0);
  const typename L::Reg zero = L::set(0);
  const std::size_t whole = end == s.key_stride ? end - L::count : end;  // the last register of keys may be padded
  auto step = [&](std::size_t k, auto padded) __attribute__((always_inline)) {
    typename L::Reg square[count];
#pragma GCC unroll 4
    for (int i = 0; i < count; ++i) {
      const auto t = L::sub(L::set(queries[static_cast<std::size_t>(i) * dims]), L::load(s.keys + k));
      square[i] = L::mul(t, t);
    }
    if constexpr (!one_dimension) {
      for (std::size_t d = 1; d < dims; ++d) {
        const auto key = L::load(s.keys + d * s.key_stride + k);
#pragma GCC unroll 4
        for (int i = 0; i < count; ++i) {
          const auto t = L::sub(L::set(queries[static_cast<std::size_t>(i) * dims + d]), key);
          square[i] = L::fma(t, t, square[i]);
        }
      }
    }
    const auto v = L::load(s.values + k);
#pragma GCC unroll 4
    for (int i = 0; i < count; ++i) {
      auto e = Exp::exp(L::sub(zero, square[i]));
      if constexpr (padded.value) e = L::mul(e, L::load(s.live + k));
      weight[i] = L::add(weight[i], e);
      value[i] = L::fma(e, v, value[i]);
      if constexpr (moments) {
        const auto e2 = L::mul(e, square[i]);
        weight2[i] = L::add(weight2[i], e2);
        value2[i] = L::fma(e2, v, value2[i]);
      }
    }
  };
  std::size_t k = begin;
  for (; k < whole; k += L::count) step(k, std::false_type());
  if (k < end) step(k, std::true_type());
  for (int i = 0; i < count; ++i) {
    sums[i][0] = sum<T>(weight[i]), sums[i][1] = sum<T>(value[i]);
    sums[i][2] = sum<T>(weight2[i]), sums[i][3] = sum<T>(value2[i]);
  }
}

/// The sums of all queries, given to `use(query, sums)`; V = 1.
template <class T, bool moments, class Use>
void sums_of_queries(const Pool<T>& p, Use use) {
  const Scaled<T> s(p);
  const std::ptrdiff_t quads = static_cast<std::ptrdiff_t>(p.query_count / 4);
#pragma omp parallel for schedule(static) num_threads(p.threads) if (p.threads > 1)
  for (std::ptrdiff_t b = 0; b < quads; ++b) {
    T sums[4][4];
    const std::size_t q = static_cast<std::size_t>(b) * 4;
    if (p.dims == 1) {
      block<T, 4, true, moments>(s, s.queries + q, 1, 0, s.key_stride, sums);
    } else {
      block<T, 4, false, moments>(s, s.queries + q * p.dims, p.dims, 0, s.key_stride, sums);
    }
    for (std::size_t i = 0; i < 4; ++i) use(q + i, sums[i]);
  }
  for (std::size_t q = static_cast<std::size_t>(quads) * 4; q < p.query_count; ++q) {
    T sums[1][4];
    block<T, 1, false, moments>(s, s.queries + q * p.dims, p.dims, 0, s.key_stride, sums);
    use(q, sums[0]);
  }
}

/// One query, one dimension, many keys: no copy, two registers of keys at a time, the keys split among the threads.
template <class T>
void pool_one_query(const Pool<T>& p) {
  using L = Lanes<T>;
  const T scale = static_cast<T>(p.w * 0.70710678118654752440);
  const std::size_t chunk =
      (p.key_count / static_cast<std::size_t>(p.threads) + 2 * L::count - 1) / (2 * L::count) * 2 * L::count;
  T weight = 0, value = 0;
#pragma omp parallel for schedule(static) num_threads(p.threads) if (p.threads > 1) reduction(+ : weight, value)
  for (int thread = 0; thread < p.threads; ++thread) {
    const std::size_t begin = static_cast<std::size_t>(thread) * chunk;
    const std::size_t end = thread + 1 == p.threads || begin + chunk > p.key_count ? p.key_count : begin + chunk;
    const auto zero = L::set(0), factor = L::set(scale), query = L::set(p.queries[0] * scale);
    auto w0 = zero, w1 = zero, v0 = zero, v1 = zero;
    auto score = [&](std::size_t k) __attribute__((always_inline)) {
      const auto t = L::sub(query, L::mul(factor, L::load(p.keys + k)));
      return L::sub(zero, L::mul(t, t));
    };
    std::size_t k = begin;
    for (; k + 2 * L::count <= end; k += 2 * L::count) {
      const auto e0 = Exp::exp(score(k)), e1 = Exp::exp(score(k + L::count));
      w0 = L::add(w0, e0), w1 = L::add(w1, e1);
      v0 = L::fma(e0, L::load(p.values + k), v0), v1 = L::fma(e1, L::load(p.values + k + L::count), v1);
    }
    weight += sum<T>(L::add(w0, w1)), value += sum<T>(L::add(v0, v1));
    for (; k < end; ++k) {
      const T t = (p.queries[0] - p.keys[k]) * scale, e = std::exp(-t * t);
      weight += e, value += e * p.values[k];
    }
  }
  p.out[0] = value / weight;
}

/// V = 1; the table asks only for that.
template <class T>
void loop_pool(const Pool<T>& p) {
  if (p.query_count == 1 && p.dims == 1) return pool_one_query(p);
  sums_of_queries<T, false>(p, [&](std::size_t q, const T* sums) { p.out[q] = sums[1] / sums[0]; });
}

/// d out / dw = -Cov(v, w delta^2), with t^2 = w^2 delta^2 / 2.
template <class T>
void loop_gradient(Gradient<T>& g) {
  T* rows = Scaled<T>::allocate(2 * g.pool.query_count);
  sums_of_queries<T, true>(g.pool, [&](std::size_t q, const T* sums) {
    const T out = sums[1] / sums[0];
    rows[2 * q] = out;
    rows[2 * q + 1] = -(sums[3] - out * sums[2]) / sums[0];
  });
  double loss = 0, gradient = 0;
  for (std::size_t q = 0; q < g.pool.query_count; ++q) {
    const double residual = static_cast<double>(rows[2 * q]) - static_cast<double>(g.targets[q]);
    loss += residual * residual;
    gradient += 2 * residual * static_cast<double>(rows[2 * q + 1]);
  }
  std::free(rows);
  const double n = static_cast<double>(g.pool.query_count);
  g.loss = loss / n;
  g.gradient = gradient * 2 / g.pool.w / n;
}

template <class T>
void loop_softmax_row(const T* x, T* y, std::size_t n) {
  using L = Lanes<T>;
  const std::size_t whole = n / (4 * L::count) * (4 * L::count);
  typename L::Reg m[4], s[4];
  for (int i = 0; i < 4; ++i) m[i] = L::set(x[0]), s[i] = L::set(0);
  for (std::size_t k = 0; k < whole; k += 4 * L::count)
#pragma GCC unroll 4
    for (std::size_t i = 0; i < 4; ++i) m[i] = L::max(m[i], L::load(x + k + i * L::count));
  T lanes[L::count], max = x[0], total = 0;
  L::store(lanes, L::max(L::max(m[0], m[1]), L::max(m[2], m[3])));
  for (T v : lanes) max = v > max ? v : max;
  for (std::size_t k = whole; k < n; ++k) max = x[k] > max ? x[k] : max;
  const auto shift = L::set(max);
  for (std::size_t k = 0; k < whole; k += 4 * L::count)
#pragma GCC unroll 4
    for (std::size_t i = 0; i < 4; ++i) {
      const auto e = Exp::exp(L::sub(L::load(x + k + i * L::count), shift));
      L::store(y + k + i * L::count, e);
      s[i] = L::add(s[i], e);
    }
  total = sum<T>(L::add(L::add(s[0], s[1]), L::add(s[2], s[3])));
  for (std::size_t k = whole; k < n; ++k) total += y[k] = std::exp(x[k] - max);
  const auto factor = L::set(1 / total);
  for (std::size_t k = 0; k < whole; k += L::count) L::store(y + k, L::mul(L::load(y + k), factor));
  for (std::size_t k = whole; k < n; ++k) y[k] /= total;
}

template <class T>
void loop_softmax(const Softmax<T>& s) {
  const std::ptrdiff_t rows = static_cast<std::ptrdiff_t>(s.rows);
#pragma omp parallel for schedule(static) num_threads(s.threads) if (s.threads > 1)
  for (std::ptrdiff_t r = 0; r < rows; ++r)
    loop_softmax_row(s.scores + static_cast<std::size_t>(r) * s.cols, s.out + static_cast<std::size_t>(r) * s.cols,
                     s.cols);
}

template <class T>
void loop_exp(const T* x, T* out, std::size_t n) {
  using L = Lanes<T>;
  std::size_t i = 0;
  for (; i + 4 * L::count <= n; i += 4 * L::count) {
    typename L::Reg y[4];
#pragma GCC unroll 4
    for (std::size_t j = 0; j < 4; ++j) y[j] = Exp::exp(L::load(x + i + j * L::count));
#pragma GCC unroll 4
    for (std::size_t j = 0; j < 4; ++j) L::store(out + i + j * L::count, y[j]);
  }
  for (; i < n; ++i) out[i] = std::exp(x[i]);
}

template <class T>
constexpr bench::Functions<T> loops() {
  return {loop_pool<T>, loop_gradient<T>, loop_softmax<T>, loop_exp<T>};
}

}  // namespace
