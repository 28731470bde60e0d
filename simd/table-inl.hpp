// Everything that is compiled once per ISA, in one namespace named after it. The including file sets ATTNPOOL_ISA and the flags.
#include <cstddef>

#include "../src/kernel_table.hpp"

namespace attnpool::ATTNPOOL_ISA {

using detail::BlockTask;
using detail::RowTask;
using detail::largest_exponent;
using detail::query_block;
using detail::tile_keys;

// Register budget: 32 registers (AVX-512, NEON) or 16.
#if defined(__AVX512F__) || defined(__aarch64__)
inline constexpr int narrow_registers = 4, wide_columns = 8;
#else
inline constexpr int narrow_registers = 2, wide_columns = 4;
#endif

// Internal linkage: what is not inlined still cannot be shared with another ISA's object.
namespace {
#include "lanes-inl.hpp"
//
#include "exp-inl.hpp"
//
#include "softmax-inl.hpp"
//
#include "pool-inl.hpp"
//
#include "gradient-inl.hpp"
//
#include "row-inl.hpp"

template <class T>
constexpr detail::Kernels<T> kernels() {
  return {Lanes<T>::size, exp<T>, exp_nonpositive<T>, softmax<T>, log_sum_exp<T>, pool<T>, gradient<T>, nearest<T>, weights<T>, scale<T>};
}
}  // namespace

extern const detail::KernelTable table;
constinit const detail::KernelTable table = {kernels<float>(), kernels<double>()};

}  // namespace attnpool::ATTNPOOL_ISA
