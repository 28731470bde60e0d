#include "base/errors.hpp"

namespace attnpool::program {

std::string printable(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return result;
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t limit = 40;
  std::size_t end = text.size();
  if (end > limit) {
    end = limit;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // not inside a UTF-8 character
  }
  std::string result(1, '\'');
  result += printable(text.substr(0, end));
  result += end < text.size() ? "...'" : "'";
  return result;
}

std::string plural(std::size_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

}  // namespace attnpool::program
