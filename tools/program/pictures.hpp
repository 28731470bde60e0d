#pragma once
#include <string>
#include <vector>

#include "matrix.hpp"
#include "output.hpp"

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

enum class Stroke { points, line, dashes, line_and_points };

struct Curve {
  std::string label;
  Stroke stroke;
  std::string color;
  std::vector<double> x, y;
};

struct Panel {
  std::string title, x_label, y_label;
  std::vector<Curve> curves;
  bool x_is_date = false;  ///< x counts seconds since 1970-01-01
};

/// Panels side by side, on one scale of y.
std::string chart(const std::vector<Panel>& panels, PictureFormat format = PictureFormat::png);

/// Attention weights, one row per query from the top, in shades of red.
std::string heat_map(const Matrix<double>& weights, const std::string& title, const std::string& x_label,
                     const std::string& y_label, PictureFormat format = PictureFormat::png);

}  // namespace attnpool::program
