#include "io/csv.hpp"

#include "base/errors.hpp"

namespace attnpool::program {
namespace {

// A field takes some 32 bytes of memory for one byte of file.
constexpr std::size_t max_fields = 500'000;

/// Bytes from which the separator is found out.
constexpr std::size_t looked_at = 1 << 15;

/// The first line of text outside quotes, which is then taken off it.
std::string_view take_line(std::string_view& text) {
  bool quoted = false;
  std::size_t end = 0;
  for (; end < text.size() && (quoted || (text[end] != '\n' && text[end] != '\r')); ++end) quoted ^= text[end] == '"';
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end);
  while (!text.empty() && (text[0] == '\n' || text[0] == '\r')) text.remove_prefix(1);
  return line;
}

/// How often a character stands in a line outside quotes.
std::size_t count_of(std::string_view line, char c) {
  bool quoted = false;
  std::size_t count = 0;
  for (const char x : line) {
    quoted ^= x == '"';
    count += !quoted && x == c;
  }
  return count;
}

std::size_t words_of(std::string_view line) {
  bool quoted = false, inside = false;
  std::size_t words = 0;
  for (const char x : line) {
    quoted ^= x == '"';
    const bool blank = !quoted && (x == ' ' || x == '\t');
    words += !blank && !inside;
    inside = !blank;
  }
  return words;
}

char found_separator(std::string_view text, const TextFormat& format) {
  std::string_view lines[2];
  for (std::string_view& line : lines) {
    do {
      line = take_line(text);
    } while (!format.comment.empty() && line.starts_with(format.comment) && !text.empty());
  }
  char best = 0;
  std::size_t best_rank = 0;
  for (const char candidate : {'\t', ';', ','}) {
    const std::size_t first = count_of(lines[0], candidate);
    if (first == 0 || candidate == format.decimal) continue;
    // Of several, the one that splits both lines alike; then the one that comes first.
    const std::size_t place = lines[0].find(candidate);
    const std::size_t rank = (count_of(lines[1], candidate) == first ? 2 * looked_at : looked_at) - place;
    if (rank > best_rank) {
      best = candidate;
      best_rank = rank;
    }
  }
  if (best != 0) return best;
  const std::size_t words = words_of(lines[0]);
  return words > 1 && words_of(lines[1]) == words ? ' ' : ',';
}

}  // namespace

CsvReader::CsvReader(Input& input, const TextFormat& format) : input_(input), format_(format) {
  input_.skip("\xef\xbb\xbf");
  const std::string_view first = input_.look_ahead(2);
  if (first == "\xff\xfe" || first == "\xfe\xff") {
    throw DataError(input_.name() + ": the file is UTF-16; save it as UTF-8");
  }
  separator_ = format.separator != 0 ? format.separator : found_separator(input_.look_ahead(looked_at), format);
}

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

/// Takes the end of a line that begins with c; false if c begins none. The end of the file ends a line.
bool CsvReader::ends_line(int c) {
  if (c == '\r' && input_.peek() == '\n') {
    take();
  } else if (c == '\r') {
    ++line_;
  }
  return c < 0 || c == '\n' || c == '\r';
}

bool CsvReader::skip_comment() {
  if (format_.comment.empty() || input_.look_ahead(format_.comment.size()) != format_.comment) return false;
  while (!ends_line(take())) {
  }
  return true;
}

void CsvReader::skip_blanks() {
  while (input_.peek() == ' ' || input_.peek() == '\t') take();
}

bool CsvReader::read_record(std::vector<std::string>& fields) {
  fields.clear();
  while (skip_comment()) {
  }
  record_line_ = line_;
  if (input_.peek() < 0) return false;
  fields.emplace_back();
  const bool by_blanks = separator_ == ' ';
  if (by_blanks) skip_blanks();
  bool closed = false;  // the field had quotes, and they are closed
  while (true) {
    const int c = take();
    if (ends_line(c)) return true;
    if (c == separator_ || (by_blanks && c == '\t')) {
      if (by_blanks) {
        skip_blanks();
        if (const int next = input_.peek(); next < 0 || next == '\n' || next == '\r') continue;
      }
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

void append_field(std::string& line, std::string_view field, char separator) {
  if (field.find_first_of(",;\t\"\r\n") == field.npos && field.find(separator) == field.npos) {
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

std::string csv_header(const std::vector<std::string>& names, char separator) {
  std::string line;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) line += separator;
    append_field(line, names[i], separator);
  }
  return line + '\n';
}

}  // namespace attnpool::program
