#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace attnpool::program {

/// Buffered reading of a file, or of standard input where the path is "-". Throws DataError that names the file.
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

  /// True if what comes next is `text`, which is then skipped. At most a few bytes, at the start of a file.
  bool skip(std::string_view text);

  /// Reads up to count bytes; fewer only at the end.
  std::size_t read(char* bytes, std::size_t count);

  /// Bytes not read yet. A pipe is read to its end into memory to know, so that nobody need believe a header.
  std::size_t bytes_left();

 private:
  bool fill();                     // false at the end
  std::size_t append_to_buffer();  // 0 at the end

  std::string name_;
  int file_ = -1;
  std::optional<std::size_t> file_size_;  // of a regular file
  std::size_t taken_from_file_ = 0;
  std::vector<char> buffer_;
  std::size_t position_ = 0, end_ = 0;  // the unread part of buffer_
};

}  // namespace attnpool::program
