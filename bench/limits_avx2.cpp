#define BYTES 32
#include <cstddef>
#include <cstring>

#include "limits-inl.hpp"
#include "peer.hpp"

namespace {

volatile unsigned long long sink;

/// The bitwise or of n bytes.
unsigned long long read_registers(const void* data, std::size_t n) {
  typedef unsigned long long Reg __attribute__((vector_size(32), aligned(4), may_alias));
  const Reg* p = static_cast<const Reg*>(data);
  Reg a[8] = {};
  for (std::size_t i = 0; i + 8 <= n / sizeof(Reg); i += 8)
#pragma GCC unroll 8
    for (std::size_t j = 0; j < 8; ++j) a[j] |= p[i + j];
  unsigned long long all = 0;
  for (const Reg& r : a)
    for (std::size_t j = 0; j < sizeof(Reg) / 8; ++j) all |= r[j];
  return all;
}

/// Reads keys and values once, in one piece per thread: what a query over many keys cannot do without.
template <class T>
void read_keys_and_values(const bench::Pool<T>& p) {
#pragma omp parallel for schedule(static) num_threads(p.threads) if (p.threads > 1)
  for (int thread = 0; thread < p.threads; ++thread) {
    auto piece = [&](const T* data, std::size_t n) {
      const std::size_t id = static_cast<std::size_t>(thread), threads = static_cast<std::size_t>(p.threads);
      const std::size_t begin = n * id / threads, end = n * (id + 1) / threads;
      return read_registers(data + begin, (end - begin) * sizeof(T));
    };
    sink = piece(p.keys, p.key_count * p.dims) | piece(p.values, p.key_count * p.value_cols);
  }
}

/// Reads the scores and writes as much, row by row.
template <class T>
void copy_rows(const bench::Softmax<T>& s) {
#pragma omp parallel for schedule(static) num_threads(s.threads) if (s.threads > 1)
  for (std::size_t r = 0; r < s.rows; ++r)
    if (s.out != s.scores) std::memcpy(s.out + r * s.cols, s.scores + r * s.cols, s.cols * sizeof(T));
}

}  // namespace

namespace bench {
constinit const FmaLoop fma_avx2_f32 = fma_loop<float>, fma_avx2_f64 = fma_loop<double>;
constinit const Implementation memory_limit = {
    .name = "(memory only)",
    .isa = "avx2",
    .f32 = {.pool = read_keys_and_values<float>, .softmax = copy_rows<float>},
    .f64 = {},
    .limit = true};
}  // namespace bench
