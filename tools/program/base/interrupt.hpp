#pragma once

namespace attnpool::program {

/// From now on the first SIGINT, SIGTERM or SIGHUP is only noted, so that the program can finish in order (save the
/// best w, remove unfinished files); a second one ends it at once. SIGPIPE is ignored: a closed pipe shows as a failed
/// write.
void watch_signals();

/// True once a signal has come.
bool interrupted() noexcept;

}  // namespace attnpool::program
