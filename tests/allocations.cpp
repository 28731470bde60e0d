#include "allocations.hpp"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> alive{0}, peak{0};
std::atomic<bool> failing{false}, failing_on{false};  // a FailAllocation lives; it fails more than one
std::atomic<long> until_failure{0};                   // the allocation that counts down to 0 fails

void fail_if_told_to() {
  if (!failing) return;
  const long left = until_failure.fetch_sub(1);
  if (left == 1 || (left < 1 && failing_on)) throw std::bad_alloc();
}

void* counted(void* p) {
  if (p == nullptr) throw std::bad_alloc();
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
bool counts_allocations() {
  const PeakBytes bytes;
  ::operator delete(::operator new(1));
  return bytes.value() > 0;
}

PeakBytes::PeakBytes() : before_(alive.load()) { peak = before_; }
std::size_t PeakBytes::value() const { return peak.load() - before_; }
std::size_t PeakBytes::alive_now() const { return alive.load() - before_; }
FailAllocation::FailAllocation(long n, Then then) {
  until_failure = n;
  failing_on = then == Then::fail;
  failing = true;
}
FailAllocation::~FailAllocation() { failing = false; }
bool FailAllocation::has_failed() const { return until_failure.load() <= 0; }
}  // namespace attnpool::test

// The other forms call these. Who asks without an exception (std::stable_sort) goes on without the memory: not made to
// fail.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  void* p = std::malloc(size == 0 ? 1 : size);
  return p == nullptr ? nullptr : counted(p);
}
void* operator new(std::size_t size) {
  fail_if_told_to();
  return counted(std::malloc(size == 0 ? 1 : size));
}
void* operator new(std::size_t size, std::align_val_t align) {
  fail_if_told_to();
  const std::size_t unit = static_cast<std::size_t>(align);
  return counted(std::aligned_alloc(unit, (size + unit - 1) / unit * unit));
}
void operator delete(void* p) noexcept { release(p); }
void operator delete(void* p, std::size_t) noexcept { release(p); }
void operator delete(void* p, std::align_val_t) noexcept { release(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { release(p); }
