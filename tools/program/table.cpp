#include "table.hpp"

#include <algorithm>

#include "csv.hpp"
#include "input.hpp"
#include "npy.hpp"

namespace attnpool::program {
namespace {

using Names = std::vector<std::string>;

std::string listed(const Names& names) {
  constexpr std::size_t limit = 12;
  std::string list;
  for (std::size_t i = 0; i < std::min(limit, names.size()); ++i) list += (i == 0 ? "" : ", ") + cited(names[i]);
  return names.size() > limit ? list + ", ..." : list;
}

std::size_t find_column(const CsvReader& reader, const Names& header, const std::string& name) {
  const auto found = std::find(header.begin(), header.end(), name);
  if (found == header.end()) reader.fail("no column " + cited(name) + "; there are " + listed(header));
  if (std::find(found + 1, header.end(), name) != header.end()) reader.fail("two columns are called " + cited(name));
  return static_cast<std::size_t>(found - header.begin());
}

Matrix<double> read_csv(Input& input, const Names& columns) {
  CsvReader reader(input);
  Names header, fields;
  if (!reader.next(header)) throw DataError(input.name() + ": the file is empty");
  std::vector<std::size_t> places;
  for (const std::string& name : columns) places.push_back(find_column(reader, header, name));
  std::vector<double> cells;
  while (reader.next(fields)) {
    if (fields.size() != header.size()) {
      reader.fail(counted(fields.size(), "field") + "; the header has " + std::to_string(header.size()));
    }
    for (std::size_t i = 0; i < places.size(); ++i) {
      const ParsedNumber number = parse_number(fields[places[i]]);
      if (number.complaint) {
        reader.fail("column " + cited(columns[i]) + ": " + cited(fields[places[i]]) + " " + number.complaint);
      }
      cells.push_back(number.value);
    }
  }
  if (cells.empty()) throw DataError(input.name() + ": a header and no rows");
  return {std::move(cells), columns.size()};
}

Matrix<double> read_npy(Input& input, const Names& columns, bool whole) {
  const NpyHeader header = read_npy_header(input);
  if (whole && header.cols != columns.size()) {
    throw DataError(input.name() + ": " + counted(header.cols, "column") + "; there must be " +
                    std::to_string(columns.size()) + ", one for each of " + listed(columns));
  }
  std::vector<std::size_t> places;
  for (const std::string& name : columns) {
    unsigned long long place = places.size();
    if (!whole && (header.cols == 0 || !parse_whole(name, 0, header.cols - 1, place))) {
      throw DataError(input.name() + ": no column " + cited(name) +
                      "; NPY columns are called by number and there are " + std::to_string(header.cols) + ", from 0");
    }
    places.push_back(static_cast<std::size_t>(place));
  }
  if (header.rows == 0) throw DataError(input.name() + ": no rows");
  return {read_npy_cells(input, header, places), columns.size()};
}

Matrix<double> read_table(const std::string& path, const Names& columns, bool whole_npy) {
  Input input(path);
  if (input.skip(npy_magic)) return read_npy(input, columns, whole_npy);
  if (path.ends_with(".npy")) throw DataError(input.name() + ": not an NPY file");
  return read_csv(input, columns);
}

}  // namespace

Matrix<double> read_columns(const std::string& path, const Names& columns) { return read_table(path, columns, false); }
Matrix<double> read_queries(const std::string& path, const Names& columns) { return read_table(path, columns, true); }

Data read_data(const std::string& path, const Names& x, const Names& y, const std::string& key_weights) {
  Names columns = x;
  columns.insert(columns.end(), y.begin(), y.end());
  if (!key_weights.empty()) columns.push_back(key_weights);
  const Matrix<double> both = read_columns(path, columns);
  Data data{x, y, {both.rows, x.size()}, {both.rows, y.size()}};
  for (std::size_t r = 0; r < both.rows; ++r) {
    std::copy_n(&both(r, 0), x.size(), &data.keys(r, 0));
    std::copy_n(&both(r, x.size()), y.size(), &data.values(r, 0));
    if (!key_weights.empty()) data.key_weights.push_back(both(r, both.cols - 1));
  }
  check_key_weights(data.key_weights, path);
  return data;
}

void check_key_weights(const std::vector<double>& key_weights, const std::string& file) {
  if (key_weights.empty()) return;
  const auto [least, largest] = std::minmax_element(key_weights.begin(), key_weights.end());
  if (*least < 0) {
    throw DataError(file + ": row " + std::to_string(least - key_weights.begin()) + " (from 0) has the key weight " +
                    to_text(*least) + "; none may be below 0");
  }
  if (*largest == 0) throw DataError(file + ": every key weight is 0");
}

void check_can_leave_one_out(const Data& data, const std::string& file) {
  if (data.keys.rows < 2) throw DataError(file + ": one row; leaving each point out needs two");
  if (data.key_weights.empty()) return;
  const auto is_seen = [](double weight) { return weight > 0; };
  if (std::count_if(data.key_weights.begin(), data.key_weights.end(), is_seen) < 2) {
    throw DataError(file + ": one key weight above 0; leaving each point out needs two");
  }
}

}  // namespace attnpool::program
