#pragma once
#include <string>
#include <string_view>

/// Numbers as text, the same in every locale: what is written reads back to the same bits.
namespace attnpool::program {

struct ParsedNumber {
  double value = 0;
  const char* complaint = nullptr;  ///< why the text was refused, to follow the text in a message; null if it was taken
};

/// A finite decimal number, with blanks around it allowed. Refused: thousands separators, and integers that a double would
/// round.
ParsedNumber parse_number(std::string_view text, char decimal = '.');

/// Without the blanks and tabs around it.
std::string_view trimmed(std::string_view text);

/// The shortest text that reads back as the same number.
std::string to_text(double value);
std::string to_text(float value);

/// A few significant digits, for people.
std::string to_short_text(double value, int digits = 6);

/// Reads text as a whole number in [low, high]; false if it is not one.
bool parse_whole(std::string_view text, unsigned long long low, unsigned long long high, unsigned long long& value);

}  // namespace attnpool::program
