#include <algorithm>
#include <attnpool/attnpool.hpp>
#include <memory>
#include <numeric>

#include "base/arguments.hpp"
#include "base/number.hpp"
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

struct LowessArguments {
  CommonOptions common;
  ReadOptions read;
  std::string data, x, y, at, fraction, iterations = "3", delta = "0", out = "-", plot;
};

/// Rows of the table that is written: of the data, or of --at.
struct Answer {
  std::vector<std::string> names;
  std::vector<std::vector<double>> columns;  ///< x first
  std::size_t left_out = 0, without_line = 0;
};

std::string one_name(const std::string& option, const std::string& text) {
  const std::vector<std::string> names = names_argument(option, text);
  if (names.size() != 1) throw UsageError(option + ": lowess takes one column, got " + std::to_string(names.size()));
  return names[0];
}

LowessOptions checked_options(const LowessArguments& arguments) {
  LowessOptions options;
  options.threads = checked_threads(arguments.common);
  if (!arguments.fraction.empty()) options.fraction = number_argument("--fraction", arguments.fraction);
  if (!(options.fraction >= 0 && options.fraction <= 1))
    throw UsageError("--fraction: " + in_quotes(arguments.fraction) + " is not from 0 to 1");
  options.iterations = static_cast<int>(whole_argument("--iterations", arguments.iterations, 0, 1000));
  options.delta = number_argument("--delta", arguments.delta);
  if (options.delta < 0) throw UsageError("--delta: " + in_quotes(arguments.delta) + " is below 0");
  return options;
}

Answer answer_of(const LowessArguments& arguments, const Data& data, const std::vector<double>& at,
                 const LowessResult& result) {
  const std::string fit = data.y[0] + "_fit", weight = data.y[0] + "_weight";
  if (!arguments.at.empty()) {
    const auto missing = std::count_if(result.at.begin(), result.at.end(), [](double y) { return std::isnan(y); });
    return {{data.x[0], fit}, {at, result.at}, 0, static_cast<std::size_t>(missing)};
  }
  if (fit == data.x[0] || weight == data.x[0])
    throw UsageError("--x: the column is called " + in_quotes(data.x[0]) + ", as an added one would be");
  return {{data.x[0], data.y[0], fit, weight},
          {data.keys.cells, data.values.cells, result.fitted, result.robustness_weights},
          0,
          result.without_line};
}

std::string text_of(const Answer& answer, const Data& data, TableFormat format) {
  const std::size_t rows = answer.columns[0].size(), cols = answer.columns.size();
  if (format == TableFormat::npy) {
    std::vector<double> cells;
    for (std::size_t r = 0; r < rows; ++r)
      for (const std::vector<double>& column : answer.columns) cells.push_back(column[r]);
    return npy_header<double>(rows, cols) + std::string(npy_bytes(cells));
  }
  const char separator = separator_of(format);
  std::string text = csv_header(answer.names, separator);
  for (std::size_t r = 0; r < rows; ++r) {
    const double x = answer.columns[0][r];
    text += data.is_date(0) ? date_text(*data.origins[0], x) : to_text(x);
    for (std::size_t c = 1; c < cols; ++c) text += separator + to_text(answer.columns[c][r]);
    text += '\n';
  }
  return text;
}

/// The data and the curve at their x.
std::string picture_of(const Data& data, const LowessResult& result, const LowessOptions& options,
                       PictureFormat format) {
  const double origin = data.is_date(0) ? static_cast<double>(data.origins[0]->seconds) : 0;
  std::vector<double> x = data.keys.cells;
  for (double& value : x) value += origin;
  std::vector<std::size_t> order(x.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return x[a] < x[b]; });
  Curve curve{"lowess", Stroke::line, colors::fit, {}, {}};
  for (const std::size_t i : order) curve.x.push_back(x[i]), curve.y.push_back(result.fitted[i]);
  Panel panel{data.y[0] + " over " + data.x[0] + ", lowess, fraction " + to_short_text(options.fraction, 4),
              data.x[0],
              data.y[0],
              {},
              data.is_date(0)};
  panel.curves = {{"data", Stroke::points, colors::points, x, data.values.cells}, std::move(curve)};
  return chart({panel}, format);
}

nlohmann::ordered_json json_report(const LowessArguments& arguments, const Answer& answer, const LowessResult& result,
                                   const LowessOptions& options, double seconds) {
  return {{"rows", result.fitted.size()},
          {"rows_left_out", answer.left_out},
          {"fraction", options.fraction},
          {"neighbours", result.neighbours},
          {"delta", options.delta},
          {"passes", result.passes},
          {"rows_without_line", answer.without_line},
          {"isa", to_string(active_isa())},
          {"threads", thread_count(options.threads)},
          {"seconds", seconds},
          {"out", arguments.out}};
}

Exit run_lowess(const LowessArguments& arguments) {
  const Clock::time_point start = Clock::now();
  const std::string x = one_name("--x", arguments.x), y = one_name("--y", arguments.y);
  LowessOptions options = checked_options(arguments);
  const TextFormat format = checked_format(arguments.read);
  const TableFormat table = table_format("--out", arguments.out);
  check_outputs(arguments.common, arguments.out, arguments.plot);
  const Data data = read_data(arguments.data, {{x}, {y}}, format);
  report_left_out(data.left_out, arguments.data, arguments.common.quiet);
  Table at;
  if (!arguments.at.empty()) {
    at = read_table(arguments.at,
                    {.numbers = {x}, .dates = 1, .origins = data.origins, .format = format, .whole_npy = true});
    report_left_out(at.left_out, arguments.at, arguments.common.quiet);
  }
  LowessResult result;
  {
    ProgressDisplay progress("lowess", arguments.common.quiet);
    options.progress = [&](double done) { return progress.update(done); };
    result = lowess(data.keys.cells, data.values.cells, at.numbers.cells, options);
  }
  Answer answer = answer_of(arguments, data, at.numbers.cells, result);
  answer.left_out = data.left_out + at.left_out;
  write_file(arguments.out, text_of(answer, data, table));
  if (!arguments.plot.empty())
    write_file(arguments.plot, picture_of(data, result, options, picture_format("--plot", arguments.plot)));
  if (answer.without_line > 0 && !arguments.common.quiet)
    print_status(plural(answer.without_line, "row") + " of " + std::to_string(answer.columns[0].size()) +
                 " without a line: fewer than two rows in reach weigh anything there" +
                 (arguments.at.empty() ? ", and the fit is y itself" : " (nan)"));
  if (arguments.common.json) {
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    write_json("-", json_report(arguments, answer, result, options, seconds));
  }
  return Exit::ok;
}

}  // namespace

void add_lowess(CLI::App& program, Command& chosen) {
  auto arguments = std::make_shared<LowessArguments>();
  CLI::App* command =
      program.add_subcommand("lowess", "Smooth points by robust local lines, which outliers do not move");
  command->add_option("DATA", arguments->data, data_help)->required();
  command->add_option("--x", arguments->x, "Column of the places")->type_name("COL")->required();
  command->add_option("--y", arguments->y, "Column to smooth")->type_name("COL")->required();
  command
      ->add_option("--fraction", arguments->fraction,
                   "Part of the rows that each line sees, the nearest ones, from 0 to 1 (default: 2/3)")
      ->type_name("R");
  command
      ->add_option("--iterations", arguments->iterations,
                   "Passes after the first, in which rows with large residuals weigh less")
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--delta", arguments->delta,
                   "Fit lines about so far apart, in units of x, and interpolate between; 0 fits one at every row")
      ->type_name("R")
      ->capture_default_str();
  command->add_option("--at", arguments->at, "File with a column of further places to evaluate the lines at instead")
      ->type_name("FILE");
  command
      ->add_option("--out", arguments->out,
                   "Rows of x, y, Y_fit and Y_weight, the robustness weight: CSV, TSV or NPY, as the name ends; - is "
                   "CSV")
      ->type_name("FILE")
      ->capture_default_str();
  command->add_option("--plot", arguments->plot, "Picture of the data and the curve: PNG, SVG or PDF, as the name ends")
      ->type_name("FILE");
  add_read_options(*command, arguments->read);
  add_common_options(*command, arguments->common);
  command->footer(
      "Cleveland's lowess with the conventions of statsmodels: tricube weights over the nearest rows, bisquare weights "
      "of\n"
      "residuals in units of six times their median. Results do not depend on the order of the rows.");
  command->callback([=, &chosen] { chosen = [=] { return run_lowess(*arguments); }; });
}

}  // namespace attnpool::program
