#include "io/read_options.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/arguments.hpp"
#include "base/errors.hpp"
#include "base/number.hpp"

namespace attnpool::program {
namespace {

constexpr std::array<std::pair<std::string_view, char>, 4> separator_names = {
    {{"comma", ','}, {"tab", '\t'}, {"semicolon", ';'}, {"space", ' '}}};

char checked_separator(const std::string& text) {
  for (const auto& [name, separator] : separator_names)
    if (text == name || (text.size() == 1 && text[0] == separator)) return separator;
  if (text == "\\t") return '\t';
  const bool is_usable = text.size() == 1 && std::ispunct(static_cast<unsigned char>(text[0])) &&
                         std::string_view("\"+-.").find(text[0]) == std::string_view::npos;
  if (!is_usable) {
    throw UsageError("--sep: " + in_quotes(text) + " is neither comma, tab, semicolon or space nor one such character");
  }
  return text[0];
}

bool equal_in_any_case(std::string_view a, std::string_view b) {
  const auto same = [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
}

}  // namespace

bool TextFormat::is_missing(std::string_view field) const {
  const std::string_view text = trimmed(field);
  return std::any_of(missing.begin(), missing.end(),
                     [&](const std::string& spelling) { return equal_in_any_case(text, spelling); });
}

void add_read_options(CLI::App& command, ReadOptions& options) {
  command
      .add_option("--sep", options.separator,
                  "What separates the columns of a text file: comma, tab, semicolon, space (any blanks), or one "
                  "character (default: found out from the first lines)")
      ->type_name("SEP");
  command.add_option("--decimal", options.decimal, "The decimal mark of a text file, . or ,")
      ->type_name(".|,")
      ->check(CLI::IsMember({".", ","}))
      ->capture_default_str();
  command
      .add_option("--missing", options.missing,
                  "What to do with rows that lack a value (empty, NA, N/A, NaN, null, ?) in a column that is used")
      ->type_name("refuse|skip")
      ->check(CLI::IsMember({"refuse", "skip"}))
      ->capture_default_str();
  command.add_option("--missing-values", options.missing_values, "Further spellings of a missing value, such as -999")
      ->type_name("TEXT[,TEXT...]");
  command.add_option("--comment", options.comment, "Lines of a text file that begin with TEXT are passed over")
      ->type_name("TEXT");
  CLI::Option* no_header = command.add_flag("--no-header", options.no_header,
                                            "The first row of a text file holds data; columns are called 0, 1, ...");
  command.add_flag("--header", options.header, "The first row of a text file is a header, even if it is all numbers")
      ->excludes(no_header);
}

TextFormat checked_format(const ReadOptions& options) {
  TextFormat format;
  format.decimal = options.decimal[0];
  if (!options.separator.empty()) format.separator = checked_separator(options.separator);
  if (format.separator == ',' && format.decimal == ',') {
    throw UsageError("--decimal: a comma cannot be both the decimal mark and --sep");
  }
  format.skip_missing = options.missing == "skip";
  if (!options.missing_values.empty()) {
    for (const std::string& value : names_argument("--missing-values", options.missing_values)) {
      format.missing.push_back(value);
    }
  }
  format.comment = options.comment;
  format.header = options.no_header ? TextFormat::Header::absent
                  : options.header  ? TextFormat::Header::present
                                    : TextFormat::Header::found_out;
  return format;
}

}  // namespace attnpool::program
