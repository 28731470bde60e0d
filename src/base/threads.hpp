#pragma once
#include <attnpool/options.hpp>
#include <cstddef>
#include <functional>

namespace attnpool::detail {

// body(task, worker) for task = 0 .. count-1 on `threads` threads, in no order; worker < threads tells scratch memory
// apart. The first exception is rethrown here. progress is called on the calling thread; if it returns false the rest
// is skipped and Cancelled thrown.
void parallel_for(std::size_t count, int threads, const Progress& progress,
                  const std::function<void(std::size_t task, int worker)>& body);

// Threads for a call of about `operations` arithmetic operations: small calls stay on one, since waking a team costs
// some 5 microseconds.
int threads_for(int requested, double operations);

}  // namespace attnpool::detail
