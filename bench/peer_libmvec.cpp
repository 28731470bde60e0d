// Plain loops that the compiler vectorises with glibc's libmvec. The only file of the project compiled with
// -ffast-math; the program is linked without it, which keeps the floating-point environment as it was.
#include <cmath>
#include <cstdlib>

#include "peer.hpp"

namespace {

using bench::Gradient;
using bench::Pool;
using bench::Softmax;

// Small functions over __restrict pointers: written over captured variables these loops stay scalar. The clamp keeps
// expf off its slow path for large arguments.
template <class T>
constexpr T lowest = sizeof(T) == 4 ? T(-87) : T(-708);

template <class T>
[[gnu::noinline]] void four_queries(const T* __restrict q, const T* __restrict keys, const T* __restrict values,
                                    std::size_t n, T (*__restrict sums)[4]) {
  const T q0 = q[0], q1 = q[1], q2 = q[2], q3 = q[3];
  T s0 = 0, s1 = 0, s2 = 0, s3 = 0, o0 = 0, o1 = 0, o2 = 0, o3 = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3, o0, o1, o2, o3)
  for (std::size_t k = 0; k < n; ++k) {
    const T key = keys[k], v = values[k], t0 = q0 - key, t1 = q1 - key, t2 = q2 - key, t3 = q3 - key;
    const T x0 = -t0 * t0, x1 = -t1 * t1, x2 = -t2 * t2, x3 = -t3 * t3;
    const T e0 = std::exp(x0 < lowest<T> ? lowest<T> : x0), e1 = std::exp(x1 < lowest<T> ? lowest<T> : x1);
    const T e2 = std::exp(x2 < lowest<T> ? lowest<T> : x2), e3 = std::exp(x3 < lowest<T> ? lowest<T> : x3);
    s0 += e0, s1 += e1, s2 += e2, s3 += e3;
    o0 += e0 * v, o1 += e1 * v, o2 += e2 * v, o3 += e3 * v;
  }
  sums[0][0] = s0, sums[0][1] = o0, sums[1][0] = s1, sums[1][1] = o1;
  sums[2][0] = s2, sums[2][1] = o2, sums[3][0] = s3, sums[3][1] = o3;
}

template <class T>
[[gnu::noinline]] void one_query(T q, T scale, const T* __restrict keys, const T* __restrict values, std::size_t n,
                                 T* __restrict sums) {
  T s = 0, o = 0;
#pragma omp simd reduction(+ : s, o)
  for (std::size_t k = 0; k < n; ++k) {
    const T t = q - keys[k] * scale, x = -t * t, e = std::exp(x < lowest<T> ? lowest<T> : x);
    s += e, o += e * values[k];
  }
  sums[0] = s, sums[1] = o;
}

template <class T>
[[gnu::noinline]] void moments(T q, const T* __restrict keys, const T* __restrict values, std::size_t n,
                               T* __restrict sums) {
  T s = 0, o = 0, s2 = 0, o2 = 0;
#pragma omp simd reduction(+ : s, o, s2, o2)
  for (std::size_t k = 0; k < n; ++k) {
    const T t = q - keys[k], square = t * t, x = -square, e = std::exp(x < lowest<T> ? lowest<T> : x);
    s += e, o += e * values[k], s2 += e * square, o2 += e * square * values[k];
  }
  sums[0] = s, sums[1] = o, sums[2] = s2, sums[3] = o2;
}

/// Several dimensions: squared distances of a block of keys, dimension by dimension, then their exponentials.
template <class T>
[[gnu::noinline]] void squares(T q, const T* __restrict keys, std::size_t n, T* __restrict square, bool first) {
  if (first) {
#pragma omp simd
    for (std::size_t k = 0; k < n; ++k) square[k] = (q - keys[k]) * (q - keys[k]);
  } else {
#pragma omp simd
    for (std::size_t k = 0; k < n; ++k) square[k] += (q - keys[k]) * (q - keys[k]);
  }
}
template <class T>
[[gnu::noinline]] void weigh(const T* __restrict square, const T* __restrict values, std::size_t n,
                             T* __restrict sums) {
  T s = 0, o = 0;
#pragma omp simd reduction(+ : s, o)
  for (std::size_t k = 0; k < n; ++k) {
    const T x = -square[k], e = std::exp(x < lowest<T> ? lowest<T> : x);
    s += e, o += e * values[k];
  }
  sums[0] += s, sums[1] += o;
}

template <class T>
T* allocate(std::size_t n) {
  return static_cast<T*>(std::aligned_alloc(64, (n * sizeof(T) + 63) / 64 * 64));
}

/// Scaled coordinates, dimension by dimension.
template <class T>
T* scaled_columns(const T* x, std::size_t rows, std::size_t cols, double w) {
  T* out = allocate<T>(rows * cols);
  const T scale = static_cast<T>(w * 0.70710678118654752440);
  for (std::size_t c = 0; c < cols; ++c)
    for (std::size_t r = 0; r < rows; ++r) out[c * rows + r] = x[r * cols + c] * scale;
  return out;
}

template <class T>
void pool(const Pool<T>& p) {  // V = 1
  const std::size_t n = p.key_count;
  if (p.query_count == 1 && p.dims == 1) {
    const T scale = static_cast<T>(p.w * 0.70710678118654752440);
    T weight = 0, value = 0;
#pragma omp parallel for schedule(static) num_threads(p.threads) if (p.threads > 1) reduction(+ : weight, value)
    for (int thread = 0; thread < p.threads; ++thread) {
      const std::size_t id = static_cast<std::size_t>(thread), threads = static_cast<std::size_t>(p.threads);
      const std::size_t begin = n * id / threads, end = n * (id + 1) / threads;
      T sums[2];
      one_query(p.queries[0] * scale, scale, p.keys + begin, p.values + begin, end - begin, sums);
      weight += sums[0], value += sums[1];
    }
    p.out[0] = value / weight;
    return;
  }
  T* queries = scaled_columns(p.queries, p.query_count, p.dims, p.w);
  T* keys = scaled_columns(p.keys, n, p.dims, p.w);
  const std::ptrdiff_t quads = static_cast<std::ptrdiff_t>((p.query_count + 3) / 4);
#pragma omp parallel for schedule(static) num_threads(p.threads) if (p.threads > 1)
  for (std::ptrdiff_t b = 0; b < quads; ++b) {
    const std::size_t q = static_cast<std::size_t>(b) * 4, count = p.query_count - q < 4 ? p.query_count - q : 4;
    T sums[4][4] = {};
    if (p.dims == 1) {
      T four[4];
      for (std::size_t i = 0; i < 4; ++i) four[i] = queries[q + (i < count ? i : 0)];
      four_queries(four, keys, p.values, n, sums);
    } else {
      constexpr std::size_t length = 1024;  // of squared distances, kept in L1
      alignas(64) T square[length];
      for (std::size_t k = 0; k < n; k += length) {
        const std::size_t m = n - k < length ? n - k : length;
        for (std::size_t i = 0; i < count; ++i) {
          for (std::size_t d = 0; d < p.dims; ++d)
            squares(queries[d * p.query_count + q + i], keys + d * n + k, m, square, d == 0);
          weigh(square, p.values + k, m, sums[i]);
        }
      }
    }
    for (std::size_t i = 0; i < count; ++i) p.out[q + i] = sums[i][1] / sums[i][0];
  }
  std::free(queries);
  std::free(keys);
}

template <class T>
void gradient(Gradient<T>& g) {  // D = V = 1
  const Pool<T>& p = g.pool;
  T* queries = scaled_columns(p.queries, p.query_count, 1, p.w);
  T* keys = scaled_columns(p.keys, p.key_count, 1, p.w);
  const std::ptrdiff_t query_count = static_cast<std::ptrdiff_t>(p.query_count);
  double loss = 0, slope = 0;
#pragma omp parallel for schedule(static) num_threads(p.threads) if (p.threads > 1) reduction(+ : loss, slope)
  for (std::ptrdiff_t q = 0; q < query_count; ++q) {
    T sums[4];
    moments(queries[q], keys, p.values, p.key_count, sums);
    const T out = sums[1] / sums[0];
    const double residual = static_cast<double>(out) - static_cast<double>(g.targets[q]);
    loss += residual * residual;
    slope += 2 * residual * static_cast<double>(-(sums[3] - out * sums[2]) / sums[0]);
  }
  std::free(queries);
  std::free(keys);
  g.loss = loss / static_cast<double>(p.query_count);
  g.gradient = slope * 2 / p.w / static_cast<double>(p.query_count);
}

template <class T>
void scores(const bench::Scores<T>& s) {  // D = 1
  const Pool<T>& p = s.pool;
  const std::size_t n = p.key_count;
  const std::ptrdiff_t quads = static_cast<std::ptrdiff_t>((n + 3) / 4);
  for (std::size_t i = 0; i < s.count; ++i) {
    T* keys = scaled_columns(p.keys, n, 1, s.w[i]);
    double loss = 0;
#pragma omp parallel for schedule(static) num_threads(p.threads) if (p.threads > 1) reduction(+ : loss)
    for (std::ptrdiff_t b = 0; b < quads; ++b) {
      const std::size_t q = static_cast<std::size_t>(b) * 4, count = n - q < 4 ? n - q : 4;
      T four[4], sums[4][4];
      for (std::size_t j = 0; j < 4; ++j) four[j] = keys[q + (j < count ? j : 0)];
      four_queries(four, keys, p.values, n, sums);
      for (std::size_t j = 0; j < count; ++j) {  // its own key has weight 1
        const double value = static_cast<double>(p.values[q + j]);
        const double rest = (static_cast<double>(sums[j][1]) - value) / (static_cast<double>(sums[j][0]) - 1) - value;
        loss += rest * rest;
      }
    }
    s.losses[i] = loss / static_cast<double>(n);
    std::free(keys);
  }
}

template <class T>
[[gnu::noinline]] void softmax_row(const T* x, T* y, std::size_t n) {  // x and y may be the same
  T max = x[0], total = 0;
#pragma omp simd reduction(max : max)
  for (std::size_t k = 0; k < n; ++k) max = x[k] > max ? x[k] : max;
#pragma omp simd reduction(+ : total)
  for (std::size_t k = 0; k < n; ++k) {
    const T d = x[k] - max, e = std::exp(d < lowest<T> ? lowest<T> : d);
    y[k] = e;
    total += e;
  }
  const T factor = 1 / total;
#pragma omp simd
  for (std::size_t k = 0; k < n; ++k) y[k] *= factor;
}

template <class T>
void softmax(const Softmax<T>& s) {
  const std::ptrdiff_t rows = static_cast<std::ptrdiff_t>(s.rows);
#pragma omp parallel for schedule(static) num_threads(s.threads) if (s.threads > 1)
  for (std::ptrdiff_t r = 0; r < rows; ++r)
    softmax_row(s.scores + static_cast<std::size_t>(r) * s.cols, s.out + static_cast<std::size_t>(r) * s.cols, s.cols);
}

template <class T>
[[gnu::noinline]] void exp(const T* x, T* out, std::size_t n) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) out[i] = std::exp(x[i]);
}

}  // namespace

namespace bench {
constinit const Implementation libmvec_peer = {.name = "libmvec loop",
                                               .isa = "avx2",
                                               .f32 = {.pool = pool<float>,
                                                       .gradient = gradient<float>,
                                                       .softmax = softmax<float>,
                                                       .exp = exp<float>,
                                                       .scores = scores<float>},
                                               .f64 = {.pool = pool<double>,
                                                       .gradient = gradient<double>,
                                                       .softmax = softmax<double>,
                                                       .exp = exp<double>,
                                                       .scores = scores<double>},
                                               .one_value_column = true};
}
