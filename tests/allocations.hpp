#pragma once
// Counts the bytes that operator new has handed out in this program, and lets it fail.
#include <cstddef>

namespace attnpool::test {

/// The largest number of bytes alive at once since construction, beyond those alive at construction; on all threads.
class PeakBytes {
 public:
  PeakBytes();
  std::size_t value() const;
  std::size_t alive_now() const;  // those that were not given back; 0 if nothing leaked

 private:
  std::size_t before_;
};

/// The n-th allocation from now on, on any thread, throws std::bad_alloc; those after it succeed.
class FailAllocation {
 public:
  explicit FailAllocation(long n);
  ~FailAllocation();
  FailAllocation(const FailAllocation&) = delete;
  FailAllocation& operator=(const FailAllocation&) = delete;
  bool has_failed() const;
};

/// While it lives, operator new fails on this thread after `successes` more calls.
class FailingAllocation {
 public:
  explicit FailingAllocation(int successes);
  ~FailingAllocation();
  FailingAllocation(const FailingAllocation&) = delete;
  FailingAllocation& operator=(const FailingAllocation&) = delete;
};

}  // namespace attnpool::test
