#pragma once
#include <CLI/CLI.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "commands/kernel_options.hpp"
#include "io/model.hpp"

namespace attnpool::program {

/// Options that several subcommands share, as text; they are checked when the command runs.
struct CommonOptions {
  std::string threads = "0";
  bool quiet = false;
  bool json = false;
};

void add_common_options(CLI::App& command, CommonOptions& options);

/// --threads as a number. Also throws now, before any work, what the library would throw later: a bad thread count, or
/// an unknown ISA in the environment.
int checked_threads(const CommonOptions& options);

/// Where `predict` and `weights` take their keys, values, w and queries from.
struct ProblemOptions {
  std::string model;
  std::string data, x, y, key_weights, group, precision = "double", w, bandwidth;
  std::string at, grid, window;
  bool leave_one_out = false, causal = false;
  KernelOptions kernel;
  bool at_own_rows = false;  ///< no option: a command that answers at the rows of the data
  ReadOptions read;
};

void add_problem_options(CLI::App& command, ProblemOptions& options);
/// --order, --empty, --key-weights and --group, for commands that know them.
void add_column_options(CLI::App& command, ProblemOptions& options);

/// All of that, read and checked.
struct Problem {
  Data data;
  Precision precision = Precision::double_;
  Smoothing smoothing = {};
  std::optional<Kernel> score = {};           ///< not of a model with groups
  std::vector<Kernel> group_scores = {};      ///< of a model with groups, in the order of `group_names`
  std::vector<std::string> group_names = {};  ///< in the order of their first rows
  Matrix<double> queries = {};
  std::vector<std::string> query_groups = {};  ///< [queries], or empty
  KeyRange range = KeyRange::all();
  bool leave_one_out = false;        ///< query i is key i, and does not see it
  std::size_t queries_left_out = 0;  ///< rows of --at with missing values
};

Problem load_problem(const ProblemOptions& options, bool quiet);

/// One group of a problem, or all of one without groups.
struct Part {
  Problem problem;
  std::vector<std::size_t> rows;  ///< of its queries, in the whole; empty: all
};

/// The place of a part's query among all.
inline std::size_t row_of(const Part& part, std::size_t query) { return part.rows.empty() ? query : part.rows[query]; }
std::vector<Part> parts_of(Problem problem);

/// As check_can_leave_one_out() for every group, or for all of data without groups.
void check_can_leave_one_out(const Data& data, const std::vector<std::string>& group_names, const std::string& file);

/// The data of every group, in the order of distinct(data.groups).
std::vector<Data> groups_of(const Data& data);

/// Says on standard error how many rows of a file were left out, if any were.
void report_left_out(std::size_t rows, const std::string& file, bool quiet);

/// What the library is to know beside the arrays; it refers to the problem's key weights. Where an empty neighbourhood is an error
/// the library answers NaN: the command that asked has the words for it.
Options library_options(const Problem& problem, int threads, attnpool::Progress progress);

/// Refuses two outputs on standard output and files that could not be made, before any work.
void check_outputs(const CommonOptions& common, const std::string& out, const std::string& plot);

using Clock = std::chrono::steady_clock;

/// What --json prints once `out` is written.
nlohmann::ordered_json json_report(const Problem& problem, int threads, Clock::time_point start,
                                   const std::string& out);

/// The arrays of a problem in the precision to work in. x counts from the middle of the keys' range: rounded to float,
/// numbers far from 0 would lose the digits that tell them apart.
template <class T>
struct Arrays {
  Matrix<T> queries, keys, values;

  explicit Arrays(const Problem& problem)
      : queries(converted<T>(problem.queries, "the queries", middles(problem.data.keys))),
        keys(converted<T>(problem.data.keys, "the x columns", middles(problem.data.keys))),
        values(converted<T>(problem.data.values, "the y columns")) {}
};

}  // namespace attnpool::program
