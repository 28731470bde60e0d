#pragma once
#include <type_traits>

#include "routine_table.hpp"

namespace attnpool::detail {

// The kernels of the active ISA; asked once per call. Throws as active_isa().
const KernelTable& active_table();

template <class T>
const Kernels<T>& active_kernels() {
  if constexpr (std::is_same_v<T, float>) {
    return active_table().f32;
  } else {
    return active_table().f64;
  }
}

}  // namespace attnpool::detail
