#pragma once
// Every check on arguments, made before anything is written or any thread starts. All throw std::invalid_argument
// naming the argument and the value.
#include <attnpool/kernel.hpp>
#include <attnpool/view.hpp>
#include <cstddef>
#include <string>

namespace attnpool::detail {

[[noreturn]] void bad_argument(const std::string& argument, const std::string& problem);

// Refuses a number that is no value of the enumeration `type`, as a cast may have made one.
template <class Enum>
void check_enum(const char* argument, const char* type, Enum value) {
  if (std::string(to_string(value)) == "unknown")
    bad_argument(argument,
                 "is not one of " + std::string(type) + "'s values, got " + std::to_string(static_cast<int>(value)));
}

// Non-null data unless empty, row_stride >= cols, and a last element whose byte offset does not overflow.
template <class T>
void check_view(const char* name, MatrixView<T> view);

// out does not share memory with in (strided views that interleave count as sharing).
template <class T>
void check_no_overlap(const char* out_name, MatrixView<T> out, const char* in_name, MatrixView<const T> in);

// "name: must have N columns to match other, got M"
void check_equal(const char* name, const char* what, std::size_t got, std::size_t want, const char* other);

// "name: must have at least one row/column"
void check_positive(const char* name, const char* what, std::size_t got);

void check_dimensions(const Kernel& kernel, std::size_t dims);

// Refuses a kernel whose weights have no derivative in w that sums of a plan could give.
void check_differentiable(const KernelProfile& profile);

// queries [Q, D], keys [K, D] with D, K >= 1, a score for D dimensions.
template <class T>
void check_inputs(MatrixView<const T> queries, MatrixView<const T> keys, const Kernel& kernel);
// and values [K, V], V >= 1.
template <class T>
void check_inputs(MatrixView<const T> queries, MatrixView<const T> keys, MatrixView<const T> values,
                  const Kernel& kernel);

// rows * cols, refused if it does not fit.
std::size_t checked_product(const char* name, std::size_t a, std::size_t b);

}  // namespace attnpool::detail
