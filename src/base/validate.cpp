#include "base/validate.hpp"

#include <cstdint>
#include <cstring>
#include <stdexcept>

#include "base/to_string.hpp"

namespace attnpool::detail {

void bad_argument(const std::string& argument, const std::string& problem) {
  throw std::invalid_argument(argument + ": " + problem);
}

std::size_t checked_product(const char* name, std::size_t a, std::size_t b) {
  std::size_t n;
  if (__builtin_mul_overflow(a, b, &n) || n > (SIZE_MAX >> 4))
    bad_argument(name, "size " + to_string(a) + " x " + to_string(b) + " overflows");
  return n;
}

template <class T>
void check_view(const char* name, MatrixView<T> view) {
  if (view.row_stride < view.cols)
    bad_argument(name,
                 "row_stride must be at least cols = " + to_string(view.cols) + ", got " + to_string(view.row_stride));
  checked_product(name, view.rows, view.row_stride);
  if (!view.data && view.rows > 0 && view.cols > 0)
    bad_argument(name, "data is null for shape " + to_string(view.rows) + " x " + to_string(view.cols));
}

template <class T>
void check_no_overlap(const char* out_name, MatrixView<T> out, const char* in_name, MatrixView<const T> in) {
  if (out.rows == 0 || out.cols == 0 || in.rows == 0 || in.cols == 0) return;
  const auto begin = [](auto view) { return reinterpret_cast<std::uintptr_t>(view.data); };
  const auto end = [](auto view) { return reinterpret_cast<std::uintptr_t>(view.row(view.rows - 1) + view.cols); };
  if (begin(out) < end(in) && begin(in) < end(out)) bad_argument(out_name, std::string("overlaps ") + in_name);
}

void check_equal(const char* name, const char* what, std::size_t got, std::size_t want, const char* other) {
  if (got != want)
    bad_argument(name, std::string("must have ") + to_string(want) + " " +
                           (want == 1 ? std::string(what, std::strlen(what) - 1) : what) + " to match " + other +
                           ", got " + to_string(got));
}

void check_positive(const char* name, const char* what, std::size_t got) {
  if (got == 0) bad_argument(name, std::string("must have at least one ") + what + ", got 0");
}

void check_dimensions(const Kernel& kernel, std::size_t dims) {
  if (!kernel.is_scalar() && kernel.w().size() != dims)
    bad_argument(
        "w", "must have 1 entry or one per dimension = " + to_string(dims) + ", got " + to_string(kernel.w().size()));
}

template <class T>
void check_inputs(MatrixView<const T> queries, MatrixView<const T> keys, const Kernel& kernel) {
  check_view("queries", queries);
  check_view("keys", keys);
  check_positive("keys", "row", keys.rows);
  check_positive("keys", "column", keys.cols);
  check_equal("queries", "columns", queries.cols, keys.cols, "keys");
  check_dimensions(kernel, keys.cols);
}

template <class T>
void check_inputs(MatrixView<const T> queries, MatrixView<const T> keys, MatrixView<const T> values,
                  const Kernel& kernel) {
  check_inputs(queries, keys, kernel);
  check_view("values", values);
  check_positive("values", "column", values.cols);
  check_equal("values", "rows", values.rows, keys.rows, "keys");
}

void check_differentiable(const KernelProfile& profile) {
  if (profile.is_differentiable()) return;
  bad_argument("kernel", std::string("has no gradient in w: ") + (profile.product ? "product of " : "") +
                             attnpool::to_string(profile.shape));
}

#define ATTNPOOL_INSTANTIATE(T)                                                                 \
  template void check_view(const char*, MatrixView<T>);                                         \
  template void check_view(const char*, MatrixView<const T>);                                   \
  template void check_no_overlap(const char*, MatrixView<T>, const char*, MatrixView<const T>); \
  template void check_inputs(MatrixView<const T>, MatrixView<const T>, const Kernel&);          \
  template void check_inputs(MatrixView<const T>, MatrixView<const T>, MatrixView<const T>, const Kernel&);
ATTNPOOL_INSTANTIATE(float)
ATTNPOOL_INSTANTIATE(double)

}  // namespace attnpool::detail
