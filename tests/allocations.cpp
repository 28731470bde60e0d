#include "allocations.hpp"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> alive{0}, peak{0};
std::atomic<long> until_failure{0};  // the allocation that counts down to 0 fails

bool is_to_fail() { return until_failure.load() > 0 && until_failure.fetch_sub(1) == 1; }
thread_local int successes_left = -1;  // < 0: no limit

bool fails() {
  if (successes_left > 0) return --successes_left, false;
  return successes_left == 0;
}

void* counted(void* p, bool may_fail = true) {
  if (p == nullptr || (may_fail && is_to_fail())) {
    std::free(p);
    throw std::bad_alloc();
  }
  const std::size_t now = alive.fetch_add(malloc_usable_size(p)) + malloc_usable_size(p);
  for (std::size_t seen = peak.load(); now > seen && !peak.compare_exchange_weak(seen, now);) {
  }
  return p;
}
void release(void* p) {
  if (p != nullptr) alive.fetch_sub(malloc_usable_size(p));
  std::free(p);
}

}  // namespace

namespace attnpool::test {
PeakBytes::PeakBytes() : before_(alive.load()) { peak = before_; }
std::size_t PeakBytes::value() const { return peak.load() - before_; }
std::size_t PeakBytes::alive_now() const { return alive.load() - before_; }
FailAllocation::FailAllocation(long n) { until_failure = n; }
FailAllocation::~FailAllocation() { until_failure = 0; }
bool FailAllocation::has_failed() const { return until_failure.load() <= 0; }
FailingAllocation::FailingAllocation(int successes) { successes_left = successes; }
FailingAllocation::~FailingAllocation() { successes_left = -1; }
}  // namespace attnpool::test

// The other forms call these. Who asks without an exception (std::stable_sort) goes on without the memory: not made to fail.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  void* p = std::malloc(size == 0 ? 1 : size);
  return p == nullptr ? nullptr : counted(p, false);
}
void* operator new(std::size_t size) { return counted(fails() ? nullptr : std::malloc(size == 0 ? 1 : size)); }
void* operator new(std::size_t size, std::align_val_t align) {
  const std::size_t unit = static_cast<std::size_t>(align);
  return counted(fails() ? nullptr : std::aligned_alloc(unit, (size + unit - 1) / unit * unit));
}
void operator delete(void* p) noexcept { release(p); }
void operator delete(void* p, std::size_t) noexcept { release(p); }
void operator delete(void* p, std::align_val_t) noexcept { release(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { release(p); }
