#include "base/number.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace attnpool::program {
namespace {

template <class T, class... Format>
std::string formatted(T value, Format... format) {
  char buffer[64];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value, format...).ptr};
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view without_sign(std::string_view text) {
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) text.remove_prefix(1);
  return text;
}

/// Whether groups of three digits with `mark` between them make up the whole part: 1,234,567.8
bool has_groups(std::string_view text, std::string_view mark, char decimal) {
  text = without_sign(text);
  std::size_t digits = 0;
  while (digits < text.size() && is_digit(text[digits])) ++digits;
  if (digits == 0 || digits > 3) return false;
  text.remove_prefix(digits);
  std::size_t groups = 0;
  while (text.starts_with(mark) && text.size() >= mark.size() + 3) {
    text.remove_prefix(mark.size());
    for (std::size_t i = 0; i < 3; ++i)
      if (!is_digit(text[i])) return false;
    text.remove_prefix(3);
    ++groups;
  }
  // One group alone may as well be a decimal part after a comma.
  return groups > 0 && (text.empty() ? groups > 1 || mark != "," : text[0] == decimal);
}

/// Why a text is no number, as far as can be guessed.
const char* complaint_about(std::string_view text, char decimal) {
  const char other = decimal == '.' ? ',' : '.';
  for (const std::string_view mark :
       {std::string_view(&other, 1), std::string_view("'"), std::string_view(" "), std::string_view("\xc2\xa0"),
        std::string_view("\xe2\x80\xaf"), std::string_view("_")}) {
    if (has_groups(text, mark, decimal)) return "is not a number (thousands separators are not read; remove them)";
  }
  if (text.find(other) == text.npos) return "is not a number";
  return decimal == '.' ? "is not a number (decimals take a point; --decimal , reads a comma)"
                        : "is not a number (decimals take a comma, as --decimal says)";
}

/// Whether a double holds the integer that these digits, with or without a sign, write.
bool is_rounded_integer(std::string_view digits, double value) {
  digits = without_sign(digits);
  if (digits.size() < 16 || digits.find_first_not_of("0123456789") != digits.npos) return false;
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  char exact[320];  // the largest double has 309 digits
  const auto end = std::to_chars(exact, exact + sizeof exact, std::abs(value), std::chars_format::fixed).ptr;
  return digits != std::string_view(exact, static_cast<std::size_t>(end - exact));
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

ParsedNumber parse_number(std::string_view text, char decimal) {
  text = trimmed(text);
  if (text.empty()) return {0, "is empty"};
  const std::string_view written = text;
  std::string with_point;
  if (decimal != '.') {
    if (text.find('.') != text.npos) return {0, complaint_about(text, decimal)};
    with_point = text;
    std::replace(with_point.begin(), with_point.end(), decimal, '.');
    text = with_point;
  }
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);  // from_chars takes no plus sign
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) return {0, "is out of the range of a double"};
  if (error != std::errc() || end != text.data() + text.size()) return {0, complaint_about(written, decimal)};
  if (!std::isfinite(value)) return {0, "is not finite"};
  if (is_rounded_integer(text, value)) return {0, "is an integer beyond 2^53 that a double would round"};
  return {value, nullptr};
}

// A NaN has no sign that anybody wants to see.
std::string to_text(double value) { return std::isnan(value) ? "nan" : formatted(value); }
std::string to_text(float value) { return std::isnan(value) ? "nan" : formatted(value); }
std::string to_short_text(double value, int digits) { return formatted(value, std::chars_format::general, digits); }

bool parse_whole(std::string_view text, unsigned long long low, unsigned long long high, unsigned long long& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value >= low && value <= high;
}

}  // namespace attnpool::program
