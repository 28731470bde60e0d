#include <algorithm>
#include <atomic>
#include <attnpool/options.hpp>
#include <attnpool/selection.hpp>
#include <chrono>
#include <limits>
#include <mutex>
#include <stdexcept>

#include "api/steps.hpp"
#include "base/threads.hpp"
#include "base/to_string.hpp"
#include "base/validate.hpp"
#include "selection/data.hpp"

namespace attnpool {
namespace {

void check_offsets(std::span<const std::size_t> offsets, std::size_t rows) {
  if (offsets.empty()) detail::bad_argument("offsets", "must have one entry more than there are problems, got none");
  if (offsets.front() != 0) detail::bad_argument("offsets[0]", "must be 0, got " + detail::to_string(offsets.front()));
  for (std::size_t i = 1; i < offsets.size(); ++i)
    if (offsets[i] < offsets[i - 1])
      detail::bad_argument("offsets[" + detail::to_string(i) + "]",
                           "must be at least the one before = " + detail::to_string(offsets[i - 1]) + ", got " +
                               detail::to_string(offsets[i]));
  if (offsets.back() != rows)
    detail::bad_argument("offsets[" + detail::to_string(offsets.size() - 1) + "]",
                         "must be the number of rows of keys = " + detail::to_string(rows) + ", got " +
                             detail::to_string(offsets.back()));
}

Selection not_begun(std::size_t w_count) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  Selection selection;
  selection.w.assign(w_count, nan);
  selection.rule_w = selection.scale = selection.w;
  selection.value = selection.rule_value = selection.leave_one_out = selection.gcv = selection.aicc = nan;
  selection.trace = selection.r_squared = selection.residual_error = nan;
  selection.cancelled = true;
  return selection;
}

// The problem of the lowest number that could not be solved. Higher ones need not be tried any more: which one is
// reported does not depend on the order in which threads meet them.
class FirstFailure {
 public:
  bool is_before(std::size_t problem) const { return lowest_.load(std::memory_order_relaxed) < problem; }
  void keep(std::size_t problem, const char* what) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (is_before(problem)) return;
    lowest_ = problem;
    what_ = what;
  }
  void rethrow() const {
    if (what_.empty()) return;
    throw std::invalid_argument("problem " + detail::to_string(lowest_.load()) + ": " + what_);
  }

 private:
  std::atomic<std::size_t> lowest_{std::numeric_limits<std::size_t>::max()};
  std::mutex mutex_;
  std::string what_;
};

template <class T>
class Batch {
 public:
  Batch(std::span<const std::size_t> offsets, In<T> keys, In<T> values, const SelectionOptions& options)
      : offsets_(offsets), keys_(keys), values_(values), options_(options), rows_(static_cast<double>(keys.rows)) {
    const std::size_t w_count = options.per_dimension ? keys.cols : 1;
    selections_.assign(offsets.size() - 1, not_begun(w_count));
  }

  std::vector<Selection> run() {
    const int threads = thread_count(options_.threads);
    std::vector<std::size_t> shared, alone;  // problems that threads share, and those of which each thread has its own
    for (std::size_t i = 0; i < selections_.size(); ++i)
      (rows_of(i) < 4 * detail::SelectionData::few_rows ? alone : shared).push_back(i);
    if (alone.size() < static_cast<std::size_t>(threads)) {
      shared.insert(shared.end(), alone.begin(), alone.end());
      alone.clear();
    }
    // The longest first, so that no thread is left alone with it in the end.
    std::stable_sort(alone.begin(), alone.end(), [&](std::size_t a, std::size_t b) { return rows_of(a) > rows_of(b); });
    for (const std::size_t i : shared) solve(i, threads, true);
    detail::parallel_for(alone.size(), threads, {},
                         [&](std::size_t task, int worker) { solve(alone[task], 1, worker == 0); });
    failure_.rethrow();
    return std::move(selections_);
  }

 private:
  using Clock = std::chrono::steady_clock;

  std::size_t rows_of(std::size_t i) const { return offsets_[i + 1] - offsets_[i]; }

  // `reports`: on the calling thread, which alone may call the caller's progress.
  void solve(std::size_t i, int threads, bool reports) {
    if (stop_.load(std::memory_order_relaxed) || failure_.is_before(i)) return;
    const std::size_t first = offsets_[i], rows = rows_of(i);
    SelectionOptions own = options_;
    own.threads = threads;
    if (!own.key_weights.empty()) own.key_weights = own.key_weights.subspan(first, rows);
    reports = reports && options_.progress;
    own.progress = {};
    if (reports) own.progress = [this, rows](double fraction) { return tell(fraction * static_cast<double>(rows)); };
    try {
      selections_[i] = select_bandwidth<T>({keys_.row(first), rows, keys_.cols, keys_.row_stride},
                                           {values_.row(first), rows, values_.cols, values_.row_stride}, own);
    } catch (const std::invalid_argument& e) {
      failure_.keep(i, e.what());
    }
    done_.fetch_add(rows, std::memory_order_relaxed);
    if (reports && Clock::now() - told_ >= std::chrono::milliseconds(100)) tell(0);
  }

  bool tell(double rows_of_this) {
    const double done = static_cast<double>(done_.load(std::memory_order_relaxed)) + rows_of_this;
    told_ = Clock::now();
    if (!options_.progress(std::min(0.99, done / rows_))) stop_ = true;
    return !stop_;
  }

  std::span<const std::size_t> offsets_;
  In<T> keys_, values_;
  const SelectionOptions& options_;
  double rows_;
  std::vector<Selection> selections_;
  FirstFailure failure_;
  std::atomic<bool> stop_{false};
  std::atomic<std::size_t> done_{0};       // rows
  Clock::time_point told_ = Clock::now();  // of the calling thread alone
};

}  // namespace

template <class T>
std::vector<Selection> select_bandwidth_batch(std::span<const std::size_t> offsets, In<T> keys, In<T> values,
                                              const SelectionOptions& options) {
  detail::check_enum("criterion", "Criterion", options.criterion);
  detail::check_selection(options, keys.cols);
  detail::check_view("keys", keys);
  detail::check_view("values", values);
  detail::check_positive("keys", "column", keys.cols);
  detail::check_positive("values", "column", values.cols);
  detail::check_equal("values", "rows", values.rows, keys.rows, "keys");
  if (!options.key_weights.empty() && options.key_weights.size() != keys.rows)
    detail::bad_argument("key_weights", "must have one entry per key = " + detail::to_string(keys.rows) + ", got " +
                                            detail::to_string(options.key_weights.size()));
  check_offsets(offsets, keys.rows);
  return Batch<T>(offsets, keys, values, options).run();
}

template <class T>
std::vector<Selection> select_bandwidth_batch(std::size_t count, In<T> keys, In<T> values,
                                              const SelectionOptions& options) {
  if (count == 0 ? keys.rows != 0 : keys.rows % count != 0)
    detail::bad_argument("keys", "must have a multiple of count = " + detail::to_string(count) + " rows, got " +
                                     detail::to_string(keys.rows));
  std::vector<std::size_t> offsets(count + 1);
  for (std::size_t i = 1; i <= count; ++i) offsets[i] = i * (keys.rows / count);
  return select_bandwidth_batch<T>(std::span<const std::size_t>(offsets), keys, values, options);
}

#define ATTNPOOL_INSTANTIATE(T)                                                                         \
  template std::vector<Selection> select_bandwidth_batch<T>(std::span<const std::size_t>, In<T>, In<T>, \
                                                            const SelectionOptions&);                   \
  template std::vector<Selection> select_bandwidth_batch<T>(std::size_t, In<T>, In<T>, const SelectionOptions&);
ATTNPOOL_INSTANTIATE(float)
ATTNPOOL_INSTANTIATE(double)

}  // namespace attnpool
