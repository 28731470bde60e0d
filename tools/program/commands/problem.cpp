#include "commands/problem.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "base/arguments.hpp"
#include "display/progress.hpp"
#include "io/atomic_file.hpp"
#include "io/output.hpp"

namespace attnpool::program {
namespace {

constexpr unsigned long long max_grid = 100'000'000;  // points in all

/// `count` evenly spaced points per x column from its smallest to its largest key; their product, the last column
/// fastest.
Matrix<double> grid(const Matrix<double>& keys, std::size_t count) {
  const std::size_t dims = keys.cols;
  std::size_t points = 1;
  for (std::size_t d = 0; d < dims; ++d) {
    if (points > max_grid / count) {
      throw UsageError("--grid: " + std::to_string(count) + " points for each of " + std::to_string(dims) +
                       " x columns are too many");
    }
    points *= count;
  }
  require_memory("--grid: " + std::to_string(points) + " points", 8.0 * static_cast<double>(points * (2 * dims + 2)));
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

/// The grid, or that of each group in turn.
void set_grid(Problem& problem, const std::string& text) {
  const auto count = static_cast<std::size_t>(whole_argument("--grid", text, 2, max_grid));
  if (problem.data.groups.empty()) {
    problem.queries = grid(problem.data.keys, count);
    return;
  }
  problem.queries.cols = problem.data.keys.cols;
  const std::vector<Data> groups = groups_of(problem.data);
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const Matrix<double> part = grid(groups[g].keys, count);
    problem.queries.cells.insert(problem.queries.cells.end(), part.cells.begin(), part.cells.end());
    problem.queries.rows += part.rows;
    problem.query_groups.insert(problem.query_groups.end(), part.rows, problem.group_names[g]);
  }
}

Kernel score_of(const ProblemOptions& options, const KernelProfile& profile, std::size_t dims) {
  const bool by_w = !options.w.empty();
  const std::string option = by_w ? "--w" : "--bandwidth", &text = by_w ? options.w : options.bandwidth;
  std::vector<double> numbers = numbers_argument(option, text);
  if (numbers.size() != 1 && numbers.size() != dims) {
    throw UsageError(option + ": " + plural(numbers.size(), "number") + " for " + plural(dims, "x column"));
  }
  if (by_w) return Kernel(profile, std::move(numbers));
  for (const double h : numbers) {
    if (!(h > 0)) throw UsageError("--bandwidth: " + in_quotes(to_text(h)) + " is not above 0");
  }
  return Kernel::from_bandwidth(profile, std::move(numbers));
}

void read_at(Problem& problem, const ProblemOptions& options, const TextFormat& format) {
  const Data& data = problem.data;
  ColumnChoice selection{
      .numbers = data.x, .dates = data.x.size(), .origins = data.origins, .group = data.group, .format = format};
  selection.origins.resize(data.x.size());
  selection.whole_npy = true;
  Table table = read_table(options.at, selection);
  for (std::size_t r = 0; r < table.groups.size(); ++r) {
    const auto& known = problem.group_names;
    if (std::find(known.begin(), known.end(), table.groups[r]) == known.end()) {
      throw DataError(options.at + ": row " + std::to_string(r) + " (from 0): the data have no group " +
                      in_quotes(table.groups[r]) + " in column " + in_quotes(data.group));
    }
  }
  problem.queries = std::move(table.numbers);
  problem.query_groups = std::move(table.groups);
  problem.queries_left_out = table.left_out;
}

KeyRange range_of(const ProblemOptions& options) {
  if (options.leave_one_out) return KeyRange::all_but_self();
  if (options.causal) return KeyRange::causal();
  if (options.window.empty()) return KeyRange::all();
  const std::size_t comma = options.window.find(',');
  if (comma == std::string::npos) {
    throw UsageError("--window: " + in_quotes(options.window) + " is not two numbers of rows, BEFORE,AFTER");
  }
  constexpr unsigned long long most = 1ULL << 60;
  return KeyRange::window(whole_argument("--window", options.window.substr(0, comma), 0, most),
                          whole_argument("--window", options.window.substr(comma + 1), 0, most));
}

void require_same_points(const Matrix<double>& queries, const Matrix<double>& keys, const std::string& file) {
  if (queries.rows != keys.rows) {
    throw DataError(file + ": " + plural(queries.rows, "row") + " where the data have " + std::to_string(keys.rows) +
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
  auto* data = command.add_option("--data", options.data, data_help)->type_name("FILE");
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
  for (CLI::Option* option : add_kernel_options(command, options.kernel)) option->needs(data);
  auto* at = command.add_option("--at", options.at, "Queries: a file with the x columns")->type_name("FILE");
  auto* grid = command.add_option("--grid", options.grid, "Queries: N points per x column over the range of the data")
                   ->type_name("N");
  auto* loo = command.add_flag(
      "--leave-one-out", options.leave_one_out,
      "The queries are the data (without --at: taken from it); each point is left out of its own answer");
  auto* causal =
      command.add_flag("--causal", options.causal,
                       "Query i sees the rows 0 to i of the data, in the order of the file; without --at the "
                       "queries are the data");
  auto* window = command
                     .add_option("--window", options.window,
                                 "Query i sees the rows i - BEFORE to i + AFTER of the data; without --at the queries "
                                 "are the data")
                     ->type_name("BEFORE,AFTER");
  at->excludes(grid);
  for (CLI::Option* option : {loo, causal, window}) grid->excludes(option);
  loo->excludes(causal)->excludes(window);
  causal->excludes(window);
  add_read_options(command, options.read);
}

void add_column_options(CLI::App& command, ProblemOptions& options) {
  for (CLI::Option* option : add_order_options(command, options.kernel)) option->needs(command.get_option("--data"));
  command
      .add_option("--key-weights", options.key_weights,
                  "Column of --data with a weight for each row as a key, 0 or more (default: all 1)")
      ->type_name("COL")
      ->needs(command.get_option("--data"));
  command
      .add_option("--group", options.group,
                  "Column of --data, text or numbers: each of its groups is answered from its own rows alone")
      ->type_name("COL")
      ->needs(command.get_option("--data"));
}

void report_left_out(std::size_t rows, const std::string& file, bool quiet) {
  if (rows > 0 && !quiet) print_status(printable(file) + ": " + plural(rows, "row") + " with missing values left out");
}

namespace {

/// The rows of a matrix, in their order.
Matrix<double> rows_of(const Matrix<double>& matrix, const std::vector<std::size_t>& rows) {
  Matrix<double> result(rows.size(), matrix.cols);
  for (std::size_t i = 0; i < rows.size(); ++i) std::copy_n(&matrix(rows[i], 0), matrix.cols, &result(i, 0));
  return result;
}

Data rows_of(const Data& data, const std::vector<std::size_t>& rows) {
  Data part{.x = data.x, .y = data.y, .keys = rows_of(data.keys, rows), .values = rows_of(data.values, rows)};
  for (const std::size_t r : rows)
    if (!data.key_weights.empty()) part.key_weights.push_back(data.key_weights[r]);
  part.origins = data.origins;
  return part;
}

/// The rows of every group, found in one pass.
std::unordered_map<std::string, std::vector<std::size_t>> rows_by_group(const std::vector<std::string>& groups) {
  std::unordered_map<std::string, std::vector<std::size_t>> rows;
  for (std::size_t r = 0; r < groups.size(); ++r) rows[groups[r]].push_back(r);
  return rows;
}

}  // namespace

std::vector<Data> groups_of(const Data& data) {
  const auto rows = rows_by_group(data.groups);
  std::vector<Data> groups;
  for (const std::string& name : distinct(data.groups)) groups.push_back(rows_of(data, rows.at(name)));
  return groups;
}

void check_can_leave_one_out(const Data& data, const std::vector<std::string>& group_names, const std::string& file) {
  if (group_names.empty()) return check_can_leave_one_out(data, file);
  const std::vector<Data> groups = groups_of(data);
  for (std::size_t g = 0; g < groups.size(); ++g)
    check_can_leave_one_out(groups[g], file + ": group " + in_quotes(group_names[g]));
}

std::vector<Part> parts_of(Problem problem) {
  std::vector<Part> parts;
  if (problem.data.groups.empty()) {
    parts.push_back({std::move(problem), {}});
    return parts;
  }
  const auto keys = rows_by_group(problem.data.groups), queries = rows_by_group(problem.query_groups);
  for (std::size_t g = 0; g < problem.group_names.size(); ++g) {
    const auto asked = queries.find(problem.group_names[g]);
    if (asked == queries.end()) continue;
    Problem part{.data = rows_of(problem.data, keys.at(problem.group_names[g])),
                 .precision = problem.precision,
                 .smoothing = problem.smoothing};
    part.score = problem.score ? *problem.score : problem.group_scores[g];
    part.queries = rows_of(problem.queries, asked->second);
    part.range = problem.range;
    part.leave_one_out = problem.leave_one_out;
    parts.push_back({std::move(part), asked->second});
  }
  return parts;
}

Problem load_problem(const ProblemOptions& options, bool quiet) {
  const TextFormat format = checked_format(options.read);
  const bool at_the_data = options.at_own_rows || options.leave_one_out || options.causal || !options.window.empty();
  if (options.at.empty() && options.grid.empty() && !at_the_data) {
    throw UsageError("say where to answer: --at FILE, --grid N or --leave-one-out");
  }
  if (options.at == "-" && (options.data == "-" || options.model == "-")) {
    throw UsageError("standard input can be read once only: --at - beside another -");
  }
  if (options.model.empty() && options.data.empty())
    throw UsageError("say what to answer from: --model FILE or --data FILE");
  Problem problem;
  problem.range = range_of(options);
  if (options.model.empty()) {
    if (options.w.empty() && options.bandwidth.empty()) throw UsageError("--data needs --w or --bandwidth");
    const auto x = names_argument("--x", options.x), y = names_argument("--y", options.y);
    problem.smoothing = checked_smoothing(options.kernel, x.size());
    problem.score = score_of(options, problem.smoothing.kernel, x.size());
    problem.precision = options.precision == "float" ? Precision::float_ : Precision::double_;
    problem.data =
        read_data(options.data, {.x = x, .y = y, .key_weights = options.key_weights, .group = options.group}, format);
    report_left_out(problem.data.left_out, options.data, quiet);
  } else {
    Model model = read_model(options.model);
    problem.smoothing = model.smoothing;
    const KernelProfile& profile = problem.smoothing.kernel;
    for (std::vector<double>& w : model.group_w) problem.group_scores.emplace_back(profile, std::move(w));
    if (problem.group_scores.empty()) problem.score = Kernel(profile, std::move(model.w));
    problem.precision = model.precision;
    problem.data = std::move(model.data);
  }
  problem.group_names = distinct(problem.data.groups);
  if (!options.grid.empty()) {
    set_grid(problem, options.grid);
  } else if (options.at.empty()) {
    problem.queries = problem.data.keys;
    problem.query_groups = problem.data.groups;
  } else {
    read_at(problem, options, format);
    report_left_out(problem.queries_left_out, options.at, quiet);
  }
  problem.leave_one_out = options.leave_one_out;
  if (options.leave_one_out) {
    const std::string& file = options.model.empty() ? options.data : options.model;
    if (!options.at.empty()) require_same_points(problem.queries, problem.data.keys, options.at);
    check_can_leave_one_out(problem.data, problem.group_names, file);
  }
  return problem;
}

void check_outputs(const CommonOptions& common, const std::string& out, const std::string& plot) {
  if (common.json && out == "-") throw UsageError("--json needs --out FILE: standard output is taken");
  if (plot == "-") throw UsageError("--plot: a picture is not written to standard output");
  static_cast<void>(table_format("--out", out));
  if (!plot.empty()) static_cast<void>(picture_format("--plot", plot));
  for (const std::string& path : {out, plot}) {
    if (!path.empty()) require_writable(path);
  }
}

nlohmann::ordered_json json_report(const Problem& problem, int threads, Clock::time_point start,
                                   const std::string& out) {
  nlohmann::ordered_json report = {
      {"queries", problem.queries.rows},
      {"keys", problem.data.keys.rows},
      {"w", problem.score ? nlohmann::ordered_json(problem.score->w()) : nlohmann::ordered_json(nullptr)},
      {"precision", to_string(problem.precision)},
      {"leave_one_out", problem.leave_one_out},
      {"rows_left_out", problem.data.left_out + problem.queries_left_out},
      {"isa", to_string(active_isa())},
      {"threads", thread_count(threads)},
      {"seconds", std::chrono::duration<double>(Clock::now() - start).count()},
      {"out", out},
  };
  add_json(problem.smoothing, report);
  return report;
}

Options library_options(const Problem& problem, int threads, attnpool::Progress progress) {
  Options options;
  options.range = problem.range;
  options.order = problem.smoothing.order;
  if (problem.smoothing.empty != Empty::error) options.empty = problem.smoothing.empty;
  options.key_weights = problem.data.key_weights;
  options.threads = threads;
  options.progress = std::move(progress);
  return options;
}

}  // namespace attnpool::program
