#pragma once
#include <string>
#include <vector>

#include "base/matrix.hpp"
#include "io/output.hpp"

/// Pictures in one style, as PNG, SVG or PDF.
namespace attnpool::program {

namespace colors {
inline constexpr const char* points = "#5b6770";
inline constexpr const char* truth = "#222222";
inline constexpr const char* fit = "#d1495b";
inline constexpr const char* second = "#2e6f95";
inline constexpr const char* third = "#3a7d44";
inline constexpr const char* fourth = "#8a5a9e";
}  // namespace colors

/// A band lies between y and `top`.
enum class Stroke { points, line, dashes, line_and_points, band };

struct Curve {
  std::string label;
  Stroke stroke;
  std::string color;
  std::vector<double> x, y;
  std::vector<double> top = {};
};

struct Panel {
  std::string title, x_label, y_label;
  std::vector<Curve> curves;
  bool x_is_date = false;    ///< x counts seconds since 1970-01-01
  bool own_x_range = false;  ///< else panels share one
};

/// Panels side by side, at most four in a row, on one scale of y.
std::string chart(const std::vector<Panel>& panels, PictureFormat format = PictureFormat::png);

/// Attention weights, one row per query from the top, in shades of red.
std::string heat_map(const Matrix<double>& weights, const std::string& title, const std::string& x_label,
                     const std::string& y_label, PictureFormat format = PictureFormat::png);

/// Numbers `z` over a grid, x first, in colours, and points on it. The labels are those of `panel`, which has no curves.
std::string map(const Panel& panel, const std::string& z_label, const std::vector<double>& x,
                const std::vector<double>& y, const std::vector<double>& z, const Curve& points,
                PictureFormat format = PictureFormat::png);

}  // namespace attnpool::program
