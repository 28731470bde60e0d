// Routines for sse2; the flags are in CMakeLists.txt. Nothing here may run before the ISA was detected.
#define ATTNPOOL_ISA sse2
#include <xsimd/xsimd.hpp>
namespace attnpool::sse2 {
using arch = xsimd::sse2;
}
#include "table-inl.hpp"
