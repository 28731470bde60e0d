#include "base/arguments.hpp"

#include "base/errors.hpp"
#include "base/number.hpp"

namespace attnpool::program {
namespace {

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (true) {
    const std::size_t comma = text.find(',', begin);
    parts.push_back(text.substr(begin, comma == text.npos ? comma : comma - begin));
    if (comma == text.npos) return parts;
    begin = comma + 1;
  }
}

/// As split(), but a part may be quoted as in CSV: "a,b",c
std::vector<std::string> split_quoted(const std::string& option, const std::string& text) {
  std::vector<std::string> parts(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ',') {
      parts.emplace_back();
    } else if (text[i] != '"' || !parts.back().empty()) {
      parts.back() += text[i];
    } else {
      for (++i; i < text.size() && (text[i] != '"' || text.compare(i, 2, "\"\"") == 0); ++i) {
        parts.back() += text[i];
        i += text[i] == '"';
      }
      if (i >= text.size()) throw UsageError(option + ": " + in_quotes(text) + " opens a quote and does not close it");
      if (i + 1 < text.size() && text[i + 1] != ',')
        throw UsageError(option + ": " + in_quotes(text) + " has text after a closing quote");
    }
  }
  return parts;
}

}  // namespace

double number_argument(const std::string& option, const std::string& text) {
  const ParsedNumber number = parse_number(text);
  if (number.complaint) throw UsageError(option + ": " + in_quotes(text) + " " + number.complaint);
  return number.value;
}

double positive_argument(const std::string& option, const std::string& text) {
  const double value = number_argument(option, text);
  if (!(value > 0)) throw UsageError(option + ": " + in_quotes(text) + " is not above 0");
  return value;
}

unsigned long long whole_argument(const std::string& option, const std::string& text, unsigned long long low,
                                  unsigned long long high) {
  unsigned long long value = 0;
  if (!parse_whole(text, low, high, value)) {
    throw UsageError(option + ": " + in_quotes(text) + " is not a whole number from " + std::to_string(low) + " to " +
                     std::to_string(high));
  }
  return value;
}

std::vector<double> numbers_argument(const std::string& option, const std::string& text) {
  std::vector<double> values;
  for (const std::string& part : split(text)) values.push_back(number_argument(option, part));
  return values;
}

std::vector<std::string> names_argument(const std::string& option, const std::string& text) {
  std::vector<std::string> names = split_quoted(option, text);
  for (const std::string& name : names) {
    if (name.empty()) throw UsageError(option + ": " + in_quotes(text) + " has an empty name");
  }
  return names;
}

}  // namespace attnpool::program
