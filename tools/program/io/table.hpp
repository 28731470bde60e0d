#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/date.hpp"
#include "base/matrix.hpp"
#include "io/read_options.hpp"

namespace attnpool::program {

/// Which columns of a file to read, and how.
struct ColumnChoice {
  std::vector<std::string> numbers;                 ///< columns of numbers, or of dates
  std::size_t dates = 0;                            ///< the first so many of them may be dates
  std::vector<std::optional<Moment>> origins = {};  ///< of those columns, if known: then they must be as they were
  std::string group = {};                           ///< a column of text, or empty
  TextFormat format = {};
  bool whole_npy = false;  ///< an NPY file of as many columns as there are numbers is taken whole, in their order
};

/// What was read. Dates are seconds since the origin of their column, its first row's date.
struct Table {
  Matrix<double> numbers;
  std::vector<std::optional<Moment>> origins;  ///< of each column of numbers; empty for one that holds numbers
  std::vector<std::string> groups;             ///< [rows], or empty
  std::size_t left_out = 0;                    ///< rows with missing values
};

/// Reads columns of a file, in the order of their names, as finite numbers. The file is text with separated columns, or
/// NPY, or an array of an NPZ file, whose columns are named "0", "1", ...; "-" is standard input. At least one row. Throws
/// DataError that says where.
Table read_table(const std::string& path, const ColumnChoice& selection);

/// Numbers alone.
Matrix<double> read_columns(const std::string& path, const std::vector<std::string>& columns);
/// As read_columns(), but an NPY file of so many columns is taken whole.
Matrix<double> read_queries(const std::string& path, const std::vector<std::string>& columns);

/// Points and what is measured there.
struct Data {
  std::vector<std::string> x, y;                    ///< names of the columns
  Matrix<double> keys, values;                      ///< [rows, x.size()] and [rows, y.size()]
  std::vector<double> key_weights = {};             ///< [rows], or empty: all 1
  std::vector<std::optional<Moment>> origins = {};  ///< of the x columns that are dates; empty: none is
  std::string group = {};                           ///< name of the column, or empty
  std::vector<std::string> groups = {};             ///< [rows], or empty
  std::size_t left_out = 0;                         ///< rows with missing values

  bool is_date(std::size_t d) const { return d < origins.size() && origins[d].has_value(); }
};

/// The columns that data are read from.
struct DataColumns {
  std::vector<std::string> x, y;
  std::string key_weights = {}, group = {};  ///< or empty
};

/// Throws DataError where check_key_weights() does.
Data read_data(const std::string& path, const DataColumns& columns, const TextFormat& format = {});

/// The names in the order of their first appearance.
std::vector<std::string> distinct(const std::vector<std::string>& names);

/// Throws DataError that starts with `file` for a key weight below 0 or if none is above 0.
void check_key_weights(const std::vector<double>& key_weights, const std::string& file);

/// Throws DataError that starts with `file` unless every row sees a key of weight above 0 when it is left out itself.
void check_can_leave_one_out(const Data& data, const std::string& file);

}  // namespace attnpool::program
