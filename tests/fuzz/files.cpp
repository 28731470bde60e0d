// The readers of files: an Error that names the file, or a table of finite numbers; never anything else.
#include <cmath>
#include <string>

#include "base/errors.hpp"
#include "io/model.hpp"
#include "io/table.hpp"
#include "memory_file.hpp"

namespace attnpool::fuzz {
namespace {

using program::DataError;

/// One line, without control characters, that begins with the name of the file.
void check_message(const std::string& message, const std::string& file) {
  require(message.starts_with(file), "a complaint names its file");
  for (const char c : message) require(static_cast<unsigned char>(c) >= ' ', "a complaint is one printable line");
}

void check_table(const program::Matrix<double>& table, std::size_t cols) {
  require(table.rows > 0 && table.cols == cols && table.cells.size() == table.rows * cols, "a table has its shape");
  for (const double cell : table.cells) require(std::isfinite(cell), "cells are finite");
}

void read_both_ways(const std::string& path, const std::vector<std::string>& columns) {
  try {
    check_table(program::read_columns(path, columns), columns.size());
  } catch (const DataError& error) {
    check_message(error.what(), path);
  }
  try {
    check_table(program::read_queries(path, columns), columns.size());
  } catch (const DataError& error) {
    check_message(error.what(), path);
  }
}

}  // namespace

void npy(const std::uint8_t* data, std::size_t size) {
  const MemoryFile file(data, size);
  read_both_ways(file.path(), {"0"});
  read_both_ways(file.path(), {"1", "0"});
}

void csv(const std::uint8_t* data, std::size_t size) {
  const MemoryFile file(data, size);
  using Header = program::TextFormat::Header;
  for (const char separator : {'\0', ';', ' '}) {
    program::TextFormat format;
    format.separator = separator;
    format.decimal = separator == ';' ? ',' : '.';
    format.skip_missing = true;
    format.comment = "#";
    format.header = separator == ' ' ? Header::absent : Header::found_out;
    try {
      const std::vector<std::string> names =
          separator == ' ' ? std::vector<std::string>{"0"} : std::vector<std::string>{"x"};
      const program::Table table =
          program::read_table(file.path(), {.numbers = names, .dates = 1, .group = names[0], .format = format});
      check_table(table.numbers, 1);
      require(table.groups.size() == table.numbers.rows, "a group for each row");
    } catch (const DataError& error) {
      check_message(error.what(), file.path());
    }
  }
  read_both_ways(file.path(), {"x"});
  read_both_ways(file.path(), {"y", "x"});
}

void model(const std::uint8_t* data, std::size_t size) {
  const std::string file = "model.json", text(reinterpret_cast<const char*>(data), size);
  try {
    const program::Model read = program::model_from_json(text, file);
    check_table(read.data.keys, read.data.x.size());
    check_table(read.data.values, read.data.y.size());
    require(read.data.keys.rows == read.data.values.rows, "a value for each key");
    for (const double w : read.w) require(std::isfinite(w), "w is finite");
    const std::string again = program::to_json(read);
    require(program::to_json(program::model_from_json(again, file)) == again, "a model survives writing and reading");
  } catch (const DataError& error) {
    check_message(error.what(), file);
  }
}

}  // namespace attnpool::fuzz
