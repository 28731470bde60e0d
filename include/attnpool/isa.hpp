#pragma once
#include <vector>

namespace attnpool {

/// Instruction sets that the routines are compiled for, weakest first. Routines are written once; an Isa is a set of
/// compiler flags and a register type. Results are bit-identical within {scalar, sse2} (no fused multiply-add) and
/// within {avx2, avx512, neon} (with it).
enum class Isa { scalar, sse2, avx2, avx512, neon };

/// "scalar", "sse2", "avx2", "avx512", "neon".
const char* to_string(Isa isa) noexcept;

/// In this build, weakest first.
std::vector<Isa> compiled_isas();

/// In this build, on this CPU, and with register state that the operating system saves; weakest first.
std::vector<Isa> supported_isas();

/// The one that calls use now: that of the innermost ScopedIsa, else the environment variable ATTNPOOL_ISA (read once),
/// else the best supported. Throws std::invalid_argument if ATTNPOOL_ISA is unknown or unsupported; so does every
/// computing function, since nothing ever falls back silently.
Isa active_isa();

/// Forces an ISA for the whole process while it lives; nests. Not for use while other threads are computing.
class ScopedIsa {
 public:
  /// Throws std::invalid_argument if isa is not supported here.
  explicit ScopedIsa(Isa isa);
  ~ScopedIsa();
  ScopedIsa(const ScopedIsa&) = delete;
  ScopedIsa& operator=(const ScopedIsa&) = delete;

 private:
  int previous_;
};

}  // namespace attnpool
