// Which routines run. Detection asks the operating system too: __builtin_cpu_supports checks XGETBV for the state it
// saves.
#include <atomic>
#include <attnpool/from_string.hpp>
#include <attnpool/isa.hpp>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "base/dispatch.hpp"

namespace attnpool {

template <>
Isa from_string(std::string_view name);

namespace scalar {
extern const detail::RoutineTable table;
}
namespace sse2 {
extern const detail::RoutineTable table;
}
namespace avx2 {
extern const detail::RoutineTable table;
}
namespace avx512 {
extern const detail::RoutineTable table;
}
namespace neon {
extern const detail::RoutineTable table;
}

namespace {

bool always() { return true; }
#if defined(__x86_64__)
[[maybe_unused]] bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
[[maybe_unused]] bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
}
#endif

struct Entry {
  Isa isa;
  const detail::RoutineTable* table;
  bool (*supported)();
};
constexpr Entry entries[] = {
    // weakest first
    {Isa::scalar, &scalar::table, always},
#if defined(ATTNPOOL_HAS_SSE2)
    {Isa::sse2, &sse2::table, always},
#endif
#if defined(ATTNPOOL_HAS_AVX2)
    {Isa::avx2, &avx2::table, has_avx2},
#endif
#if defined(ATTNPOOL_HAS_AVX512)
    {Isa::avx512, &avx512::table, has_avx512},
#endif
#if defined(ATTNPOOL_HAS_NEON)
    {Isa::neon, &neon::table, always},
#endif
};

const Entry* find(Isa isa) {
  for (const Entry& e : entries)
    if (e.isa == isa) return &e;
  return nullptr;
}

std::string supported_names() {
  std::string names;
  for (Isa isa : supported_isas()) names += (names.empty() ? "" : ", ") + std::string(to_string(isa));
  return names;
}

constexpr int not_forced = -1;
std::atomic<int> forced{not_forced};

Isa default_isa() {
  static const Isa isa = [] {
    const char* wanted = std::getenv("ATTNPOOL_ISA");
    if (!wanted || !*wanted) return supported_isas().back();
    try {
      return from_string<Isa>(wanted);
    } catch (const std::invalid_argument& e) {
      throw std::invalid_argument(std::string("ATTNPOOL_ISA: ") + e.what());
    }
  }();
  return isa;
}

}  // namespace

std::vector<Isa> compiled_isas() {
  std::vector<Isa> isas;
  for (const Entry& e : entries) isas.push_back(e.isa);
  return isas;
}

std::vector<Isa> supported_isas() {
  std::vector<Isa> isas;
  for (const Entry& e : entries)
    if (e.supported()) isas.push_back(e.isa);
  return isas;
}

template <>
Isa from_string(std::string_view wanted) {
  for (Isa isa : supported_isas())
    if (to_string(isa) == wanted) return isa;
  throw std::invalid_argument("ISA '" + std::string(wanted) +
                              "' is unknown or not supported here; supported: " + supported_names());
}

Isa active_isa() {
  const int isa = forced.load(std::memory_order_acquire);
  return isa == not_forced ? default_isa() : static_cast<Isa>(isa);
}

ScopedIsa::ScopedIsa(Isa isa) : previous_(not_forced) {
  const Entry* entry = find(isa);
  if (!entry || !entry->supported())
    throw std::invalid_argument("ISA '" + std::string(to_string(isa)) +
                                "' is not supported here; supported: " + supported_names());
  previous_ = forced.exchange(static_cast<int>(isa), std::memory_order_acq_rel);
}

ScopedIsa::~ScopedIsa() { forced.store(previous_, std::memory_order_release); }

const detail::RoutineTable& detail::active_table() { return *find(active_isa())->table; }

}  // namespace attnpool
