#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "io/input.hpp"

/// NumPy's .npy files, https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, versions 1 to 3.
namespace attnpool::program {

inline constexpr std::string_view npy_magic = "\x93NUMPY";

struct NpyHeader {
  char kind = 'f';            ///< 'f', 'i', 'u' or 'b' as in NumPy
  std::size_t item_size = 8;  ///< bytes
  bool column_major = false, big_endian = false;
  std::size_t rows = 0, cols = 1;  ///< a one-dimensional array is one column
};

/// Reads what follows the magic and checks it: float16, float32, float64, bool or integers of either byte order in one or
/// two dimensions, and as many bytes in the file as the header promises. Throws DataError.
NpyHeader read_npy_header(Input& input);

/// Reads the cells of the given columns, row-major. Cells that are not finite, or integers that a double would round,
/// throw DataError; NaN does not if may_lack.
std::vector<double> read_npy_cells(Input& input, const NpyHeader& header, const std::vector<std::size_t>& columns,
                                   bool may_lack = false);

/// The start of a version 1 file of a row-major matrix of T (float or double); its cells follow as they lie in memory.
template <class T>
std::string npy_header(std::size_t rows, std::size_t cols);

/// Bytes of cells, to follow npy_header().
template <class T>
std::string_view npy_bytes(const std::vector<T>& cells) {
  return {reinterpret_cast<const char*>(cells.data()), cells.size() * sizeof(T)};
}

}  // namespace attnpool::program
