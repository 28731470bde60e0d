// Routines for neon; the flags are in CMakeLists.txt. Nothing here may run before the ISA was detected.
#define ATTNPOOL_ISA neon
#include <xsimd/xsimd.hpp>
namespace attnpool::neon {
using arch = xsimd::neon64;
}
#include "table-inl.hpp"
