#include "io/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/errors.hpp"
#include "base/interrupt.hpp"

namespace attnpool::program {
namespace {

constexpr std::size_t buffer_limit = 1 << 16;

std::string followed(const std::string& path) {
  char resolved[PATH_MAX];
  return realpath(path.c_str(), resolved) ? resolved : path;
}

}  // namespace

AtomicFile::AtomicFile(const std::string& path)
    : path_(path == "-" ? "standard output" : path), interrupted_before_(interrupted()) {
  struct stat status = {};
  if (path == "-") {
    file_ = STDOUT_FILENO;
  } else if (const bool exists = stat(path.c_str(), &status) == 0; !exists || S_ISREG(status.st_mode)) {
    target_ = exists ? followed(path) : path;
    if (exists && access(path.c_str(), W_OK) != 0) fail(std::strerror(errno));
    open_temporary(exists ? status.st_mode & 07777 : 0666, exists);
  } else {
    file_ = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (file_ < 0) fail(std::strerror(errno));
  }
}

AtomicFile::~AtomicFile() {
  if (file_ > STDOUT_FILENO) close(file_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

void AtomicFile::fail(const char* reason) const { throw OutputError("cannot write " + path_ + ": " + reason); }

void AtomicFile::open_temporary(unsigned mode, bool keep_mode) {
  const std::size_t slash = target_.rfind('/');
  const std::string directory = slash == target_.npos ? "" : target_.substr(0, slash + 1);
  if (slash + 1 == target_.size()) fail(target_.empty() ? "no name" : "Is a directory");
  for (int attempt = 0; file_ < 0; ++attempt) {  // a name left by a killed process with our number is passed over
    temporary_ = directory + ".attnpool-" + std::to_string(getpid()) + "-" + std::to_string(attempt) + ".tmp";
    file_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (file_ >= 0 || (errno == EEXIST && attempt < 1000)) continue;
    temporary_.clear();
    fail(std::strerror(errno));
  }
  if (keep_mode && fchmod(file_, mode) != 0) {
    // The file system keeps no permissions; the content matters more.
  }
}

void AtomicFile::write(std::string_view bytes) {
  buffer_ += bytes;
  if (buffer_.size() >= buffer_limit) flush();
}

void AtomicFile::flush() {
  std::size_t done = 0;
  while (done < buffer_.size()) {
    // A pipe may never have room again, and a signal that came before it filled up would not end that wait.
    if (temporary_.empty() && interrupted() && !interrupted_before_) throw CancelledByUser();
    const ssize_t count = ::write(file_, buffer_.data() + done, buffer_.size() - done);
    const int error = count < 0 ? errno : 0;
    if (error == EPIPE) throw ClosedPipe();
    if (error != 0 && error != EINTR) fail(std::strerror(error));
    if (count > 0) done += static_cast<std::size_t>(count);
    // A write that a signal cut short was waiting for a reader. What is saved after a signal is saved all the same.
    if (done < buffer_.size() && interrupted() && !interrupted_before_) throw CancelledByUser();
  }
  buffer_.clear();
}

void AtomicFile::commit() {
  flush();
  if (file_ == STDOUT_FILENO) return;
  if (!temporary_.empty() && fsync(file_) != 0) fail(std::strerror(errno));
  if (const int file = std::exchange(file_, -1); close(file) != 0) fail(std::strerror(errno));
  if (temporary_.empty()) return;
  if (std::rename(temporary_.c_str(), target_.c_str()) != 0) fail(std::strerror(errno));
  temporary_.clear();
}

void write_file(const std::string& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

void require_writable(const std::string& path) {
  struct stat status = {};
  if (path == "-" || (stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))) return;
  AtomicFile probe(path);
}

}  // namespace attnpool::program
