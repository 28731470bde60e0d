// SciPy, in a Python of its own beside us (peer_scipy.py), through a file that both have mapped.
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "peer.hpp"

namespace {

using bench::Pool;

[[noreturn]] void stop(const std::string& what) { throw std::runtime_error("SciPy: " + what); }

class Python {
 public:
  Python() {
    std::signal(SIGPIPE, SIG_IGN);  // should it die, ask() says so
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) stop("no pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], 0);
    posix_spawn_file_actions_adddup2(&actions, from[1], 1);
    const char* arguments[] = {BENCH_SCIPY_PYTHON, BENCH_SCIPY_SCRIPT, nullptr};
    const int failed = posix_spawn(&process_, arguments[0], &actions, nullptr, const_cast<char**>(arguments), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(to[0]);
    close(from[1]);
    if (failed) stop("cannot run " BENCH_SCIPY_PYTHON);
    commands_ = fdopen(to[1], "w");
    answers_ = fdopen(from[0], "r");
  }
  ~Python() {
    std::fclose(commands_);
    std::fclose(answers_);
    waitpid(process_, nullptr, 0);
    forget();
  }

  void ask(const std::string& command) {
    char answer[8] = "";
    std::fprintf(commands_, "%s\n", command.c_str());
    std::fflush(commands_);
    if (!std::fgets(answer, sizeof answer, answers_) || std::strcmp(answer, "ok\n") != 0) stop("ended at: " + command);
  }

  /// True if these data are new.
  template <class T>
  bool load(const Pool<T>& p) {
    if (data_ == p.data && threads_ == p.threads) return false;
    forget();
    char path[] = "/dev/shm/attnpool_bench_XXXXXX";
    const int file = mkstemp(path);
    size_ = 2 * (p.key_count + p.query_count) * sizeof(T);
    if (file < 0 || ftruncate(file, static_cast<off_t>(size_)) != 0) stop("no shared memory");
    memory_ = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (memory_ == MAP_FAILED) memory_ = nullptr, stop("no shared memory");
    T* to = static_cast<T*>(memory_);
    std::copy_n(p.keys, p.key_count, to);
    std::copy_n(p.values, p.key_count, to + p.key_count);
    std::copy_n(p.queries, p.query_count, to + 2 * p.key_count);
    const auto [low, high] = std::minmax_element(p.keys, p.keys + p.key_count);
    char line[256];
    std::snprintf(line, sizeof line, "load %s %s %zu %zu %.17g %.17g %.17g %d", path,
                  sizeof(T) == 4 ? "float32" : "float64", p.query_count, p.key_count, p.w, static_cast<double>(*low),
                  static_cast<double>(*high), p.threads);
    ask(line);
    unlink(path);
    data_ = p.data;
    threads_ = p.threads;
    return true;
  }

  template <class T>
  void copy_results(const Pool<T>& p) const {
    std::copy_n(static_cast<const T*>(memory_) + 2 * p.key_count + p.query_count, p.query_count, p.out);
  }

 private:
  void forget() {
    if (memory_) munmap(memory_, size_);
    memory_ = nullptr;
  }

  pid_t process_ = 0;
  std::FILE *commands_ = nullptr, *answers_ = nullptr;
  void* memory_ = nullptr;
  std::size_t size_ = 0, data_ = 0;
  int threads_ = 0;
};

Python& python() {
  static Python only;
  return only;
}

// The first run with new data, which warms up, copies them there and the results back; the others compute.
template <class T>
void pool(const Pool<T>& p) {
  const bool is_new = python().load(p);
  python().ask("run");
  if (is_new) python().copy_results(p);
}

template <class T>
void prepared_pool(const Pool<T>& p) {
  const bool is_new = python().load(p);
  if (is_new) python().ask("prepare");
  python().ask("answer");
  if (is_new) python().copy_results(p);
}

template <class T>
double predicted(const Pool<T>&) {
  return 0;
}

template <class T>
constexpr bench::Functions<T> functions() {
  return {.pool = pool<T>, .prepared_pool = prepared_pool<T>, .predicted = predicted<T>};
}

}  // namespace

namespace bench {
constinit const Implementation scipy_peer = {.name = "SciPy binning + FFT",
                                             .isa = "-",
                                             .f32 = functions<float>(),
                                             .f64 = functions<double>(),
                                             .one_value_column = true,
                                             .one_dimension = true,
                                             .elsewhere = true};
}
