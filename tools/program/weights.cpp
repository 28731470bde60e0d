#include <algorithm>
#include <attnpool/attnpool.hpp>
#include <memory>

#include "atomic_file.hpp"
#include "commands.hpp"
#include "csv.hpp"
#include "json_file.hpp"
#include "npy.hpp"
#include "pictures.hpp"
#include "problem.hpp"
#include "progress.hpp"

namespace attnpool::program {
namespace {

constexpr std::size_t block_cells = 1 << 20;        // of the matrix in memory at a time
constexpr std::size_t max_picture_cells = 4 << 20;  // more than a picture can show

struct WeightsOptions {
  CommonOptions common;
  ProblemOptions problem;
  std::string out, plot;
};

std::string key_numbers(std::size_t key_count) {
  std::string line = "0";
  for (std::size_t k = 1; k < key_count; ++k) line += ',' + std::to_string(k);
  return line + '\n';
}

template <class T>
void write_csv_rows(AtomicFile& file, const Matrix<T>& rows) {
  std::string line;
  for (std::size_t r = 0; r < rows.rows; ++r) {
    line.clear();
    for (std::size_t c = 0; c < rows.cols; ++c) line += to_text(rows(r, c)) + ',';
    line.back() = '\n';
    file.write(line);
  }
}

/// Computes and writes the matrix in blocks of rows, since it may be far larger than the memory.
template <class T>
void write_weights(const WeightsOptions& options, const Problem& problem, int threads) {
  const Arrays<T> arrays(problem);
  const std::size_t query_count = arrays.queries.rows, key_count = arrays.keys.rows;
  const std::size_t block = std::clamp<std::size_t>(block_cells / key_count, 1, query_count);
  const bool as_npy = options.out.ends_with(".npy");
  Matrix<double> pictured;
  if (!options.plot.empty()) pictured.cols = key_count;
  AtomicFile file(options.out);
  file.write(as_npy ? npy_header<T>(query_count, key_count) : key_numbers(key_count));
  {
    ProgressDisplay progress("weights", options.common.quiet);
    for (std::size_t first = 0; first < query_count; first += block) {
      const std::size_t count = std::min(block, query_count - first);
      Options call = library_options(problem, threads, [&](double fraction) {
        return progress.update((static_cast<double>(first) + fraction * static_cast<double>(count)) /
                               static_cast<double>(query_count));
      });
      if (problem.leave_one_out) call.range = KeyRange::all_but_self(static_cast<std::ptrdiff_t>(first));
      Matrix<T> rows(count, key_count);
      const MatrixView<const T> queries(arrays.queries.view().row(first), count, arrays.queries.cols);
      attention_weights<T>(queries, arrays.keys.view(), *problem.score, rows.view(), call);
      if (!call.progress(1)) throw CancelledByUser();
      as_npy ? file.write(npy_bytes(rows.cells)) : write_csv_rows(file, rows);
      if (pictured.cols > 0) pictured.cells.insert(pictured.cells.end(), rows.cells.begin(), rows.cells.end());
    }
  }
  if (!options.plot.empty()) {
    pictured.rows = query_count;
    write_file(options.plot, heat_map_png(pictured, "Attention weights", "keys", "queries"));
  }
  file.commit();
}

Exit run_weights(const WeightsOptions& options) {
  const Clock::time_point start = Clock::now();
  const int threads = checked_threads(options.common);
  if (options.out != "-" && !options.out.ends_with(".npy") && !options.out.ends_with(".csv")) {
    throw UsageError("--out: " + cited(options.out) + " ends neither in .npy nor in .csv");
  }
  check_outputs(options.common, options.out, options.plot);
  const Problem problem = load_problem(options.problem);
  if (!problem.data.key_weights.empty()) {
    throw UsageError("--model: " + cited(options.problem.model) + " has key weights, which `weights` does not take in");
  }
  if (!options.plot.empty() && problem.queries.rows > max_picture_cells / problem.data.keys.rows) {
    throw UsageError("--plot: " + std::to_string(problem.queries.rows) + " x " +
                     std::to_string(problem.data.keys.rows) + " weights are too many for a picture");
  }
  in_precision(problem.precision, [&](auto zero) { write_weights<decltype(zero)>(options, problem, threads); });
  if (options.common.json) write_json("-", json_report(problem, threads, start, options.out));
  return Exit::ok;
}

}  // namespace

void add_weights(CLI::App& program, Command& chosen) {
  auto options = std::make_shared<WeightsOptions>();
  CLI::App* command =
      program.add_subcommand("weights", "Write the attention weights, one row per query, one column per key");
  add_problem_options(*command, options->problem);
  command->add_option("--out", options->out, "The matrix; a CSV header has the keys' numbers from 0. - is CSV")
      ->type_name("FILE.npy|.csv")
      ->required();
  command->add_option("--plot", options->plot, "Picture of the weights, PNG")->type_name("FILE");
  add_common_options(*command, options->common);
  command->callback([=, &chosen] { chosen = [=] { return run_weights(*options); }; });
}

}  // namespace attnpool::program
