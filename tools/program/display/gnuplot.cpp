#include "display/gnuplot.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>

#include "base/errors.hpp"
#include "base/interrupt.hpp"

extern char** environ;

namespace attnpool::program {
namespace {

/// A file without a name. gnuplot reads its script from one and writes to two, so neither side ever waits for the
/// other.
class Scratch {
 public:
  Scratch() : file_(std::tmpfile()) {
    if (!file_) throw OutputError(std::string("cannot make a temporary file: ") + std::strerror(errno));
    fcntl(descriptor(), F_SETFD, FD_CLOEXEC);
  }

  int descriptor() const { return fileno(file_.get()); }

  void write(const std::string& text) {
    if (std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size() || std::fflush(file_.get()) != 0) {
      throw OutputError(std::string("cannot write a temporary file: ") + std::strerror(errno));
    }
    std::rewind(file_.get());
  }

  std::string read() {
    std::rewind(file_.get());
    std::string text;
    char buffer[1 << 14];
    while (const std::size_t count = std::fread(buffer, 1, sizeof buffer, file_.get())) text.append(buffer, count);
    return text;
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file_;
};

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return -1;
    if (interrupted()) kill(child, SIGKILL);  // and wait for its end
  }
  if (interrupted()) throw CancelledByUser();
  return status;
}

std::string first_line(const std::string& text) {
  std::size_t begin = text.find_first_not_of("\n ");
  if (begin == text.npos) return "no reason given";
  return text.substr(begin, text.find('\n', begin) - begin);
}

}  // namespace

std::string run_gnuplot(const std::string& script) {
  Scratch input, output, complaints;
  input.write(script);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input.descriptor(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output.descriptor(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, complaints.descriptor(), STDERR_FILENO);
  // --default-settings: nobody's ~/.gnuplot changes our pictures.
  char program[] = "gnuplot", settings[] = "--default-settings", standard_input[] = "-";
  char* arguments[] = {program, settings, standard_input, nullptr};
  pid_t child = 0;
  const int error = posix_spawnp(&child, program, &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    throw OutputError(std::string("cannot draw: gnuplot: ") + std::strerror(error) + " (Debian package gnuplot-nox)");
  }
  const int status = wait_for(child);
  std::string picture = output.read();
  if (status != 0 || picture.empty()) throw OutputError("cannot draw: gnuplot: " + first_line(complaints.read()));
  return picture;
}

std::string gnuplot_string(const std::string& text) {
  std::string result = "'";
  for (const char c : printable(text)) {
    if (c == '\'') result += '\'';  // inside single quotes nothing else is special
    result += c;
  }
  return result + "'";
}

}  // namespace attnpool::program
