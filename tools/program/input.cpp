#include "input.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "errors.hpp"
#include "interrupt.hpp"

namespace attnpool::program {
namespace {

constexpr std::size_t chunk = 1 << 16;

}  // namespace

Input::Input(const std::string& path) : name_(path == "-" ? "standard input" : path) {
  file_ = path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file_ < 0) {
    if (errno == EINTR && interrupted()) throw CancelledByUser();
    throw DataError("cannot read " + name_ + ": " + std::strerror(errno));
  }
  struct stat status = {};
  if (path != "-" && fstat(file_, &status) == 0 && S_ISREG(status.st_mode)) {
    file_size_ = static_cast<std::size_t>(status.st_size);
  }
}

Input::~Input() {
  if (file_ > STDIN_FILENO) close(file_);
}

std::size_t Input::append_to_buffer() {
  if (buffer_.size() - end_ < chunk) buffer_.resize(std::max(end_ + chunk, buffer_.size() + buffer_.size() / 2));
  while (true) {
    const ssize_t count = ::read(file_, buffer_.data() + end_, chunk);
    if (count >= 0) {
      end_ += static_cast<std::size_t>(count);
      taken_from_file_ += static_cast<std::size_t>(count);
      return static_cast<std::size_t>(count);
    }
    if (errno != EINTR) throw DataError("cannot read " + name_ + ": " + std::strerror(errno));
    if (interrupted()) throw CancelledByUser();
  }
}

bool Input::fill() {
  position_ = end_ = 0;
  return append_to_buffer() != 0;
}

bool Input::skip(std::string_view text) {
  while (end_ - position_ < text.size() && append_to_buffer() != 0) {
  }
  if (std::string_view(buffer_.data() + position_, end_ - position_).substr(0, text.size()) != text) return false;
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
  if (file_size_) return end_ - position_ + (*file_size_ - std::min(*file_size_, taken_from_file_));
  while (append_to_buffer() != 0) {
  }
  return end_ - position_;
}

}  // namespace attnpool::program
