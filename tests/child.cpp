#include "child.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <attnpool/attnpool.hpp>
#include <cstdlib>
#include <iostream>

#include "problem.hpp"

namespace attnpool::test {

ChildResult run_probe(const std::string& name, const std::vector<std::string>& environment) {
  int ends[2];
  if (pipe(ends) != 0) return {};
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    for (const std::string& pair : environment) putenv(const_cast<char*>(pair.c_str()));
    // An emulator does not follow its program into a new one: it must be started again.
    if (const char* emulator = std::getenv("ATTNPOOL_TEST_EMULATOR"); emulator != nullptr && *emulator != 0) {
      char program[4096] = {};
      if (readlink("/proc/self/exe", program, sizeof program - 1) > 0)
        execlp(emulator, emulator, program, "--probe", name.c_str(), nullptr);
    } else {
      execl("/proc/self/exe", "attnpool_tests", "--probe", name.c_str(), nullptr);
    }
    _exit(127);
  }
  close(ends[1]);
  ChildResult result;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) result.output.append(buffer, n);
  close(ends[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  result.started = result.status != 127;
  return result;
}

namespace {

/// Executes one instruction of an extension, whether the CPU has it or not: the test of an emulator, which must kill
/// us where its CPU lacks it.
bool execute(const std::string& extension) {
#if defined(__x86_64__)
  if (extension == "instruction:sse2") {
    asm volatile("mulpd %%xmm0, %%xmm0" ::: "xmm0");
  } else if (extension == "instruction:avx") {
    asm volatile("vmulpd %%ymm0, %%ymm0, %%ymm0" ::: "xmm0");
  } else if (extension == "instruction:avx2") {
    asm volatile("vpaddd %%ymm0, %%ymm0, %%ymm0" ::: "xmm0");
  } else if (extension == "instruction:fma") {
    asm volatile("vfmadd231pd %%ymm0, %%ymm0, %%ymm0" ::: "xmm0");
  } else if (extension == "instruction:avx512") {
    asm volatile("vpaddd %%zmm0, %%zmm0, %%zmm0" ::: "xmm0");
  } else {
    return false;
  }
  return true;
#else
  return extension.empty();
#endif
}

}  // namespace

int probe(const std::string& what) try {
  if (execute(what)) {
    std::cout << "executed";
  } else if (what == "isa") {
    std::cout << to_string(active_isa());
  } else if (what == "supported") {
    for (const Isa isa : supported_isas()) std::cout << to_string(isa) << ' ';
  } else if (what == "scoped") {  // inside a ScopedIsa the environment does not matter
    ScopedIsa scoped(Isa::scalar);
    std::cout << to_string(active_isa());
  } else if (what == "threads") {
    std::cout << thread_count();
  } else if (what == "threads=3") {
    std::cout << thread_count(3);
  } else {
    const auto problem = Problem<float>::random(3, 5);
    Matrix<float> out(3, 1), column(5, 1);
    Matrix<float> weights(3, 5);
    if (what == "pool") problem.pool();
    if (what == "pool_gradient")
      pool_gradient<float>(problem.queries, problem.keys, problem.values, problem.score, out.view(),
                           Matrix<float>(3, 1));
    if (what == "attention_weights")
      attention_weights<float>(problem.queries, problem.keys, problem.score, weights.view());
    if (what == "loss_gradient")
      loss_gradient<float>(problem.keys, problem.keys, problem.values, problem.values, problem.score, Loss::mean);
    if (what == "fit") fit<float>(problem.keys, problem.values);
    if (what == "update") PoolState<float>(problem.queries, 1, problem.score).update(problem.keys, problem.values);
    if (what == "exp") exp<float>(problem.keys.data(), column.data(), 5);
    if (what == "exp_nonpositive") exp_nonpositive<float>(problem.keys.data(), column.data(), 5);
    if (what == "softmax") softmax<float>(problem.keys, column.view());
    if (what == "log_sum_exp") log_sum_exp<float>(problem.keys, column.data());
    std::cout << "done";
  }
  return 0;
} catch (const std::invalid_argument& error) {
  std::cout << "invalid_argument: " << error.what();
  return 3;
} catch (const std::exception& error) {
  std::cout << "exception: " << error.what();
  return 3;
}

}  // namespace attnpool::test
