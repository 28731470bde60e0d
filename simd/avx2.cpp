// Routines for avx2; the flags are in CMakeLists.txt. Nothing here may run before the ISA was detected.
#define ATTNPOOL_ISA avx2
#include <xsimd/xsimd.hpp>
namespace attnpool::avx2 {
using arch = xsimd::fma3<xsimd::avx2>;
}
#include "table-inl.hpp"
