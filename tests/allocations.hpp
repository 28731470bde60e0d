#pragma once
// Counts the bytes that operator new has handed out in this program, and lets it fail.
#include <cstddef>

namespace attnpool::test {

/// The largest number of bytes alive at once since construction, beyond those alive at construction; on all threads.
class PeakBytes {
 public:
  PeakBytes();
  std::size_t value() const;

 private:
  std::size_t before_;
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
