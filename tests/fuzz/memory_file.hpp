#pragma once
// A file that exists in memory only, with a name that can be opened.
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "targets.hpp"

namespace attnpool::fuzz {

class MemoryFile {
 public:
  MemoryFile(const std::uint8_t* data, std::size_t size) : file_(memfd_create("fuzz", MFD_CLOEXEC)) {
    require(file_ >= 0 && write(file_, data, size) == static_cast<ssize_t>(size), "memory for a file");
  }
  ~MemoryFile() { close(file_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(file_); }

 private:
  int file_;
};

}  // namespace attnpool::fuzz
