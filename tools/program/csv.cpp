#include "csv.hpp"

#include "errors.hpp"

namespace attnpool::program {
namespace {

// A field takes some 32 bytes of memory for one byte of file.
constexpr std::size_t max_fields = 500'000;

}  // namespace

CsvReader::CsvReader(Input& input) : input_(input) { input_.skip("\xef\xbb\xbf"); }

void CsvReader::fail(const std::string& message) const {
  throw DataError(input_.name() + ":" + std::to_string(record_line_) + ": " + message);
}

int CsvReader::take() {
  const int c = input_.get();
  if (c == 0) {
    record_line_ = line_;
    fail("a NUL byte; this is not a text file");
  }
  if (c == '\n') ++line_;
  return c;
}

void CsvReader::read_quoted(std::string& field) {
  const std::size_t opened = line_;
  while (true) {
    const int c = take();
    if (c < 0) {
      record_line_ = opened;
      fail("a quote is opened and not closed");
    }
    if (c != '"') {
      field += static_cast<char>(c);
    } else if (input_.peek() == '"') {
      field += static_cast<char>(take());
    } else {
      return;
    }
  }
}

bool CsvReader::read_record(std::vector<std::string>& fields) {
  fields.clear();
  record_line_ = line_;
  if (input_.peek() < 0) return false;
  fields.emplace_back();
  bool closed = false;  // the field had quotes, and they are closed
  while (true) {
    const int c = take();
    if (separator_ == 0 && (c == ',' || c == '\t')) separator_ = static_cast<char>(c);
    if (c < 0 || c == '\n' || c == '\r') {
      if (c == '\r' && input_.peek() == '\n') {
        take();
      } else if (c == '\r') {
        ++line_;
      }
      if (separator_ == 0) separator_ = ',';
      return true;
    }
    if (c == separator_) {
      if (fields.size() == max_fields) fail("more than " + std::to_string(max_fields) + " fields; this is not a table");
      fields.emplace_back();
      closed = false;
    } else if (closed) {
      fail("text after a closing quote");
    } else if (c == '"' && fields.back().empty()) {
      read_quoted(fields.back());
      closed = true;
    } else {
      fields.back() += static_cast<char>(c);
    }
  }
}

bool CsvReader::next(std::vector<std::string>& fields) {
  const auto is_blank = [&] { return fields.size() == 1 && fields[0].empty(); };
  if (!read_record(fields)) return false;
  if (!is_blank()) return true;
  const std::size_t blank = record_line_;
  while (read_record(fields)) {
    if (is_blank()) continue;
    record_line_ = blank;
    fail("an empty line");
  }
  return false;
}

void append_field(std::string& line, std::string_view field) {
  if (field.find_first_of(",\t\"\r\n") == field.npos) {
    line += field;
    return;
  }
  line += '"';
  for (const char c : field) {
    if (c == '"') line += '"';
    line += c;
  }
  line += '"';
}

std::string csv_header(const std::vector<std::string>& names) {
  std::string line;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) line += ',';
    append_field(line, names[i]);
  }
  return line + '\n';
}

}  // namespace attnpool::program
