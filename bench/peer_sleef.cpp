// SLEEF's exp (1 ULP), called from the shared library, in the common loop.
#include <sleef.h>
namespace {
struct Exp {
  static __m256 exp(__m256 x) { return Sleef_expf8_u10avx2(x); }
  static __m256d exp(__m256d x) { return Sleef_expd4_u10avx2(x); }
};
}  // namespace
#include "loops-inl.hpp"

namespace bench {
constinit const Implementation sleef_peer = {
    .name = "SLEEF u10 loop", .isa = "avx2", .f32 = loops<float>(), .f64 = loops<double>(), .one_value_column = true};
}
