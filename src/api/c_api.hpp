#pragma once
// What the functions of the C interface share: errors as status codes, and the caller's arguments in our types.
#include <attnpool/attnpool.h>

#include <attnpool/attnpool.hpp>
#include <cstring>
#include <new>
#include <stdexcept>
#include <vector>

#include "base/to_string.hpp"
#include "base/validate.hpp"

namespace attnpool::detail::c_api {

// ---- errors ------------------------------------------------------------------------------------

// Keeps the message for attnpool_last_error().
attnpool_status failure(attnpool_status status, const char* message) noexcept;

// Every function that can fail is one call of this; no exception gets past it.
template <class Body>
attnpool_status guarded(const Body& body) noexcept {
  try {
    body();
    return ATTNPOOL_OK;
  } catch (const std::invalid_argument& e) {
    return failure(ATTNPOOL_INVALID_ARGUMENT, e.what());
  } catch (const attnpool::Cancelled& e) {
    return failure(ATTNPOOL_CANCELLED, e.what());
  } catch (const std::bad_alloc&) {
    return failure(ATTNPOOL_OUT_OF_MEMORY, "out of memory");
  } catch (const std::length_error&) {  // more elements than a container can count
    return failure(ATTNPOOL_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& e) {
    return failure(ATTNPOOL_INTERNAL_ERROR, e.what());
  } catch (...) {
    return failure(ATTNPOOL_INTERNAL_ERROR, "an exception of unknown type");
  }
}

// ---- arguments ---------------------------------------------------------------------------------

template <class T>
T& not_null(const char* name, T* pointer) {
  if (!pointer) bad_argument(name, "is null");
  return *pointer;
}

inline attnpool::MatrixView<const float> view(attnpool_in_f32 m) { return {m.data, m.rows, m.cols, m.row_stride}; }
inline attnpool::MatrixView<const double> view(attnpool_in_f64 m) { return {m.data, m.rows, m.cols, m.row_stride}; }
inline attnpool::MatrixView<float> view(attnpool_out_f32 m) { return {m.data, m.rows, m.cols, m.row_stride}; }
inline attnpool::MatrixView<double> view(attnpool_out_f64 m) { return {m.data, m.rows, m.cols, m.row_stride}; }

inline std::vector<double> entries(const char* name, const double* data, std::size_t count) {
  if (count > 0) not_null(name, data);
  return {data, data + count};
}
inline attnpool::Gaussian gaussian(const double* w, std::size_t w_count) {
  return attnpool::Gaussian(entries("w", w, w_count));
}

inline attnpool::Loss loss_from(int loss) {
  switch (loss) {
    case ATTNPOOL_LOSS_HALF_SUM:
      return attnpool::Loss::half_sum;
    case ATTNPOOL_LOSS_MEAN:
      return attnpool::Loss::mean;
  }
  bad_argument("loss", "must be one of ATTNPOOL_LOSS_*, got " + to_string(loss));
}

// The options that the caller gave, in the struct of this version: fields that the caller does not know have their
// defaults, fields that this library does not know must be zero (the rule of openat2 and other extensible structs).
template <class Struct>
Struct known(const Struct* given, const Struct& defaults) {
  if (!given) return defaults;
  constexpr std::size_t plausible = 4096;  // more is an uninitialised struct_size; reading so far would fault
  const std::size_t size = given->struct_size;
  if (size < sizeof size || size > plausible || size % sizeof size != 0)
    bad_argument("options", "struct_size must be the size of the struct, " + to_string(sizeof(Struct)) +
                                " in this version, got " + to_string(size));
  const unsigned char* bytes = reinterpret_cast<const unsigned char*>(given);
  for (std::size_t i = sizeof(Struct); i < size; ++i)
    if (bytes[i] != 0)
      bad_argument("options", "struct_size is " + to_string(size) + " and byte " + to_string(i) +
                                  " is set, but this version knows " + to_string(sizeof(Struct)) + " bytes");
  Struct result = defaults;
  std::memcpy(&result, given, std::min(size, sizeof(Struct)));
  return result;
}

inline std::span<const double> weights(const double* data, std::size_t count) {
  if (!data && count > 0) bad_argument("key_weights", "is null, of " + to_string(count) + " entries");
  return {data, data ? count : 0};
}

}  // namespace attnpool::detail::c_api
