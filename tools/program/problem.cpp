#include "problem.hpp"

#include <algorithm>

#include "arguments.hpp"
#include "atomic_file.hpp"

namespace attnpool::program {
namespace {

constexpr unsigned long long max_grid = 100'000'000;  // points in all

/// `count` evenly spaced points per x column from its smallest to its largest key; their product, the last column
/// fastest.
Matrix<double> grid(const Matrix<double>& keys, const std::string& text) {
  const std::size_t dims = keys.cols;
  const auto count = static_cast<std::size_t>(whole_argument("--grid", text, 2, max_grid));
  std::size_t points = 1;
  for (std::size_t d = 0; d < dims; ++d) {
    if (points > max_grid / count) {
      throw UsageError("--grid: " + text + " points for each of " + std::to_string(dims) + " x columns are too many");
    }
    points *= count;
  }
  Matrix<double> result(points, dims);
  std::size_t repeat = points;  // of one value of column d
  for (std::size_t d = 0; d < dims; ++d) {
    repeat /= count;
    double low = keys(0, d), high = low;
    for (std::size_t k = 0; k < keys.rows; ++k) {
      low = std::min(low, keys(k, d));
      high = std::max(high, keys(k, d));
    }
    for (std::size_t i = 0; i < points; ++i) {
      const double t = static_cast<double>(i / repeat % count) / static_cast<double>(count - 1);
      result(i, d) = t == 1 ? high : low * (1 - t) + high * t;  // the ends exactly, and no overflow of high - low
    }
  }
  return result;
}

Gaussian score_of(const ProblemOptions& options, std::size_t dims) {
  const bool by_w = !options.w.empty();
  const std::string option = by_w ? "--w" : "--bandwidth", &text = by_w ? options.w : options.bandwidth;
  std::vector<double> numbers = numbers_argument(option, text);
  if (numbers.size() != 1 && numbers.size() != dims) {
    throw UsageError(option + ": " + counted(numbers.size(), "number") + " for " + counted(dims, "x column"));
  }
  if (by_w) return Gaussian(std::move(numbers));
  for (const double h : numbers) {
    if (!(h > 0)) throw UsageError("--bandwidth: " + cited(to_text(h)) + " is not above 0");
  }
  return Gaussian::from_bandwidth(std::move(numbers));
}

void require_same_points(const Matrix<double>& queries, const Matrix<double>& keys, const std::string& file) {
  if (queries.rows != keys.rows) {
    throw DataError(file + ": " + counted(queries.rows, "row") + " where the data have " + std::to_string(keys.rows) +
                    "; --leave-one-out needs the queries to be the data");
  }
  const auto differs = std::mismatch(queries.cells.begin(), queries.cells.end(), keys.cells.begin()).first;
  if (differs == queries.cells.end()) return;
  const auto row = static_cast<std::size_t>(differs - queries.cells.begin()) / queries.cols;
  throw DataError(file + ": row " + std::to_string(row) +
                  " (from 0) is not that of the data; --leave-one-out needs the " + "queries to be the data");
}

}  // namespace

void add_common_options(CLI::App& command, CommonOptions& options) {
  command.add_option("--threads", options.threads, "Threads to use (default: ATTNPOOL_NUM_THREADS, else all cores)")
      ->type_name("N");
  command.add_flag("--quiet", options.quiet, "Say nothing but errors on standard error");
  command.add_flag("--json", options.json, "Report in JSON");
}

int checked_threads(const CommonOptions& options) {
  const int threads = static_cast<int>(whole_argument("--threads", options.threads, 0, 4096));
  static_cast<void>(thread_count(threads));
  static_cast<void>(active_isa());
  return threads;
}

void add_problem_options(CLI::App& command, ProblemOptions& options) {
  auto* model =
      command.add_option("--model", options.model, "Model that `attnpool fit` wrote; or else:")->type_name("FILE");
  auto* data = command.add_option("--data", options.data, "Data: CSV or TSV with a header, or NPY (columns 0, 1, ...)")
                   ->type_name("FILE");
  model->excludes(data);
  auto* x = command.add_option("--x", options.x, "Columns of --data to predict from")->type_name("COL[,COL...]");
  auto* y = command.add_option("--y", options.y, "Columns of --data to predict")->type_name("COL[,COL...]");
  auto* precision = command.add_option("--precision", options.precision, "Precision of the arithmetic")
                        ->type_name("float|double")
                        ->check(CLI::IsMember({"float", "double"}))
                        ->capture_default_str();
  auto* w =
      command.add_option("--w", options.w, "Inverse bandwidth: one number, or one per x column")->type_name("W[,W...]");
  auto* bandwidth =
      command.add_option("--bandwidth", options.bandwidth, "Bandwidth 1/w, in the unit of x")->type_name("H[,H...]");
  for (CLI::Option* option : {x, y, precision, w, bandwidth}) option->needs(data);
  data->needs(x)->needs(y);
  w->excludes(bandwidth);
  auto* at = command.add_option("--at", options.at, "Queries: a file with the x columns")->type_name("FILE");
  auto* grid = command.add_option("--grid", options.grid, "Queries: N points per x column over the range of the data")
                   ->type_name("N");
  auto* loo = command.add_flag(
      "--leave-one-out", options.leave_one_out,
      "The queries are the data (without --at: taken from it); each point is left out of its own answer");
  at->excludes(grid);
  grid->excludes(loo);
}

Problem load_problem(const ProblemOptions& options) {
  if (options.at.empty() && options.grid.empty() && !options.leave_one_out) {
    throw UsageError("say where to answer: --at FILE, --grid N or --leave-one-out");
  }
  if (options.at == "-" && (options.data == "-" || options.model == "-")) {
    throw UsageError("standard input can be read once only: --at - beside another -");
  }
  if (options.model.empty() && options.data.empty())
    throw UsageError("say what to answer from: --model FILE or --data FILE");
  Problem problem;
  if (options.model.empty()) {
    if (options.w.empty() && options.bandwidth.empty()) throw UsageError("--data needs --w or --bandwidth");
    const auto x = names_argument("--x", options.x), y = names_argument("--y", options.y);
    problem.score = score_of(options, x.size());
    problem.precision = options.precision == "float" ? Precision::float_ : Precision::double_;
    problem.data = read_data(options.data, x, y, options.key_weights);
  } else {
    Model model = read_model(options.model);
    problem.score = Gaussian(std::move(model.w));
    problem.precision = model.precision;
    problem.data = std::move(model.data);
  }
  if (!options.grid.empty()) {
    problem.queries = grid(problem.data.keys, options.grid);
  } else {
    problem.queries = options.at.empty() ? problem.data.keys : read_queries(options.at, problem.data.x);
  }
  problem.leave_one_out = options.leave_one_out;
  if (options.leave_one_out) {
    if (!options.at.empty()) require_same_points(problem.queries, problem.data.keys, options.at);
    check_can_leave_one_out(problem.data, options.model.empty() ? options.data : options.model);
  }
  return problem;
}

void check_outputs(const CommonOptions& common, const std::string& out, const std::string& plot) {
  if (common.json && out == "-") throw UsageError("--json needs --out FILE: standard output is taken");
  if (plot == "-") throw UsageError("--plot: a picture is not written to standard output");
  for (const std::string& path : {out, plot}) {
    if (!path.empty()) require_writable(path);
  }
}

nlohmann::ordered_json json_report(const Problem& problem, int threads, Clock::time_point start,
                                   const std::string& out) {
  return {
      {"queries", problem.queries.rows},
      {"keys", problem.data.keys.rows},
      {"w", problem.score->w()},
      {"precision", name(problem.precision)},
      {"leave_one_out", problem.leave_one_out},
      {"isa", name(active_isa())},
      {"threads", thread_count(threads)},
      {"seconds", std::chrono::duration<double>(Clock::now() - start).count()},
      {"out", out},
  };
}

Options library_options(const Problem& problem, int threads, attnpool::Progress progress) {
  Options options;
  if (problem.leave_one_out) options.range = KeyRange::all_but_self();
  options.key_weights = problem.data.key_weights;
  options.threads = threads;
  options.progress = std::move(progress);
  return options;
}

}  // namespace attnpool::program
