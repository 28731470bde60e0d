#include <attnpool/attnpool.hpp>
#include <iostream>
#include <memory>
#include <numeric>

#include "atomic_file.hpp"
#include "commands.hpp"
#include "csv.hpp"
#include "npy.hpp"
#include "pictures.hpp"
#include "problem.hpp"
#include "progress.hpp"

namespace attnpool::program {
namespace {

struct PredictOptions {
  CommonOptions common;
  ProblemOptions problem;
  std::string out = "-", plot;
  bool explain = false;
};

/// The data, and the prediction as a line through the queries in ascending order.
template <class T>
std::string picture_of(const Problem& problem, const Matrix<T>& predictions) {
  std::vector<std::size_t> order(problem.queries.rows);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto& x = problem.queries.cells;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return x[a] < x[b]; });
  const Data& data = problem.data;
  Panel panel{"", data.x[0], data.y[0], {{"data", Stroke::points, colors::points, data.keys.cells, data.values.cells}}};
  Curve curve{"prediction", Stroke::line, colors::fit, {}, {}};
  for (const std::size_t q : order) {
    curve.x.push_back(x[q]);
    curve.y.push_back(static_cast<double>(predictions(q, 0)));
  }
  panel.title =
      data.y[0] + " over " + data.x[0] + ", bandwidth " + to_short_text(1 / std::abs(problem.score->w_of(0)), 4);
  panel.curves.push_back(std::move(curve));
  return chart_png({panel});
}

template <class T>
void write_csv(AtomicFile& file, const Problem& problem, const Matrix<T>& predictions) {
  std::vector<std::string> names = problem.data.x;
  names.insert(names.end(), problem.data.y.begin(), problem.data.y.end());
  file.write(csv_header(names));
  std::string line;
  for (std::size_t q = 0; q < predictions.rows; ++q) {
    line.clear();
    for (std::size_t d = 0; d < problem.queries.cols; ++d) line += to_text(problem.queries(q, d)) + ',';
    for (std::size_t v = 0; v < predictions.cols; ++v) line += to_text(predictions(q, v)) + ',';
    line.back() = '\n';
    file.write(line);
  }
}

template <class T>
void write_npy(AtomicFile& file, const Problem& problem, const Matrix<T>& predictions) {
  file.write(npy_header<double>(predictions.rows, problem.queries.cols + predictions.cols));
  std::vector<double> row;
  for (std::size_t q = 0; q < predictions.rows; ++q) {
    row.assign(&problem.queries.cells[q * problem.queries.cols],
               &problem.queries.cells[q * problem.queries.cols] + problem.queries.cols);
    for (std::size_t v = 0; v < predictions.cols; ++v) row.push_back(static_cast<double>(predictions(q, v)));
    file.write(npy_bytes(row));
  }
}

template <class T>
void predict(const PredictOptions& options, const Problem& problem, int threads) {
  Arrays<T> arrays(problem);
  Matrix<T> predictions(arrays.queries.rows, arrays.values.cols);
  if (options.explain)
    std::cerr << explain_pool<T>(arrays.queries.view(), arrays.keys.view(), arrays.values.view(), *problem.score,
                                 library_options(problem, threads, {}));
  {
    ProgressDisplay progress("predict", options.common.quiet);
    pool<T>(arrays.queries.view(), arrays.keys.view(), arrays.values.view(), *problem.score, predictions.view(),
            library_options(problem, threads, [&](double fraction) { return progress.update(fraction); }));
  }
  const std::string picture = options.plot.empty() ? "" : picture_of(problem, predictions);
  AtomicFile file(options.out);
  options.out.ends_with(".npy") ? write_npy(file, problem, predictions) : write_csv(file, problem, predictions);
  if (!options.plot.empty()) write_file(options.plot, picture);
  file.commit();
}

Exit run_predict(const PredictOptions& options) {
  const Clock::time_point start = Clock::now();
  const int threads = checked_threads(options.common);
  check_outputs(options.common, options.out, options.plot);
  const Problem problem = load_problem(options.problem);
  if (!options.plot.empty() && problem.queries.cols != 1) throw UsageError("--plot: can show one x column only");
  in_precision(problem.precision, [&](auto zero) { predict<decltype(zero)>(options, problem, threads); });
  if (options.common.json) write_report(problem, threads, start, options.out);
  return Exit::ok;
}

}  // namespace

void add_predict(CLI::App& program, Command& chosen) {
  auto options = std::make_shared<PredictOptions>();
  CLI::App* command = program.add_subcommand("predict", "Predict from a model, or from data and a bandwidth");
  add_problem_options(*command, options->problem);
  command->add_option("--out", options->out, "Predictions: CSV, or NPY if the name ends in .npy")
      ->type_name("FILE")
      ->capture_default_str();
  command->add_option("--plot", options->plot, "Picture of data and prediction, PNG")->type_name("FILE");
  command->add_flag("--explain", options->explain, "Say on standard error how the work will be done, and why");
  add_common_options(*command, options->common);
  command->callback([=, &chosen] { chosen = [=] { return run_predict(*options); }; });
}

}  // namespace attnpool::program
