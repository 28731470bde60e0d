#include <attnpool/vmath.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/dispatch.hpp"
#include "base/threads.hpp"
#include "base/to_string.hpp"
#include "base/validate.hpp"
#include "plan/choose.hpp"

namespace attnpool {
namespace {

template <class T>
void check_arrays(const T* x, const T* out, std::size_t count) {
  detail::checked_product("count", count, 1);
  if (count > 0 && !x) detail::bad_argument("x", "is null for count " + detail::to_string(count));
  if (count > 0 && !out) detail::bad_argument("out", "is null for count " + detail::to_string(count));
  if (x != out) detail::check_no_overlap<T>("out", {const_cast<T*>(out), 1, count}, "x", {x, 1, count});
}

template <class T>
bool has_nan(const T* x, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    if (std::isnan(x[i])) return true;
  return false;
}

}  // namespace

template <class T>
void exp(const std::type_identity_t<T>* x, T* out, std::size_t count) {
  check_arrays<T>(x, out, count);
  detail::active_routines<T>().exp(x, out, count);
}

template <class T>
void exp_nonpositive(const std::type_identity_t<T>* x, T* out, std::size_t count) {
  check_arrays<T>(x, out, count);
  detail::active_routines<T>().exp_nonpositive(x, out, count);
}

template <class T>
void softmax(In<T> scores, MatrixView<T> out, const Options& options) {
  detail::check_view("scores", scores);
  detail::check_view("out", out);
  detail::check_equal("out", "rows", out.rows, scores.rows, "scores");
  detail::check_equal("out", "columns", out.cols, scores.cols, "scores");
  const bool in_place = out.data == scores.data && out.row_stride == scores.row_stride;
  if (!in_place) detail::check_no_overlap("out", out, "scores", scores);
  detail::check_unused(options, "softmax", 0);
  const detail::Routines<T>& routines = detail::active_routines<T>();
  const int threads =
      detail::threads_for(options.threads, 14.0 * static_cast<double>(scores.rows) * static_cast<double>(scores.cols));
  if (scores.cols == 0) return;
  // A few rows a task: rows may be short.
  const std::size_t rows = 1 + 4096 / scores.cols, tasks = (scores.rows + rows - 1) / rows;
  // A result that no cache will hold is written past them, which saves reading it first.
  constexpr std::size_t past_caches = std::size_t{32} << 20;
  const bool staged =
      !in_place && scores.rows * scores.cols * sizeof(T) >= past_caches && scores.cols >= 64 && scores.cols <= 65536;
  std::vector<std::vector<T>> staging(static_cast<std::size_t>(threads), std::vector<T>(staged ? scores.cols : 0));
  detail::parallel_for(tasks, threads, options.progress, [&](std::size_t task, int worker) {
    T* stage = staged ? staging[static_cast<std::size_t>(worker)].data() : nullptr;
    for (std::size_t r = task * rows; r < scores.rows && r < (task + 1) * rows; ++r)
      routines.softmax(scores.row(r), out.row(r), scores.cols, stage,
                       r + 1 < scores.rows ? scores.row(r + 1) : nullptr);
  });
}

template <class T>
void log_sum_exp(In<T> scores, T* out, const Options& options) {
  detail::check_view("scores", scores);
  if (scores.rows > 0 && !out) detail::bad_argument("out", "is null for " + detail::to_string(scores.rows) + " rows");
  detail::check_no_overlap<T>("out", {out, scores.rows ? std::size_t{1} : 0, scores.rows}, "scores", scores);
  detail::check_unused(options, "log_sum_exp", 0);
  const detail::Routines<T>& routines = detail::active_routines<T>();
  const int threads =
      detail::threads_for(options.threads, 12.0 * static_cast<double>(scores.rows) * static_cast<double>(scores.cols));
  const std::size_t rows = 1 + 4096 / (scores.cols + 1), tasks = (scores.rows + rows - 1) / rows;
  constexpr T inf = std::numeric_limits<T>::infinity();
  detail::parallel_for(tasks, threads, options.progress, [&](std::size_t task, int) {
    for (std::size_t r = task * rows; r < scores.rows && r < (task + 1) * rows; ++r) {
      T max = -inf, sum = 0;
      if (scores.cols > 0) routines.log_sum_exp(scores.row(r), scores.cols, &max, &sum);
      if (max == inf) {
        out[r] = has_nan(scores.row(r), scores.cols) ? std::numeric_limits<T>::quiet_NaN() : inf;
      } else {
        out[r] = sum == 0 ? -inf : static_cast<T>(static_cast<double>(max) + std::log(static_cast<double>(sum)));
      }
    }
  });
}

#define ATTNPOOL_INSTANTIATE(T)                                                      \
  template void exp<T>(const std::type_identity_t<T>*, T*, std::size_t);             \
  template void exp_nonpositive<T>(const std::type_identity_t<T>*, T*, std::size_t); \
  template void softmax<T>(In<T>, MatrixView<T>, const Options&);                    \
  template void log_sum_exp<T>(In<T>, T*, const Options&);
ATTNPOOL_INSTANTIATE(float)
ATTNPOOL_INSTANTIATE(double)

}  // namespace attnpool
