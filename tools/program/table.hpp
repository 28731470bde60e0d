#pragma once
#include <string>
#include <vector>

#include "matrix.hpp"

namespace attnpool::program {

/// Reads the named columns of a file, in that order, as finite numbers. The file is CSV or TSV with a header, or NPY,
/// whose columns are named "0", "1", ...; "-" is standard input. At least one row. Throws DataError that says where.
Matrix<double> read_columns(const std::string& path, const std::vector<std::string>& columns);

/// As read_columns(), but an NPY file is taken whole, its columns in their order: as many as there are names.
Matrix<double> read_queries(const std::string& path, const std::vector<std::string>& columns);

/// Points and what is measured there.
struct Data {
  std::vector<std::string> x, y;         ///< names of the columns
  Matrix<double> keys, values;           ///< [rows, x.size()] and [rows, y.size()]
  std::vector<double> key_weights = {};  ///< [rows], or empty: all 1
};

/// With key weights from a column, unless its name is empty. Throws DataError where check_key_weights() does.
Data read_data(const std::string& path, const std::vector<std::string>& x, const std::vector<std::string>& y,
               const std::string& key_weights = "");

/// Throws DataError that starts with `file` for a key weight below 0 or if none is above 0.
void check_key_weights(const std::vector<double>& key_weights, const std::string& file);

/// Throws DataError that starts with `file` unless every row sees a key of weight above 0 when it is left out itself.
void check_can_leave_one_out(const Data& data, const std::string& file);

}  // namespace attnpool::program
