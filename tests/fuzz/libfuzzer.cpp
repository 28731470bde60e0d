// The entry point that libFuzzer calls; ATTNPOOL_FUZZ_TARGET is a function of targets.hpp.
#include "targets.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  attnpool::fuzz::ATTNPOOL_FUZZ_TARGET(data, size);
  return 0;
}
