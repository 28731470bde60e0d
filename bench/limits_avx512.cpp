#define BYTES 64
#include "limits-inl.hpp"

namespace bench {
constinit const FmaLoop fma_avx512_f32 = fma_loop<float>, fma_avx512_f64 = fma_loop<double>;
}
