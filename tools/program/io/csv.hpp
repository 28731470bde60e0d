#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "io/input.hpp"
#include "io/read_options.hpp"

namespace attnpool::program {

/// Reads records of text with separated fields (RFC 4180: quoted fields, doubled quotes, line breaks inside quotes; any
/// line ending; a UTF-8 byte order mark is skipped). The separator is the format's, or found out from the first lines: the
/// tab, semicolon or comma (not if that is the decimal mark) that they have outside quotes, else blanks if those split
/// both lines alike.
class CsvReader {
 public:
  explicit CsvReader(Input& input, const TextFormat& format = {});

  /// Reads the next record; false at the end. Blank lines are allowed at the end of the file only, unless lines are
  /// comments.
  bool next(std::vector<std::string>& fields);

  /// Where the record just read begins, from 1.
  std::size_t line() const { return record_line_; }
  char separator() const { return separator_; }

  /// Throws DataError "FILE:LINE: message".
  [[noreturn]] void fail(const std::string& message) const;

 private:
  bool read_record(std::vector<std::string>& fields);
  bool skip_comment();
  void skip_blanks();
  bool ends_line(int c);
  void read_quoted(std::string& field);
  int take();

  Input& input_;
  const TextFormat format_;
  char separator_ = ',';
  std::size_t line_ = 1, record_line_ = 0;
};

/// A field of a header or of text, quoted if it must be where `separator` separates.
void append_field(std::string& line, std::string_view field, char separator = ',');

/// A header line of these names.
std::string csv_header(const std::vector<std::string>& names, char separator = ',');

}  // namespace attnpool::program
