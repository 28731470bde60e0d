// xsimd::exp in the common loop. The library's own AVX2 routines instantiate xsimd for the same architecture: the flags
// of this file must be the same as theirs, since the linker keeps one copy of whatever is not inlined.
#include <xsimd/xsimd.hpp>
namespace {
struct Exp {
  using Arch = xsimd::fma3<xsimd::avx2>;
  static __m256 exp(__m256 x) { return xsimd::exp(xsimd::batch<float, Arch>(x)); }
  static __m256d exp(__m256d x) { return xsimd::exp(xsimd::batch<double, Arch>(x)); }
};
}  // namespace
#include "loops-inl.hpp"

namespace bench {
constinit const Implementation xsimd_peer = {
    .name = "xsimd::exp loop", .isa = "avx2", .f32 = loops<float>(), .f64 = loops<double>(), .one_value_column = true};
}
