#pragma once
// Tests of what a process reads once (environment variables) run this program again, with its own environment.
#include <string>
#include <vector>

namespace attnpool::test {

struct ChildResult {
  bool started = false;  // false where a program cannot start itself (some emulators)
  int status = 0;        // exit code, or -signal
  std::string output;    // its stdout
};

/// Runs `attnpool_tests --probe name` with the given NAME=VALUE pairs added to the environment.
ChildResult run_probe(const std::string& name, const std::vector<std::string>& environment);

/// The child's side: does what `name` says, prints the result; an exception is printed as "TYPE: WHAT", exit code 3.
int probe(const std::string& name);

}  // namespace attnpool::test
