#pragma once
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace attnpool::program {

/// How files of data are read, as the user wrote it.
struct ReadOptions {
  std::string separator, decimal = ".", missing = "refuse", missing_values, comment;
  bool no_header = false, header = false;
};

/// The same, checked.
struct TextFormat {
  char separator = 0;  ///< 0: found out from the file; ' ': any run of blanks and tabs
  char decimal = '.';
  bool skip_missing = false;  ///< rows with missing values are left out; else they are refused
  std::vector<std::string> missing = {"", "NA", "N/A", "NaN", "null", "?"};  ///< spellings, in any case
  std::string comment;  ///< lines that begin with it are passed over; empty: none
  enum class Header { found_out, present, absent } header = Header::found_out;

  bool is_missing(std::string_view field) const;  ///< blanks around the field do not count
};

/// What a file of data may be, for --help.
inline constexpr const char* data_help =
    "Data: text with separated columns and a header (CSV, TSV, also gzipped), NPY, or FILE.npz:NAME (columns 0, 1, "
    "...)";

void add_read_options(CLI::App& command, ReadOptions& options);

/// Throws UsageError that names the option.
TextFormat checked_format(const ReadOptions& options);

}  // namespace attnpool::program
