// The same routines with registers of one lane, for any CPU; results are those of SSE2, bit for bit.
#define ATTNPOOL_ISA scalar
#define ATTNPOOL_SCALAR_LANES
#include "table-inl.hpp"
