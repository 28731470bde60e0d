#pragma once

namespace bench {

/// attnpool_bench --plan-table ...: every plan's time on many cases beside the prediction, and the choice. Returns the
/// exit code.
int plan_table(int argc, char** argv);

/// attnpool_bench --plans ...: time against n of every plan and peer. Returns the exit code.
int crossover(int argc, char** argv);

}  // namespace bench
