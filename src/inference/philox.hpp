#pragma once
// Random bits as a function of a counter and a key: Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers:
// as easy as 1, 2, 3" (2011). The same on every machine, in any order and on any number of threads.
#include <array>
#include <cstddef>
#include <cstdint>

namespace attnpool::detail {

using PhiloxBlock = std::array<std::uint32_t, 4>;

inline PhiloxBlock philox(PhiloxBlock counter, std::array<std::uint32_t, 2> key) {
  constexpr std::uint64_t multiplier[2] = {0xD2511F53u, 0xCD9E8D57u};
  constexpr std::uint32_t weyl[2] = {0x9E3779B9u, 0xBB67AE85u};
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = multiplier[0] * counter[0], b = multiplier[1] * counter[2];
    counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
               static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += weyl[0], key[1] += weyl[1];
  }
  return counter;
}

// The bits of one replicate for one purpose, 128 at a time: block i is that of the counter (i, replicate, purpose).
class RandomBlocks {
 public:
  RandomBlocks(std::uint64_t seed, std::uint32_t replicate, std::uint32_t purpose)
      : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
        replicate_(replicate),
        purpose_(purpose) {}
  PhiloxBlock operator[](std::size_t i) const {
    const auto index = static_cast<std::uint64_t>(i);
    return philox({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32), replicate_, purpose_},
                  key_);
  }

 private:
  std::array<std::uint32_t, 2> key_;
  std::uint32_t replicate_, purpose_;
};

}  // namespace attnpool::detail
