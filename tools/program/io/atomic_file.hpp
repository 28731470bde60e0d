#pragma once
#include <string>
#include <string_view>

namespace attnpool::program {

/// Writing a file that appears whole or not at all: into a temporary file beside it, which commit() renames. What is no
/// regular file (a device, a named pipe) cannot be replaced and is written as it goes, and so is standard output, "-".
/// A symbolic link stays and its target is replaced; the permissions of a replaced file stay. Throws OutputError.
class AtomicFile {
 public:
  explicit AtomicFile(const std::string& path);
  /// Without commit() nothing remains.
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::string_view bytes);
  void commit();

 private:
  void flush();
  [[noreturn]] void fail(const char* reason) const;
  void open_temporary(unsigned mode, bool keep_mode);

  std::string path_;       // as the user wrote it, for messages
  std::string target_;     // what the temporary file becomes; empty if written directly
  std::string temporary_;  // empty if there is none (any more)
  std::string buffer_;
  int file_ = -1;
  bool interrupted_before_;
};

/// The whole of a small file at once.
void write_file(const std::string& path, std::string_view bytes);

/// Throws OutputError if a file could not be made there; said before long work instead of after it. Leaves nothing
/// behind.
void require_writable(const std::string& path);

}  // namespace attnpool::program
