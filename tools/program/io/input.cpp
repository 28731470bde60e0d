#include "io/input.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/errors.hpp"
#include "base/interrupt.hpp"

namespace attnpool::program {
namespace {

constexpr std::size_t chunk = 1 << 16;
constexpr std::string_view gzip_magic = "\x1f\x8b";

}  // namespace

class Input::Source {
 public:
  virtual ~Source() = default;
  /// Up to `size` bytes, 0 at the end.
  virtual std::size_t read(char* bytes, std::size_t size) = 0;
  /// Of all that read() gives, if it is known beforehand.
  virtual std::optional<std::size_t> size() const { return std::nullopt; }
};

class Input::File : public Source {
 public:
  File(const std::string& path, const std::string& name) : name_(name) {
    file_ = path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file_ < 0) {
      if (errno == EINTR && interrupted()) throw CancelledByUser();
      throw DataError("cannot read " + name_ + ": " + std::strerror(errno));
    }
    struct stat status = {};
    if (path != "-" && fstat(file_, &status) == 0 && S_ISREG(status.st_mode)) {
      size_ = static_cast<std::size_t>(status.st_size);
    }
  }
  ~File() override {
    if (file_ > STDIN_FILENO) close(file_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  std::size_t read(char* bytes, std::size_t size) override {
    while (true) {
      const ssize_t count = ::read(file_, bytes, size);
      if (count >= 0) return static_cast<std::size_t>(count);
      if (errno != EINTR) throw DataError("cannot read " + name_ + ": " + std::strerror(errno));
      if (interrupted()) throw CancelledByUser();
    }
  }
  std::optional<std::size_t> size() const override { return size_; }

 private:
  std::string name_;
  int file_ = -1;
  std::optional<std::size_t> size_;  // of a regular file
};

class Input::Gzip : public Source {
 public:
  /// `begun`: what has been read of the other source already.
  Gzip(std::unique_ptr<Source> compressed, std::string_view begun, const std::string& name)
      : compressed_(std::move(compressed)), name_(name), input_(begun.begin(), begun.end()) {
    if (inflateInit2(&stream_, 15 + 16) != Z_OK) throw std::bad_alloc();
    stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
    stream_.avail_in = static_cast<uInt>(input_.size());
  }
  ~Gzip() override { inflateEnd(&stream_); }
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  std::size_t read(char* bytes, std::size_t size) override {
    stream_.next_out = reinterpret_cast<Bytef*>(bytes);
    stream_.avail_out = static_cast<uInt>(size);
    while (stream_.avail_out == size) {
      if (stream_.avail_in == 0 && !refill()) {
        if (inside_) throw DataError(name_ + ": the gzip data end too soon");
        return 0;
      }
      if (!inside_) inflateReset(&stream_);  // one member may follow another
      inside_ = true;
      const int status = inflate(&stream_, Z_NO_FLUSH);
      if (status == Z_STREAM_END) {
        inside_ = false;
      } else if (status != Z_OK && status != Z_BUF_ERROR) {
        throw DataError(name_ + ": the gzip data are damaged");
      }
    }
    return size - stream_.avail_out;
  }

 private:
  bool refill() {
    input_.resize(chunk);
    input_.resize(compressed_->read(input_.data(), chunk));
    stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
    stream_.avail_in = static_cast<uInt>(input_.size());
    return !input_.empty();
  }

  std::unique_ptr<Source> compressed_;
  std::string name_;
  std::vector<char> input_;
  z_stream stream_ = {};
  bool inside_ = false;  // a member
};

class Input::Archive : public Source {
 public:
  /// member: the name of an array, or empty for the only one.
  Archive(const std::string& path, const std::string& member, const std::string& name) : name_(name) {
    int error = 0;
    archive_ = zip_open(path.c_str(), ZIP_RDONLY, &error);
    if (!archive_) {
      zip_error_t reason;
      zip_error_init_with_code(&reason, error);
      const std::string text = zip_error_strerror(&reason);
      zip_error_fini(&reason);
      throw DataError("cannot read " + path + ": " + text);
    }
    try {
      open_member(member);
    } catch (...) {
      zip_discard(archive_);
      throw;
    }
  }
  ~Archive() override {
    zip_fclose(file_);
    zip_discard(archive_);
  }
  Archive(const Archive&) = delete;
  Archive& operator=(const Archive&) = delete;

  std::size_t read(char* bytes, std::size_t size) override {
    const zip_int64_t count = zip_fread(file_, bytes, size);
    if (count < 0) throw DataError(name_ + ": the archive is damaged");
    return static_cast<std::size_t>(count);
  }

 private:
  void open_member(const std::string& member) {
    const zip_int64_t count = zip_get_num_entries(archive_, 0);
    std::string names;
    zip_int64_t found = -1;
    for (zip_int64_t i = 0; i < count; ++i) {
      const char* entry = zip_get_name(archive_, static_cast<zip_uint64_t>(i), 0);
      std::string array = entry ? entry : "";
      if (array.ends_with(".npy")) array.resize(array.size() - 4);
      if (array == member || (member.empty() && count == 1)) found = i;
      if (names.size() < 400) names += (i == 0 ? "" : ", ") + in_quotes(array);
    }
    if (count == 0) throw DataError(name_ + ": the archive holds no array");
    if (found < 0) {
      throw DataError(name_ + (member.empty() ? ": say which array, as FILE.npz:NAME" : ": no such array") +
                      "; there are " + names);
    }
    file_ = zip_fopen_index(archive_, static_cast<zip_uint64_t>(found), 0);
    if (!file_) throw DataError(name_ + ": " + zip_strerror(archive_));
  }

  std::string name_;
  zip_t* archive_ = nullptr;
  zip_file_t* file_ = nullptr;
};

Input::Input(const std::string& path) : name_(path == "-" ? "standard input" : path) {
  constexpr std::string_view ending = ".npz";
  const std::size_t colon = path.find(".npz:");
  if (colon != path.npos) {
    source_ =
        std::make_unique<Archive>(path.substr(0, colon + ending.size()), path.substr(colon + ending.size() + 1), name_);
  } else if (path.ends_with(ending)) {
    source_ = std::make_unique<Archive>(path, "", name_);
  } else {
    source_ = std::make_unique<File>(path, name_);
    if (look_ahead(gzip_magic.size()) == gzip_magic) {
      source_ = std::make_unique<Gzip>(std::move(source_), std::string_view(buffer_.data(), end_), name_);
      position_ = end_ = taken_ = 0;
    }
  }
}

Input::~Input() = default;

std::size_t Input::append_to_buffer() {
  if (buffer_.size() - end_ < chunk) buffer_.resize(std::max(end_ + chunk, buffer_.size() + buffer_.size() / 2));
  const std::size_t count = source_->read(buffer_.data() + end_, chunk);
  end_ += count;
  taken_ += count;
  return count;
}

bool Input::fill() {
  position_ = end_ = 0;
  return append_to_buffer() != 0;
}

std::string_view Input::look_ahead(std::size_t size) {
  while (end_ - position_ < size && append_to_buffer() != 0) {
  }
  return std::string_view(buffer_.data() + position_, end_ - position_).substr(0, size);
}

bool Input::skip(std::string_view text) {
  if (look_ahead(text.size()) != text) return false;
  position_ += text.size();
  return true;
}

std::size_t Input::read(char* bytes, std::size_t count) {
  std::size_t done = 0;
  while (done < count && peek() >= 0) {
    const std::size_t part = std::min(count - done, end_ - position_);
    std::memcpy(bytes + done, buffer_.data() + position_, part);
    position_ += part;
    done += part;
  }
  return done;
}

std::size_t Input::bytes_left() {
  if (const auto size = source_->size()) return end_ - position_ + (*size - std::min(*size, taken_));
  while (append_to_buffer() != 0) {
  }
  return end_ - position_;
}

}  // namespace attnpool::program
