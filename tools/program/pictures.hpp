#pragma once
#include <string>
#include <vector>

#include "matrix.hpp"

/// Pictures as PNG, in one style.
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
};

/// Panels side by side, on one scale of y.
std::string chart_png(const std::vector<Panel>& panels);

/// Attention weights, one row per query from the top, in shades of red.
std::string heat_map_png(const Matrix<double>& weights, const std::string& title, const std::string& x_label,
                         const std::string& y_label);

}  // namespace attnpool::program
