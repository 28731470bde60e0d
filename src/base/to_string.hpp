#pragma once
#include <charconv>
#include <string>

namespace attnpool::detail {

// A number as error messages show it: the shortest digits that read back, whatever the locale.
template <class Number>
std::string to_string(Number x) {
  char buffer[40];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, x);
  return {buffer, end};
}

}  // namespace attnpool::detail
