#include "number.hpp"

#include <charconv>
#include <cmath>

namespace attnpool::program {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

template <class T, class... Format>
std::string formatted(T value, Format... format) {
  char buffer[64];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value, format...).ptr};
}

}  // namespace

ParsedNumber parse_number(std::string_view text) {
  text = trimmed(text);
  if (text.empty()) return {0, "is empty"};
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);  // from_chars takes no plus sign
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) return {0, "is out of the range of a double"};
  if (error != std::errc() || end != text.data() + text.size()) {
    return {0,
            text.find(',') == text.npos ? "is not a number" : "is not a number (decimals take a point, not a comma)"};
  }
  if (!std::isfinite(value)) return {0, "is not finite"};
  return {value, nullptr};
}

std::string to_text(double value) { return formatted(value); }
std::string to_text(float value) { return formatted(value); }
std::string to_short_text(double value, int digits) { return formatted(value, std::chars_format::general, digits); }

bool parse_whole(std::string_view text, unsigned long long low, unsigned long long high, unsigned long long& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value >= low && value <= high;
}

}  // namespace attnpool::program
