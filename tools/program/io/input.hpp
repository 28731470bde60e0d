#pragma once
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace attnpool::program {

/// Buffered reading of a file, of standard input where the path is "-", or of an array in an NPZ archive where the path
/// is "FILE.npz:NAME" (or FILE.npz with one array). What begins like a gzip file is decompressed. Throws DataError that
/// names the file.
class Input {
 public:
  explicit Input(const std::string& path);
  ~Input();
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  /// For messages: the path or "standard input".
  const std::string& name() const { return name_; }

  /// The next byte as 0..255, or -1 at the end.
  int get() { return position_ < end_ || fill() ? static_cast<unsigned char>(buffer_[position_++]) : -1; }
  int peek() { return position_ < end_ || fill() ? static_cast<unsigned char>(buffer_[position_]) : -1; }

  /// What comes next, up to `size` bytes, without taking it; fewer only at the end.
  std::string_view look_ahead(std::size_t size);

  /// True if what comes next is `text`, which is then skipped. At most a few bytes, at the start of a file.
  bool skip(std::string_view text);

  /// Reads up to count bytes; fewer only at the end.
  std::size_t read(char* bytes, std::size_t count);

  /// Bytes not read yet. Where the size is not known beforehand (a pipe, a compressed file) all is read into memory to
  /// know it, so that nobody need believe a header.
  std::size_t bytes_left();

 private:
  class Source;   // where the bytes come from
  class File;     // a file descriptor
  class Gzip;     // another source, decompressed
  class Archive;  // an array of an NPZ file

  bool fill();                     // false at the end
  std::size_t append_to_buffer();  // 0 at the end

  std::string name_;
  std::unique_ptr<Source> source_;
  std::size_t taken_ = 0;  // from the source
  std::vector<char> buffer_;
  std::size_t position_ = 0, end_ = 0;  // the unread part of buffer_
};

}  // namespace attnpool::program
