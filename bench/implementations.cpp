#include "implementations.hpp"

#include <time.h>

#include <algorithm>
#include <cstring>

#include "limits.hpp"

namespace bench {
namespace {

bool has(attnpool::Isa isa) {
  const auto isas = attnpool::supported_isas();
  return std::find(isas.begin(), isas.end(), isa) != isas.end();
}

}  // namespace

std::vector<Implementation> peers() {
  std::vector<Implementation> result;
#ifdef BENCH_HAS_AVX2
  if (has(attnpool::Isa::avx2)) {
#ifdef BENCH_HAS_HIGHWAY
    result.push_back(highway_peer);
#endif
    result.push_back(xsimd_peer);
#ifdef BENCH_HAS_LIBMVEC
    result.push_back(libmvec_peer);
#endif
#ifdef BENCH_HAS_SLEEF
    result.push_back(sleef_peer);
#endif
#ifdef BENCH_HAS_EIGEN
    result.push_back(eigen_peer);
#endif
#ifdef BENCH_HAS_OPENBLAS
    result.push_back(openblas_peer);
    result.back().isa = openblas_isa();
#endif
#ifdef BENCH_HAS_ONEDNN
    result.push_back(onednn_peer);
#endif
    result.push_back(memory_limit);
  }
#endif
#ifdef BENCH_HAS_SCIPY
  result.push_back(scipy_peer);
#endif
  return result;
}

double seconds(int threads, bool elsewhere) {
  timespec t;
  clock_gettime(threads == 1 && !elsewhere ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double fma_peak(const char* isa, bool is_double) {
  FmaLoop loop = is_double ? fma_baseline_f64 : fma_baseline_f32;
#ifdef BENCH_HAS_AVX2
  if (std::strcmp(isa, "avx2") == 0 && has(attnpool::Isa::avx2)) loop = is_double ? fma_avx2_f64 : fma_avx2_f32;
  if (std::strcmp(isa, "avx512") == 0 && has(attnpool::Isa::avx512)) loop = is_double ? fma_avx512_f64 : fma_avx512_f32;
#endif
  double best = 0;
  for (int i = 0; i < 3; ++i) {  // the first one also wakes wide units up
    const double start = seconds(1), done = loop(1000000);
    best = std::max(best, done / (seconds(1) - start));
  }
  return best;
}

}  // namespace bench
