#pragma once
#include <attnpool/isa.hpp>
#include <optional>
#include <vector>

#include "peer.hpp"

namespace bench {

/// The peers that were found when this was built and that this CPU can run.
std::vector<Implementation> peers();

/// Runs implementations that follow the library's ISA under this one.
class UnderIsa {
 public:
  UnderIsa(const Implementation& implementation, attnpool::Isa isa) {
    if (!implementation.isa) scope_.emplace(isa);
  }

 private:
  std::optional<attnpool::ScopedIsa> scope_;
};

/// A clock for work on this many threads. One thread: time that this thread has had a core for, so that what neighbours
/// took does not count; on a quiet machine that is the time on the wall, which serves for more threads and for other
/// processes.
double seconds(int threads, bool elsewhere = false);

/// Lane-FMAs per second of one core, in registers of the given ISA ("avx512", "avx2", anything else: the baseline),
/// measured now, in about 5 ms of this thread's own time.
double fma_peak(const char* isa, bool is_double);

}  // namespace bench
