// operator new for attnpool_failing: ATTNPOOL_TEST_FAIL_AT=n makes the n-th call throw, ATTNPOOL_TEST_COUNT=FILE writes how
// many calls there were.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>

namespace {

std::atomic<long> calls{0};

/// What the environment says, asked before the first allocation.
long fail_at() {
  static const long n = [] {
    std::atexit([] {
      const char* name = std::getenv("ATTNPOOL_TEST_COUNT");
      if (std::FILE* file = name == nullptr ? nullptr : std::fopen(name, "w")) {
        std::fprintf(file, "%ld\n", calls.load());
        std::fclose(file);
      }
    });
    const char* text = std::getenv("ATTNPOOL_TEST_FAIL_AT");
    return text == nullptr ? 0 : std::atol(text);
  }();
  return n;
}

void* checked(void* p) {
  const long limit = fail_at();
  if (p == nullptr || ++calls == limit) {
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
