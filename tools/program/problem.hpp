#pragma once
#include <CLI/CLI.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "model.hpp"

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
  std::string data, x, y, key_weights, precision = "double", w, bandwidth;
  std::string at, grid;
  bool leave_one_out = false;
};

void add_problem_options(CLI::App& command, ProblemOptions& options);

/// All of that, read and checked.
struct Problem {
  Data data;
  Precision precision = Precision::double_;
  std::optional<Gaussian> score;
  Matrix<double> queries;
  bool leave_one_out = false;  ///< query i is key i, and does not see it
};

Problem load_problem(const ProblemOptions& options);

/// What the library is to know beside the arrays; it refers to the problem's key weights.
Options library_options(const Problem& problem, int threads, attnpool::Progress progress);

/// Refuses two outputs on standard output and files that could not be made, before any work.
void check_outputs(const CommonOptions& common, const std::string& out, const std::string& plot);

using Clock = std::chrono::steady_clock;

/// What --json prints once `out` is written.
nlohmann::ordered_json json_report(const Problem& problem, int threads, Clock::time_point start,
                                   const std::string& out);

/// The arrays of a problem in the precision to work in.
template <class T>
struct Arrays {
  Matrix<T> queries, keys, values;

  explicit Arrays(const Problem& problem)
      : queries(converted<T>(problem.queries, "the queries")),
        keys(converted<T>(problem.data.keys, "the x columns")),
        values(converted<T>(problem.data.values, "the y columns")) {}
};

}  // namespace attnpool::program
