// What one writes with a BLAS: scores by sgemm, xsimd's exp over them, values by sgemm, in blocks that stay in L2.
// Same flags as peer_xsimd.cpp, for the reason given there.
#include <cblas.h>
#include <immintrin.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <xsimd/xsimd.hpp>

#include "peer.hpp"

extern "C" void openblas_set_num_threads(int);
extern "C" char* openblas_get_corename();

namespace {

using bench::Pool;

/// s <- exp(s); returns the sum.
float exp_row(float* s, std::size_t n) {
  using Batch = xsimd::batch<float, xsimd::fma3<xsimd::avx2>>;
  __m256 t0 = _mm256_setzero_ps(), t1 = t0;
  std::size_t k = 0;
  for (; k + 16 <= n; k += 16) {
    const __m256 a = xsimd::exp(Batch(_mm256_loadu_ps(s + k))), b = xsimd::exp(Batch(_mm256_loadu_ps(s + k + 8)));
    _mm256_storeu_ps(s + k, a);
    _mm256_storeu_ps(s + k + 8, b);
    t0 = _mm256_add_ps(t0, a), t1 = _mm256_add_ps(t1, b);
  }
  float lanes[8], total = 0;
  _mm256_storeu_ps(lanes, _mm256_add_ps(t0, t1));
  for (float x : lanes) total += x;
  for (; k < n; ++k) total += s[k] = std::exp(s[k]);
  return total;
}

float half_square(const float* x, std::size_t n) {
  float s = 0;
  for (std::size_t i = 0; i < n; ++i) s += x[i] * x[i];
  return -0.5f * s;
}

void pool(const Pool<float>& p) {
  openblas_set_num_threads(1);
  constexpr std::size_t query_block = 128, key_block = 1024;  // 512 KiB of scores
  const float w2 = static_cast<float>(p.w * p.w);
  const int dims = static_cast<int>(p.dims), value_cols = static_cast<int>(p.value_cols);
  float* key_bias = static_cast<float*>(std::malloc(p.key_count * sizeof(float)));
#pragma omp parallel num_threads(p.threads) if (p.threads > 1)
  {
    float* s = static_cast<float*>(std::aligned_alloc(64, query_block * key_block * sizeof(float)));
#pragma omp for schedule(static)
    for (std::size_t k = 0; k < p.key_count; ++k) key_bias[k] = w2 * half_square(p.keys + k * p.dims, p.dims);
#pragma omp for schedule(static)
    for (std::size_t q = 0; q < p.query_count; q += query_block) {
      const std::size_t m = p.query_count - q < query_block ? p.query_count - q : query_block;
      float query_bias[query_block], total[query_block] = {};
      for (std::size_t i = 0; i < m; ++i) query_bias[i] = w2 * half_square(p.queries + (q + i) * p.dims, p.dims);
      for (std::size_t k = 0; k < p.key_count; k += key_block) {
        const std::size_t n = p.key_count - k < key_block ? p.key_count - k : key_block;
        for (std::size_t i = 0; i < m; ++i)
          for (std::size_t j = 0; j < n; ++j) s[i * n + j] = key_bias[k + j] + query_bias[i];
        const int rows = static_cast<int>(m), cols = static_cast<int>(n);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, cols, dims, w2, p.queries + q * p.dims, dims,
                    p.keys + k * p.dims, dims, 1, s, cols);
        for (std::size_t i = 0; i < m; ++i) total[i] += exp_row(s + i * n, n);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, value_cols, cols, 1, s, cols,
                    p.values + k * p.value_cols, value_cols, k == 0 ? 0.0f : 1.0f, p.out + q * p.value_cols,
                    value_cols);
      }
      for (std::size_t i = 0; i < m; ++i)
        for (std::size_t v = 0; v < p.value_cols; ++v) p.out[(q + i) * p.value_cols + v] /= total[i];
    }
    std::free(s);
  }
  std::free(key_bias);
}

}  // namespace

namespace bench {

constinit const Implementation openblas_peer = {
    .name = "OpenBLAS sgemm + xsimd::exp", .isa = "avx2", .f32 = {.pool = pool}, .f64 = {}};

const char* openblas_isa() {
  const char* wide[] = {"SkylakeX", "Cooperlake", "SapphireRapids"};
  for (const char* name : wide)
    if (strcasecmp(openblas_get_corename(), name) == 0) return "avx512";
  return "avx2";
}

}  // namespace bench
