#pragma once

namespace bench {

/// attnpool_bench --table ...: workloads x implementations in one table. Returns the exit code.
int table(int argc, char** argv);

}  // namespace bench
