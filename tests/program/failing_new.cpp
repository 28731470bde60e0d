// The program with an operator new that fails: ATTNPOOL_TEST_FAIL_AT=n makes the n-th call since main() throw,
// ATTNPOOL_TEST_COUNT=FILE writes how many calls there were. What libraries allocate before main() nobody could catch.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>

#define main attnpool_main
#include "main.cpp"
#undef main

namespace {

std::atomic<long> calls{0}, fail_at{0};

void* checked(void* p) {
  if (p == nullptr || ++calls == fail_at) {
    std::free(p);
    throw std::bad_alloc();
  }
  return p;
}

}  // namespace

void* operator new(std::size_t size) { return checked(std::malloc(size == 0 ? 1 : size)); }
void* operator new(std::size_t size, std::align_val_t align) {
  const std::size_t unit = static_cast<std::size_t>(align);
  return checked(std::aligned_alloc(unit, (size + unit - 1) / unit * unit));
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

int main(int argc, char** argv) {
  const char *n = std::getenv("ATTNPOOL_TEST_FAIL_AT"), *count = std::getenv("ATTNPOOL_TEST_COUNT");
  calls = 0;
  fail_at = n == nullptr ? 0 : std::atol(n);
  const int code = attnpool_main(argc, argv);
  fail_at = 0;
  if (std::FILE* file = count == nullptr ? nullptr : std::fopen(count, "w")) {
    std::fprintf(file, "%ld\n", calls.load());
    std::fclose(file);
  }
  return code;
}
