#include <algorithm>
#include <attnpool/attnpool.hpp>
#include <memory>

#include "commands/commands.hpp"
#include "commands/problem.hpp"
#include "display/pictures.hpp"
#include "display/progress.hpp"
#include "io/atomic_file.hpp"
#include "io/csv.hpp"
#include "io/json_file.hpp"
#include "io/npy.hpp"
#include "io/output.hpp"

namespace attnpool::program {
namespace {

constexpr std::size_t block_cells = 1 << 20;        // of the matrix in memory at a time
constexpr std::size_t max_picture_cells = 4 << 20;  // more than a picture can show

struct WeightsOptions {
  CommonOptions common;
  ProblemOptions problem;
  std::string out, plot;
};

std::string key_numbers(std::size_t key_count, char separator) {
  std::string line = "0";
  for (std::size_t k = 1; k < key_count; ++k) line += separator + std::to_string(k);
  return line + '\n';
}

template <class T>
void write_text_rows(AtomicFile& file, const Matrix<T>& rows, char separator) {
  std::string line;
  for (std::size_t r = 0; r < rows.rows; ++r) {
    line.clear();
    for (std::size_t c = 0; c < rows.cols; ++c) line += to_text(rows(r, c)) + separator;
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
  const TableFormat format = table_format("--out", options.out);
  const bool as_npy = format == TableFormat::npy;
  require_space(options.out,
                static_cast<double>(query_count) * static_cast<double>(key_count) * (as_npy ? sizeof(T) : 2));
  Matrix<double> pictured;
  if (!options.plot.empty()) pictured.cols = key_count;
  AtomicFile file(options.out);
  file.write(as_npy ? npy_header<T>(query_count, key_count) : key_numbers(key_count, separator_of(format)));
  {
    ProgressDisplay progress("weights", options.common.quiet);
    for (std::size_t first = 0; first < query_count; first += block) {
      const std::size_t count = std::min(block, query_count - first);
      Options call = library_options(problem, threads, [&](double fraction) {
        return progress.update((static_cast<double>(first) + fraction * static_cast<double>(count)) /
                               static_cast<double>(query_count));
      });
      call.empty = Empty::nan;  // where no key is within reach all weights are 0
      call.range = problem.range.shifted(static_cast<std::ptrdiff_t>(first));
      Matrix<T> rows(count, key_count);
      const MatrixView<const T> queries(arrays.queries.view().row(first), count, arrays.queries.cols);
      attention_weights<T>(queries, arrays.keys.view(), *problem.score, rows.view(), call);
      if (!call.progress(1)) throw CancelledByUser();
      as_npy ? file.write(npy_bytes(rows.cells)) : write_text_rows(file, rows, separator_of(format));
      if (pictured.cols > 0) pictured.cells.insert(pictured.cells.end(), rows.cells.begin(), rows.cells.end());
    }
  }
  if (!options.plot.empty()) {
    pictured.rows = query_count;
    write_file(options.plot,
               heat_map(pictured, "Attention weights", "keys", "queries", picture_format("--plot", options.plot)));
  }
  file.commit();
}

Exit run_weights(const WeightsOptions& options) {
  const Clock::time_point start = Clock::now();
  const int threads = checked_threads(options.common);
  check_outputs(options.common, options.out, options.plot);
  const Problem problem = load_problem(options.problem, options.common.quiet);
  if (!problem.data.group.empty()) {
    throw UsageError("--model: " + in_quotes(options.problem.model) + " has groups, which `weights` does not know");
  }
  if (problem.smoothing.order > 0) {
    throw UsageError("--model: " + in_quotes(options.problem.model) + " is of order " +
                     std::to_string(problem.smoothing.order) + "; `weights` knows those of order 0");
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
  command
      ->add_option("--key-weights", options->problem.key_weights,
                   "Column of --data with a weight for each row as a key, 0 or more (default: all 1)")
      ->type_name("COL")
      ->needs(command->get_option("--data"));
  command->add_option("--out", options->out, "The matrix; a CSV header has the keys' numbers from 0. - is CSV")
      ->type_name("FILE.npy|.csv|.tsv")
      ->required();
  command->add_option("--plot", options->plot, "Picture of the weights: PNG, SVG or PDF, as the name ends")
      ->type_name("FILE");
  add_common_options(*command, options->common);
  command->callback([=, &chosen] { chosen = [=] { return run_weights(*options); }; });
}

}  // namespace attnpool::program
