#pragma once
// Counts the bytes that operator new has handed out in this program, and lets it fail.
#include <cstddef>

namespace attnpool::test {

/// Whether operator new is the one that counts: clang's sanitizers have one of their own.
bool counts_allocations();

/// The largest number of bytes alive at once since construction, beyond those alive at construction; on all threads.
class PeakBytes {
 public:
  PeakBytes();
  std::size_t value() const;
  std::size_t alive_now() const;  // those that were not given back; 0 if nothing leaked

 private:
  std::size_t before_;
};

/// The n-th allocation from now on, on any thread, throws std::bad_alloc; those after it succeed, or fail like it while
/// this lives.
class FailAllocation {
 public:
  enum class Then { succeed, fail };
  explicit FailAllocation(long n, Then then = Then::succeed);
  ~FailAllocation();
  FailAllocation(const FailAllocation&) = delete;
  FailAllocation& operator=(const FailAllocation&) = delete;
  bool has_failed() const;
};

}  // namespace attnpool::test
