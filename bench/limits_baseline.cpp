#define BYTES 16
#include "limits-inl.hpp"

namespace bench {
constinit const FmaLoop fma_baseline_f32 = fma_loop<float>, fma_baseline_f64 = fma_loop<double>;
}
