#pragma once
// What the machine itself can do, measured in the same process as everything that is compared with it.
namespace bench {

/// Lane-FMAs done by a loop of independent fused multiply-adds that never leave the registers. The caller has the
/// clock, and asks only for an ISA that the CPU has. baseline: what every CPU of this architecture has (on x86-64 that
/// is SSE2, where a multiplication and an addition count as one).
using FmaLoop = double (*)(long iterations);
extern const FmaLoop fma_avx2_f32, fma_avx2_f64, fma_avx512_f32, fma_avx512_f64, fma_baseline_f32, fma_baseline_f64;

}  // namespace bench
