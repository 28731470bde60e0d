#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "input.hpp"

namespace attnpool::program {

/// Reads records of comma- or tab-separated text (RFC 4180: quoted fields, doubled quotes, line breaks inside quotes;
/// any line ending; a UTF-8 byte order mark is skipped). The first unquoted comma or tab decides which of the two
/// separates.
class CsvReader {
 public:
  explicit CsvReader(Input& input);

  /// Reads the next record; false at the end. Blank lines are allowed at the end of the file only.
  bool next(std::vector<std::string>& fields);

  /// Where the record just read begins, from 1.
  std::size_t line() const { return record_line_; }

  /// Throws DataError "FILE:LINE: message".
  [[noreturn]] void fail(const std::string& message) const;

 private:
  bool read_record(std::vector<std::string>& fields);
  void read_quoted(std::string& field);
  int take();

  Input& input_;
  char separator_ = 0;  // not known yet
  std::size_t line_ = 1, record_line_ = 0;
};

/// Appends a field, quoted if it must be.
void append_field(std::string& line, std::string_view field);

/// A header line of these names.
std::string csv_header(const std::vector<std::string>& names);

}  // namespace attnpool::program
