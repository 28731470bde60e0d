#include "commands/prediction_picture.hpp"

#include <algorithm>
#include <numeric>

#include "base/arguments.hpp"
#include "display/pictures.hpp"

namespace attnpool::program {
namespace {

constexpr std::size_t map_side = 120, curve_points = 200;

/// Of --standard-error, else of --bootstrap.
std::string band_label(const PredictionPicture& picture) {
  const std::string kind = picture.arguments.standard_error ? ""
                           : picture.bootstrap.simultaneous ? " simultaneous"
                                                            : " bootstrap";
  return to_short_text(100 * number_argument("--level", picture.arguments.level)) + " %" + kind + " band";
}

/// What stands between the name of a y column and "_lower" in the name of the drawn band's column.
const char* band_infix(const PredictionPicture& picture) { return picture.arguments.standard_error ? "" : "_boot"; }

bool has_band(const PredictionPicture& picture) {
  return picture.arguments.standard_error || picture.bootstrap.wanted();
}

const Column* column_called(const PredictionPicture& picture, const std::string& name) {
  for (const Column& column : picture.columns)
    if (column.name == name) return &column;
  return nullptr;
}

std::string title_of(const Problem& problem) {
  const Data& data = problem.data;
  return data.y[0] + " over " + data.x[0] + ", bandwidth " + to_short_text(1 / std::abs(problem.score->w_of(0)), 4) +
         (problem.leave_one_out ? ", each point left out" : "");
}

/// Queries at one place that have several answers, as points left out of their own have, would make a zigzag of the line: they
/// are points.
std::string draw_line(const PredictionPicture& picture, PictureFormat format) {
  const Problem& problem = picture.problem;
  const Matrix<double>& predictions = picture.predictions;
  std::vector<std::size_t> order(problem.queries.rows);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto& x = problem.queries.cells;
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return x[a] < x[b] || (x[a] == x[b] && a < b); });
  const Data& data = problem.data;
  const double origin = data.is_date(0) ? static_cast<double>(data.origins[0]->seconds) : 0;
  const auto moved = [&](double at) { return at + origin; };
  bool ambiguous = false;
  for (std::size_t i = 1; i < order.size(); ++i) {
    ambiguous |= x[order[i]] == x[order[i - 1]] && predictions(order[i], 0) != predictions(order[i - 1], 0);
  }
  Panel panel{title_of(problem), data.x[0], data.y[0], {}, data.is_date(0)};
  Curve points{"data", Stroke::points, colors::points, data.keys.cells, data.values.cells};
  points.y.clear();
  for (std::size_t k = 0; k < data.values.rows; ++k) points.y.push_back(data.values(k, 0));
  std::transform(points.x.begin(), points.x.end(), points.x.begin(), moved);
  Curve curve{ambiguous ? "prediction of each point" : "prediction",
              ambiguous ? Stroke::points : Stroke::line,
              colors::fit,
              {},
              {}};
  for (const std::size_t q : order) {
    curve.x.push_back(moved(x[q]));
    curve.y.push_back(predictions(q, 0));
  }
  if (const Column* lower = column_called(picture, data.y[0] + band_infix(picture) + "_lower"); lower && !ambiguous) {
    Curve band{band_label(picture), Stroke::band, colors::fit, curve.x, {}};
    for (const std::size_t q : order) {
      band.y.push_back(lower->cells[q]);
      band.top.push_back(lower[1].cells[q]);  // Y_upper is next to Y_lower
    }
    panel.curves.push_back(std::move(band));
  }
  panel.curves.push_back(std::move(points));
  panel.curves.push_back(std::move(curve));
  return chart({panel}, format);
}

std::vector<double> column_of(const Matrix<double>& matrix, std::size_t c) {
  std::vector<double> column;
  for (std::size_t r = 0; r < matrix.rows; ++r) column.push_back(matrix(r, c));
  return column;
}

/// `count` numbers from the least to the largest.
std::vector<double> steps_over(const std::vector<double>& column, std::size_t count) {
  const auto [low, high] = std::minmax_element(column.begin(), column.end());
  std::vector<double> steps;
  for (std::size_t i = 0; i < count; ++i) {
    const double t = static_cast<double>(i) / static_cast<double>(count - 1);
    steps.push_back(*low * (1 - t) + *high * t);
  }
  return steps;
}

/// "name" or, of a date, "name, seconds after its origin".
std::string axis_label(const Data& data, std::size_t d) {
  return data.x[d] + (data.is_date(d) ? ", seconds after " + date_text(*data.origins[d], 0) : "");
}

/// The problem at other queries.
Problem at(const Problem& problem, Matrix<double> queries) {
  Problem other = problem;
  other.queries = std::move(queries);
  other.range = KeyRange::all();
  other.leave_one_out = false;
  return other;
}

/// The first y column at the queries of a problem.
std::vector<double> answers_of(const Problem& problem, Options call) {
  const Arrays<double> arrays(problem);
  Matrix<double> answers(problem.queries.rows, problem.data.values.cols);
  call.key_weights = problem.data.key_weights;
  call.range = KeyRange::all();
  pool<double>(arrays.queries.view(), arrays.keys.view(), arrays.values.view(), *problem.score, answers.view(), call);
  return column_of(answers, 0);
}

std::string draw_map(const PredictionPicture& picture, PictureFormat format) {
  const Data& data = picture.problem.data;
  const std::vector<double> x = column_of(data.keys, 0), y = column_of(data.keys, 1);
  const std::vector<double> x_steps = steps_over(x, map_side), y_steps = steps_over(y, map_side);
  Matrix<double> queries(map_side * map_side, 2);
  for (std::size_t i = 0; i < queries.rows; ++i) {
    queries(i, 0) = x_steps[i % map_side];
    queries(i, 1) = y_steps[i / map_side];
  }
  const Problem problem = at(picture.problem, std::move(queries));
  const std::string title = data.y[0] + " over " + data.x[0] + " and " + data.x[1];
  return map({title, axis_label(data, 0), axis_label(data, 1), {}}, data.y[0], x_steps, y_steps,
             answers_of(problem, picture.call), {"data", Stroke::points, colors::points, x, y}, format);
}

double median_of(std::vector<double> column) {
  std::nth_element(column.begin(), column.begin() + static_cast<std::ptrdiff_t>(column.size() / 2), column.end());
  return column[column.size() / 2];
}

std::string draw_curves(const PredictionPicture& picture, PictureFormat format) {
  const Data& data = picture.problem.data;
  const std::size_t dims = data.keys.cols;
  Matrix<double> queries(dims * curve_points, dims);
  for (std::size_t d = 0; d < dims; ++d) {
    const std::vector<double> column = column_of(data.keys, d), steps = steps_over(column, curve_points);
    const double median = median_of(column);
    for (std::size_t i = 0; i < queries.rows; ++i)
      queries(i, d) = i / curve_points == d ? steps[i % curve_points] : median;
  }
  const Part part{at(picture.problem, std::move(queries)), {}};
  const std::vector<double> answers = answers_of(part.problem, picture.call);
  InferenceArguments arguments = picture.arguments;
  arguments.slope = false;
  std::vector<Column> columns = inference_columns(arguments, part.problem);
  if (arguments.standard_error) {
    infer(arguments, part, picture.call, columns);
  } else if (has_band(picture)) {
    columns = bootstrap_columns(picture.bootstrap, part.problem);
    bootstrap(picture.bootstrap, arguments, part, picture.call, columns);
  }
  std::vector<Panel> panels;
  for (std::size_t d = 0; d < dims; ++d) {
    const auto own = [&](const std::vector<double>& all) {
      const auto first = all.begin() + static_cast<std::ptrdiff_t>(d * curve_points);
      return std::vector<double>(first, first + static_cast<std::ptrdiff_t>(curve_points));
    };
    const std::vector<double> x = own(column_of(part.problem.queries, d));
    Panel panel{data.y[0] + " over " + data.x[d] + ", the others at their medians", axis_label(data, d), data.y[0], {}};
    panel.own_x_range = true;
    if (has_band(picture))
      panel.curves.push_back(
          {band_label(picture), Stroke::band, colors::fit, x, own(columns[1].cells), own(columns[2].cells)});
    panel.curves.push_back({"prediction", Stroke::line, colors::fit, x, own(answers)});
    panels.push_back(std::move(panel));
  }
  return chart(panels, format);
}

}  // namespace

std::string draw(const PredictionPicture& picture, PictureFormat format) {
  const std::size_t dims = picture.problem.queries.cols;
  return dims == 1 ? draw_line(picture, format) : dims == 2 ? draw_map(picture, format) : draw_curves(picture, format);
}

}  // namespace attnpool::program
