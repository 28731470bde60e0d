#include "io/table.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "io/csv.hpp"
#include "io/input.hpp"
#include "io/npy.hpp"

namespace attnpool::program {
namespace {

using Names = std::vector<std::string>;

std::string listed(const Names& names) {
  constexpr std::size_t limit = 12;
  std::string list;
  for (std::size_t i = 0; i < std::min(limit, names.size()); ++i) list += (i == 0 ? "" : ", ") + in_quotes(names[i]);
  return names.size() > limit ? list + ", ..." : list;
}

std::string column_at(std::size_t place) { return std::to_string(place); }

/// Whether `name` is one of the parts of a text that `separator` separates.
bool has_part(std::string_view text, char separator, std::string_view name) {
  while (text.find(separator) != text.npos) {
    if (trimmed(text.substr(0, text.find(separator))) == name) return true;
    text.remove_prefix(text.find(separator) + 1);
    if (text.find(separator) == text.npos && trimmed(text) == name) return true;
  }
  return false;
}

/// A likely reason why a name is not among those of the header.
std::string hint(const Names& header, const std::string& name, char separator) {
  for (const std::string& other : header) {
    if (other.find(',') != std::string::npos && other.starts_with(name)) {
      return "; a name with a comma is quoted: '\"" + printable(other) + "\"'";
    }
  }
  if (header.size() > 1) return "";
  for (const char other : {';', ',', '\t', '|', ' '}) {
    if (other != separator && has_part(header[0], other, name)) {
      return std::string("; is another separator meant (--sep)?");
    }
  }
  return "";
}

std::size_t find_column(const CsvReader& reader, const Names& header, const std::string& name) {
  const auto found = std::find(header.begin(), header.end(), name);
  if (found == header.end()) {
    reader.fail("no column " + in_quotes(name) + "; there are " + listed(header) +
                hint(header, name, reader.separator()));
  }
  if (std::find(found + 1, header.end(), name) != header.end())
    reader.fail("two columns are called " + in_quotes(name));
  return static_cast<std::size_t>(found - header.begin());
}

bool all_numbers(const Names& fields, char decimal) {
  return std::all_of(fields.begin(), fields.end(),
                     [&](const std::string& field) { return parse_number(field, decimal).complaint == nullptr; });
}

/// Reads the cells of one file of text; knows what each column holds.
class TextTable {
 public:
  TextTable(Input& input, const ColumnChoice& selection)
      : selection_(selection), file_(input.name()), reader_(input, selection.format) {
    table_.origins = selection.origins;
    table_.origins.resize(selection.numbers.size());
    kinds_.resize(selection.numbers.size(), Kind::unknown);
    for (std::size_t i = 0; i < selection.origins.size(); ++i)
      kinds_[i] = selection.origins[i] ? Kind::date : Kind::number;
  }

  Table read() {
    Names fields;
    if (!reader_.next(fields)) throw DataError(file_ + ": the file is empty");
    const bool first_is_data = read_header(fields);
    if (first_is_data) add_row(fields);
    while (reader_.next(fields)) {
      if (fields.size() != width_) {
        reader_.fail(plural(fields.size(), "field") + (first_is_data ? "; the first row has " : "; the header has ") +
                     std::to_string(width_));
      }
      add_row(fields);
    }
    if (cells_.empty()) {
      throw DataError(file_ + (table_.left_out > 0 ? ": every row lacks a value"
                               : first_is_data     ? ": no rows"
                                                   : ": a header and no rows"));
    }
    table_.numbers = {std::move(cells_), selection_.numbers.size()};
    return std::move(table_);
  }

 private:
  enum class Kind { unknown, number, date };

  /// Finds the columns; true if the fields are those of a row of data.
  bool read_header(Names fields) {
    using Header = TextFormat::Header;
    const Header header = selection_.format.header;
    if (header == Header::found_out && all_numbers(fields, selection_.format.decimal)) {
      reader_.fail(
          "the first row is all numbers; if the header is missing, --no-header reads it (columns 0, 1, ...), "
          "and --header takes it as one");
    }
    width_ = fields.size();
    for (std::size_t i = 0; i < fields.size(); ++i)
      fields[i] = header == Header::absent ? column_at(i) : std::string(trimmed(fields[i]));
    for (const std::string& name : selection_.numbers) places_.push_back(find_column(reader_, fields, name));
    if (!selection_.group.empty()) group_place_ = find_column(reader_, fields, selection_.group);
    return header == Header::absent;
  }

  void add_row(const Names& fields) {
    const std::size_t before = cells_.size();
    for (std::size_t i = 0; i < places_.size(); ++i) {
      const std::string& field = fields[places_[i]];
      if (selection_.format.is_missing(field)) {
        if (!selection_.format.skip_missing) {
          fail(i, field,
               trimmed(field).empty() ? "is empty (--missing skip leaves such rows out)"
                                      : "is a missing value (--missing skip leaves such rows out)");
        }
        cells_.resize(before);
        ++table_.left_out;
        return;
      }
      cells_.push_back(cell(i, field));
    }
    if (!selection_.group.empty()) table_.groups.emplace_back(trimmed(fields[group_place_]));
  }

  double cell(std::size_t i, const std::string& field) {
    const std::optional<Moment> date = kinds_[i] == Kind::number ? std::nullopt : parse_date(field);
    if (kinds_[i] == Kind::unknown) {
      kinds_[i] = date ? Kind::date : Kind::number;
      if (date && i >= selection_.dates) fail(i, field, "is a date; only x columns may hold dates");
      if (date) table_.origins[i] = *date;
    }
    if (kinds_[i] == Kind::date) {
      if (!date) fail(i, field, "is not a date, as the column's others are");
      const Moment& origin = *table_.origins[i];
      if (date->has_zone != origin.has_zone) {
        fail(i, field,
             origin.has_zone ? "has no zone, as others of the column have"
                             : "has a zone, as others of the column have not");
      }
      return static_cast<double>(date->seconds - origin.seconds) + (date->fraction - origin.fraction);
    }
    const ParsedNumber number = parse_number(field, selection_.format.decimal);
    if (number.complaint)
      fail(i, field, parse_date(field) ? "is a date, where others of the column are numbers" : number.complaint);
    return number.value;
  }

  [[noreturn]] void fail(std::size_t i, const std::string& field, const std::string& complaint) const {
    reader_.fail("column " + in_quotes(selection_.numbers[i]) + ": " + in_quotes(field) + " " + complaint);
  }

  const ColumnChoice& selection_;
  const std::string file_;
  CsvReader reader_;
  std::size_t width_ = 0, group_place_ = 0;
  std::vector<std::size_t> places_;
  std::vector<Kind> kinds_;
  std::vector<double> cells_;
  Table table_;
};

/// The columns of an NPY file that the names mean.
std::vector<std::size_t> npy_places(const Input& input, const NpyHeader& header, const ColumnChoice& selection) {
  const Names& columns = selection.numbers;
  const bool whole = selection.whole_npy && header.cols == columns.size();
  std::vector<std::size_t> places;
  for (const std::string& name : columns) {
    unsigned long long place = places.size();
    if (!whole && (header.cols == 0 || !parse_whole(name, 0, header.cols - 1, place))) {
      if (selection.whole_npy) {
        throw DataError(input.name() + ": " + plural(header.cols, "column") + "; there must be " +
                        std::to_string(columns.size()) + ", one for each of " + listed(columns));
      }
      throw DataError(input.name() + ": no column " + in_quotes(name) +
                      "; NPY columns are called by number and there are " + std::to_string(header.cols) + ", from 0");
    }
    places.push_back(static_cast<std::size_t>(place));
  }
  return places;
}

Table read_npy(Input& input, const ColumnChoice& selection) {
  const NpyHeader header = read_npy_header(input);
  if (!selection.group.empty()) throw DataError(input.name() + ": an NPY file has no column of text for --group");
  const std::vector<std::size_t> places = npy_places(input, header, selection);
  if (header.rows == 0) throw DataError(input.name() + ": no rows");
  for (const auto& origin : selection.origins)
    if (origin) throw DataError(input.name() + ": an NPY file has no dates, which the x columns are");
  Table table;
  std::vector<double> cells = read_npy_cells(input, header, places, selection.format.skip_missing);
  const std::size_t cols = places.size();
  std::size_t kept = 0;
  for (std::size_t row = 0; row < header.rows; ++row) {
    const auto first = cells.begin() + static_cast<std::ptrdiff_t>(row * cols);
    if (std::any_of(first, first + static_cast<std::ptrdiff_t>(cols), [](double x) { return std::isnan(x); })) continue;
    std::copy_n(first, cols, cells.begin() + static_cast<std::ptrdiff_t>(kept++ * cols));
  }
  if (kept == 0) throw DataError(input.name() + ": every row lacks a value");
  cells.resize(kept * cols);
  table.left_out = header.rows - kept;
  table.numbers = {std::move(cells), cols};
  table.origins.resize(cols);
  return table;
}

}  // namespace

Table read_table(const std::string& path, const ColumnChoice& selection) {
  Input input(path);
  if (input.skip(npy_magic)) return read_npy(input, selection);
  if (path.ends_with(".npy") || path.find(".npz:") != path.npos || path.ends_with(".npz")) {
    throw DataError(input.name() + ": not an NPY file");
  }
  return TextTable(input, selection).read();
}

Matrix<double> read_columns(const std::string& path, const Names& columns) {
  return read_table(path, {.numbers = columns}).numbers;
}
Matrix<double> read_queries(const std::string& path, const Names& columns) {
  return read_table(path, {.numbers = columns, .whole_npy = true}).numbers;
}

Data read_data(const std::string& path, const DataColumns& columns, const TextFormat& format) {
  ColumnChoice selection{.numbers = columns.x, .dates = columns.x.size(), .group = columns.group, .format = format};
  selection.numbers.insert(selection.numbers.end(), columns.y.begin(), columns.y.end());
  if (!columns.key_weights.empty()) selection.numbers.push_back(columns.key_weights);
  Table table = read_table(path, selection);
  const Matrix<double>& both = table.numbers;
  Data data{
      .x = columns.x, .y = columns.y, .keys = {both.rows, columns.x.size()}, .values = {both.rows, columns.y.size()}};
  for (std::size_t r = 0; r < both.rows; ++r) {
    std::copy_n(&both(r, 0), columns.x.size(), &data.keys(r, 0));
    std::copy_n(&both(r, columns.x.size()), columns.y.size(), &data.values(r, 0));
    if (!columns.key_weights.empty()) data.key_weights.push_back(both(r, both.cols - 1));
  }
  table.origins.resize(columns.x.size());
  const auto is_date = [](const std::optional<Moment>& origin) { return origin.has_value(); };
  if (std::any_of(table.origins.begin(), table.origins.end(), is_date)) data.origins = table.origins;
  data.group = columns.group;
  data.groups = std::move(table.groups);
  data.left_out = table.left_out;
  check_key_weights(data.key_weights, path);
  return data;
}

std::vector<std::string> distinct(const std::vector<std::string>& names) {
  std::vector<std::string> result;
  std::unordered_set<std::string> seen;
  for (const std::string& name : names)
    if (seen.insert(name).second) result.push_back(name);
  return result;
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
