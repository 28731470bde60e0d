#pragma once
// Counts the bytes that operator new has handed out in this program.
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

}  // namespace attnpool::test
