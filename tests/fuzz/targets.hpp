#pragma once
// What is fuzzed: each function takes any bytes, and ends the process where a promise is broken. Run by libFuzzer
// (tools/fuzz), or over the files of corpus/ (the ctest fuzz_corpus).
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace attnpool::fuzz {

void routines(const std::uint8_t* data, std::size_t size);   // all ISAs of this CPU against each other
void npy(const std::uint8_t* data, std::size_t size);        // the reader of NPY files
void csv(const std::uint8_t* data, std::size_t size);        // the reader of CSV files
void model(const std::uint8_t* data, std::size_t size);      // the reader of model files
void arguments(const std::uint8_t* data, std::size_t size);  // the whole program, by its arguments

/// Ends the process, saying what was broken.
inline void require(bool condition, const char* promise) {
  if (condition) return;
  std::fprintf(stderr, "broken: %s\n", promise);
  std::abort();
}

}  // namespace attnpool::fuzz
