// Compiled once per register width: the includer defines BYTES and NAME.
#include "limits.hpp"

namespace {

#if defined(__x86_64__)
#define REGISTER "+v"
#else
#define REGISTER "+w"
#endif

/// Eight chains: two ports times a latency of four cycles. Variables, not an array: an array whose elements go through
/// an asm statement stays in memory.
template <class T>
double fma_loop(long iterations) {
  typedef T Reg __attribute__((vector_size(BYTES)));
  const Reg factor = Reg{} + T(0.999999), addend = Reg{} + T(1e-6);
  Reg a = Reg{} + T(1), b = a, c = a, d = a, e = a, f = a, g = a, h = a;
  for (long i = 0; i < iterations; ++i) {
    a = a * factor + addend,
    b = b * factor + addend;  // one instruction each: this file is compiled with -ffp-contract=fast
    c = c * factor + addend, d = d * factor + addend;
    e = e * factor + addend, f = f * factor + addend;
    g = g * factor + addend, h = h * factor + addend;
    asm volatile(""
                 : REGISTER(a), REGISTER(b), REGISTER(c), REGISTER(d), REGISTER(e), REGISTER(f), REGISTER(g),
                   REGISTER(h));
  }
  return static_cast<double>(iterations) * 8 * (BYTES / sizeof(T));
}

}  // namespace
