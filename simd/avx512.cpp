// Routines for avx512; the flags are in CMakeLists.txt. Nothing here may run before the ISA was detected.
#define ATTNPOOL_ISA avx512
#include <xsimd/xsimd.hpp>
namespace attnpool::avx512 {
using arch = xsimd::avx512bw;
}
#include "table-inl.hpp"
