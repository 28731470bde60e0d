#include "io/npy.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>

#include "base/errors.hpp"
#include "base/number.hpp"

static_assert(std::endian::native == std::endian::little, "cells are copied as they lie in the file, little-endian");

namespace attnpool::program {
namespace {

[[noreturn]] void fail(const Input& input, const std::string& message) {
  throw DataError(input.name() + ": " + message);
}

/// The Python dictionary of a header: {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }
class Dictionary {
 public:
  Dictionary(const Input& input, std::string_view text) : input_(input), text_(text) {}

  NpyHeader parse() {
    NpyHeader header;
    bool has_descr = false, has_order = false, has_shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string_view key = string();
      expect(':');
      if (key == "descr") {
        parse_descr(header);
        has_descr = true;
      } else if (key == "fortran_order") {
        header.column_major = boolean();
        has_order = true;
      } else if (key == "shape") {
        parse_shape(header);
        has_shape = true;
      } else {
        malformed();
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_blanks();
    if (!text_.empty() || !has_descr || !has_order || !has_shape) malformed();
    return header;
  }

 private:
  [[noreturn]] void malformed() const { fail(input_, "malformed NPY header"); }

  void skip_blanks() {
    while (!text_.empty() && (text_[0] == ' ' || text_[0] == '\n')) text_.remove_prefix(1);
  }

  bool accept(char c) {
    skip_blanks();
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }

  void expect(char c) {
    if (!accept(c)) malformed();
  }

  std::string_view take(std::size_t count) {
    const std::string_view taken = text_.substr(0, count);
    text_.remove_prefix(count);
    return taken;
  }

  std::string_view string() {
    const char quote = accept('\'') ? '\'' : '"';
    if (quote == '"') expect('"');
    const std::size_t end = text_.find(quote);
    if (end == text_.npos) malformed();
    const std::string_view result = take(end);
    text_.remove_prefix(1);
    return result;
  }

  bool boolean() {
    skip_blanks();
    for (const std::string_view word : {"True", "False"}) {
      if (text_.substr(0, word.size()) != word) continue;
      text_.remove_prefix(word.size());
      return word == "True";
    }
    malformed();
  }

  void parse_descr(NpyHeader& header) {
    if (accept('[')) fail(input_, "the NPY array holds records; a plain numeric array is needed");
    const std::string_view descr = string();
    for (const std::string_view known : {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"}) {
      if (descr.size() != 3 || descr.substr(1) != known) continue;
      header.big_endian = descr[0] == '>';
      header.kind = descr[1];
      header.item_size = static_cast<std::size_t>(descr[2] - '0');
      return;
    }
    fail(input_, "the NPY array has dtype " + in_quotes(descr) +
                     "; a float of at most 64 bits, bool or an integer type is needed");
  }

  void parse_shape(NpyHeader& header) {
    std::vector<std::size_t> shape;
    expect('(');
    while (!accept(')')) {
      skip_blanks();
      const std::size_t digits = std::min(text_.find_first_not_of("0123456789"), text_.size());
      unsigned long long count = 0;
      if (!parse_whole(take(digits), 0, SIZE_MAX, count)) malformed();
      shape.push_back(static_cast<std::size_t>(count));
      accept('L');  // written by Python 2
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    if (shape.empty() || shape.size() > 2) {
      fail(input_, "the NPY array has " + plural(shape.size(), "dimension") + "; one or two are needed");
    }
    header.rows = shape[0];
    header.cols = shape.size() == 2 ? shape[1] : 1;
  }

  const Input& input_;
  std::string_view text_;
};

std::string read_exactly(Input& input, std::size_t count) {
  std::string bytes(count, '\0');
  if (input.read(bytes.data(), count) != count) fail(input, "the file ends inside its NPY header");
  return bytes;
}

std::size_t read_dictionary_size(Input& input) {
  const std::string version = read_exactly(input, 2);
  if (version[0] < 1 || version[0] > 3) {
    fail(input, "NPY version " + std::to_string(static_cast<unsigned char>(version[0])) + " is not known");
  }
  const std::string bytes = read_exactly(input, version[0] == 1 ? 2 : 4);
  std::size_t size = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) size = size << 8 | static_cast<unsigned char>(bytes[i]);
  // A header that we take has one line; a large one is a foreign file, and is not worth its memory.
  if (size > 65536) fail(input, "the NPY header claims " + std::to_string(size) + " bytes");
  return size;
}

template <class T>
std::optional<double> cell_as(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  const double result = static_cast<double>(value);
  if constexpr (!std::is_floating_point_v<T>) {
    if (static_cast<long double>(value) != static_cast<long double>(result)) return std::nullopt;  // rounded
  }
  return result;
}

/// IEEE 754 binary16.
double half(const char* bytes) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, bytes, sizeof bits);
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  const double size = exponent == 0    ? std::ldexp(mantissa, -24)
                      : exponent == 31 ? (mantissa == 0 ? HUGE_VAL : std::numeric_limits<double>::quiet_NaN())
                                       : std::ldexp(1024 + mantissa, exponent - 25);
  return bits >> 15 ? -size : size;
}

std::optional<double> cell(const NpyHeader& header, char* bytes) {
  if (header.big_endian) std::reverse(bytes, bytes + header.item_size);
  if (header.kind == 'f' && header.item_size == 2) return half(bytes);
  if (header.kind == 'f') return header.item_size == 4 ? cell_as<float>(bytes) : cell_as<double>(bytes);
  const bool is_signed = header.kind == 'i';
  switch (header.item_size) {
    case 1:
      return is_signed ? cell_as<std::int8_t>(bytes) : cell_as<std::uint8_t>(bytes);
    case 2:
      return is_signed ? cell_as<std::int16_t>(bytes) : cell_as<std::uint16_t>(bytes);
    case 4:
      return is_signed ? cell_as<std::int32_t>(bytes) : cell_as<std::uint32_t>(bytes);
    default:
      return is_signed ? cell_as<std::int64_t>(bytes) : cell_as<std::uint64_t>(bytes);
  }
}

}  // namespace

NpyHeader read_npy_header(Input& input) {
  const std::string text = read_exactly(input, read_dictionary_size(input));
  const NpyHeader header = Dictionary(input, text).parse();
  const std::string shape = std::to_string(header.rows) + " x " + std::to_string(header.cols);
  std::size_t cells = 0, bytes = 0;
  if (__builtin_mul_overflow(header.rows, header.cols, &cells) ||
      __builtin_mul_overflow(cells, header.item_size, &bytes)) {
    fail(input, "the NPY header claims " + shape + " cells");
  }
  const std::size_t left = input.bytes_left();
  if (left != bytes) {
    fail(input, "the NPY header claims " + shape + " cells, " + plural(bytes, "byte") + "; " + std::to_string(left) +
                    " follow");
  }
  return header;
}

std::vector<double> read_npy_cells(Input& input, const NpyHeader& header, const std::vector<std::size_t>& columns,
                                   bool may_lack) {
  std::vector<double> cells(header.rows * columns.size());
  std::vector<std::vector<std::size_t>> places(header.cols);  // of a file column in a row of the result
  for (std::size_t i = 0; i < columns.size(); ++i) places[columns[i]].push_back(i);
  char bytes[8];
  const std::size_t total = header.rows * header.cols;
  for (std::size_t i = 0; i < total; ++i) {
    if (input.read(bytes, header.item_size) != header.item_size)
      fail(input, "the file became shorter while it was read");
    const std::size_t row = header.column_major ? i % header.rows : i / header.cols;
    const std::size_t column = header.column_major ? i / header.rows : i % header.cols;
    if (places[column].empty()) continue;
    const std::optional<double> value = cell(header, bytes);
    const auto where = [&] { return "row " + std::to_string(row) + ", column " + std::to_string(column) + ": "; };
    if (!value) fail(input, where() + "an integer beyond 2^53 that a double would round");
    if (!std::isfinite(*value) && !(may_lack && std::isnan(*value)))
      fail(input, where() + in_quotes(to_text(*value)) + " is not finite");
    for (const std::size_t place : places[column]) cells[row * columns.size() + place] = *value;
  }
  return cells;
}

template <class T>
std::string npy_header(std::size_t rows, std::size_t cols) {
  std::string dictionary = "{'descr': '<f" + std::to_string(sizeof(T)) + "', 'fortran_order': False, 'shape': (" +
                           std::to_string(rows) + ", " + std::to_string(cols) + "), }";
  constexpr std::size_t prefix =
      npy_magic.size() + 4;  // magic, version, size; the format wants cells at a multiple of 64
  dictionary.append((2 * 64 - (prefix + dictionary.size() + 1) % 64) % 64, ' ');
  dictionary += '\n';
  std::string header(npy_magic);
  header += {'\x01', '\x00', static_cast<char>(dictionary.size() & 0xff), static_cast<char>(dictionary.size() >> 8)};
  return header + dictionary;
}

template std::string npy_header<float>(std::size_t, std::size_t);
template std::string npy_header<double>(std::size_t, std::size_t);

}  // namespace attnpool::program
