#include "display/pictures.hpp"

#include <algorithm>
#include <cmath>

#include "display/gnuplot.hpp"

namespace attnpool::program {
namespace {

std::string terminal(PictureFormat format, int width, int height) {
  const std::string size = " noenhanced size " + std::to_string(width) + "," + std::to_string(height),
                    font = " font 'DejaVu Sans,12' background '#ffffff'\n";
  std::string command;
  switch (format) {
    case PictureFormat::png:
      command = "set terminal pngcairo" + size + font;
      break;
    case PictureFormat::svg:
      command = "set terminal svg" + size + font;
      break;
    case PictureFormat::pdf:  // in inches: 96 of our pixels
      command = "set terminal pdfcairo noenhanced size " + to_text(width / 96.0) + "," + to_text(height / 96.0) + font;
      break;
  }
  return command +

         "set encoding utf8\n"
         "set border 3 linewidth 1 linecolor '#555555'\n"
         "set tics nomirror out scale 0.6 textcolor '#333333'\n"
         "set title font ',14' textcolor '#222222' offset 0,0.3\n"
         "set xlabel textcolor '#222222'\n"
         "set ylabel textcolor '#222222'\n";
}

std::string labels(const std::string& title, const std::string& x_label, const std::string& y_label) {
  return "set title " + gnuplot_string(title) + "\nset xlabel " + gnuplot_string(x_label) + "\nset ylabel " +
         gnuplot_string(y_label) + "\n";
}

std::string style(const Curve& curve) {
  const std::string color = "linecolor rgb '" + curve.color + "'";
  switch (curve.stroke) {
    case Stroke::points:
      return "with points pointtype 7 pointsize " + std::string(curve.x.size() > 2000 ? "0.2 " : "0.9 ") +
             "linecolor rgb '#80" + curve.color.substr(1) + "'";  // half transparent
    case Stroke::dashes:
      return "with lines linewidth 2 dashtype (8,5) " + color;
    case Stroke::line:
      return "with lines linewidth 2.5 " + color;
    case Stroke::band:
      return "with filledcurves fillcolor rgb '#b0" + curve.color.substr(1) + "' linewidth 0";
    case Stroke::line_and_points:
      return "with linespoints linewidth 2.5 pointtype 7 pointsize 1.1 " + color;
  }
  return color;
}

/// "set xrange [...]": all finite numbers and a margin on both sides.
std::string range(const char* axis, const std::vector<Panel>& panels,
                  const std::vector<std::vector<double> Curve::*>& numbers, double margin) {
  double low = HUGE_VAL, high = -HUGE_VAL;
  for (const Panel& panel : panels) {
    for (const Curve& curve : panel.curves) {
      for (const auto member : numbers) {
        for (const double number : curve.*member) {
          if (!std::isfinite(number)) continue;
          low = std::min(low, number);
          high = std::max(high, number);
        }
      }
    }
  }
  if (low > high) return "";
  const double room = high > low ? margin * (high - low) : std::max(1.0, std::abs(low));
  return std::string("set ") + axis + " [" + to_text(low - room) + ":" + to_text(high + room) + "]\n";
}

/// Labels of a time axis in as much detail as the data reach.
std::string date_axis(const std::vector<Panel>& panels) {
  double low = HUGE_VAL, high = -HUGE_VAL;
  for (const Panel& panel : panels) {
    for (const Curve& curve : panel.curves) {
      for (const double x : curve.x) {
        low = std::min(low, x);
        high = std::max(high, x);
      }
    }
    if (!panel.x_is_date) return "";
  }
  constexpr double day = 86400;
  const double reach = high - low;
  const char* labels = reach > 4 * 365 * day ? "%Y"
                       : reach > 60 * day    ? "%Y-%m"
                       : reach > 4 * day     ? "%m-%d"
                       : reach > 4 * 60      ? "%m-%d\\n%H:%M"
                                             : "%H:%M:%S";
  return std::string("set rmargin 6\nset xdata time\nset timefmt '%s'\nset format x \"") + labels + "\"\n";
}

}  // namespace

std::string chart(const std::vector<Panel>& panels, PictureFormat format) {
  const int count = static_cast<int>(panels.size());
  std::string data, plots;
  std::size_t curves = 0;
  bool has_legend = false;
  for (const Panel& panel : panels) {
    plots += labels(panel.title, panel.x_label, panel.y_label);
    if (panel.own_x_range) plots += range("xrange", {panel}, {&Curve::x}, 0.03);
    plots += "plot ";
    for (const Curve& curve : panel.curves) {
      const std::string block = "$curve" + std::to_string(curves++);
      data += block + " << END\n";
      for (std::size_t i = 0; i < curve.x.size(); ++i) {
        data += to_text(curve.x[i]) + " " + to_text(curve.y[i]);
        data += (curve.top.empty() ? "" : " " + to_text(curve.top[i])) + "\n";
      }
      data += "END\n";
      plots += block + (curve.top.empty() ? " using 1:2 " : " using 1:2:3 ") + style(curve) + " title " +
               gnuplot_string(curve.label) + ", ";
      has_legend = has_legend || !curve.label.empty();
    }
    plots += "\n";
  }
  const int rows = (count + 3) / 4, columns = (count + rows - 1) / rows;
  return run_gnuplot(
      terminal(format, count == 1 ? 960 : 560 * columns, count == 1 ? 640 : 520 * rows) + data + date_axis(panels) +
      "set grid linetype 1 linewidth 0.6 linecolor '#e4e4e4'\n"
      "set key at graph 0.5, screen 0.025 center bottom horizontal maxrows 1 Left reverse samplen 1.6 "
      "width -2 textcolor '#222222'\n" +
      (has_legend ? "set bmargin 5.5\n" : "unset key\n") + range("xrange", panels, {&Curve::x}, 0.03) +
      range("yrange", panels, {&Curve::y, &Curve::top}, 0.06) +
      (count == 1 ? "" : "set multiplot layout " + std::to_string(rows) + "," + std::to_string(columns) + "\n") +
      plots);
}

std::string map(const Panel& panel, const std::string& z_label, const std::vector<double>& x,
                const std::vector<double>& y, const std::vector<double>& z, const Curve& points, PictureFormat format) {
  std::string data = "$map << END\n";
  for (std::size_t i = 0; i < z.size(); ++i)
    data += to_text(x[i % x.size()]) + " " + to_text(y[i / x.size()]) + " " + to_text(z[i]) + "\n";
  data += "END\n$points << END\n";
  for (std::size_t i = 0; i < points.x.size(); ++i) data += to_text(points.x[i]) + " " + to_text(points.y[i]) + "\n";
  data += "END\n";
  // Viridis, by Stefan van der Walt and Nathaniel Smith.
  return run_gnuplot(
      terminal(format, 900, 720) + data + labels(panel.title, panel.x_label, panel.y_label) +
      "set palette defined (0 '#440154', 1 '#472c7a', 2 '#3b518b', 3 '#2c718e', 4 '#21908d', "
      "5 '#27ad81', 6 '#5cc863', 7 '#aadc32', 8 '#fde725')\nset border 15\nset cblabel " +
      gnuplot_string(z_label) + " textcolor '#222222'\nset rmargin screen 0.84\nset xrange [" + to_text(x.front()) +
      ":" + to_text(x.back()) + "]\nset yrange [" + to_text(y.front()) + ":" + to_text(y.back()) +
      "]\nunset key\nplot $map using 1:2:3 with image, $points using 1:2 with points " +
      "pointtype 6 linecolor rgb '#90ffffff' pointsize " + (points.x.size() > 2000 ? "0.1" : "0.7") + "\n");
}

std::string heat_map(const Matrix<double>& weights, const std::string& title, const std::string& x_label,
                     const std::string& y_label, PictureFormat format) {
  std::string data = "$weights << END\n";
  for (std::size_t r = 0; r < weights.rows; ++r) {
    for (std::size_t c = 0; c < weights.cols; ++c) data += to_text(weights(r, c)) + (c + 1 < weights.cols ? " " : "\n");
  }
  data += "END\n";
  // Reds of ColorBrewer, by Cynthia Brewer, as in the chapter.
  return run_gnuplot(terminal(format, 820, 720) + data + labels(title, x_label, y_label) +
                     "set palette defined (0 '#fff5f0', 1 '#fee0d2', 2 '#fcbba1', 3 '#fc9272', 4 '#fb6a4a', "
                     "5 '#ef3b2c', 6 '#cb181d', 7 '#a50f15', 8 '#67000d')\n"
                     "set border 15\n"
                     "set cblabel 'attention weight' textcolor '#222222'\n"
                     "set rmargin screen 0.84\n"
                     "set cbrange [0:]\n"
                     "set xrange [-0.5:" +
                     std::to_string(weights.cols) +
                     "-0.5]\n"
                     "set yrange [" +
                     std::to_string(weights.rows) +
                     "-0.5:-0.5]\n"
                     "unset key\n"
                     "plot $weights matrix with image\n");
}

}  // namespace attnpool::program
