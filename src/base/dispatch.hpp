#pragma once
#include <type_traits>

#include "routine_table.hpp"

namespace attnpool::detail {

// The routines of the active ISA; asked once per call. Throws as active_isa().
const RoutineTable& active_table();

template <class T>
const Routines<T>& active_routines() {
  if constexpr (std::is_same_v<T, float>) {
    return active_table().f32;
  } else {
    return active_table().f64;
  }
}

}  // namespace attnpool::detail
