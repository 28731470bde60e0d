#pragma once
#include <attnpool/model.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "io/table.hpp"

namespace attnpool::program {

/// How answers are made from weights, beside the bandwidth.
struct Smoothing {
  KernelProfile kernel = {};
  int order = 0;
  Empty empty = Empty::nan;

  /// Whether answers are means under the Gaussian kernel, of which alone standard errors are known.
  bool is_gaussian_mean() const { return kernel.is_gaussian() && order == 0; }
};

/// What training leaves: a fitted model, with the data as the program reads them. attnpool/model.hpp has the format.
struct Model {
  Data data;
  std::vector<double> w;                          ///< one entry, or one per x column; empty with groups
  std::vector<std::vector<double>> group_w = {};  ///< with groups: such a w for each, in the order of their first rows
  Smoothing smoothing = {};
  Precision precision = Precision::double_;
  Loss loss = Loss::mean;
  bool leave_one_out = true;
  double loss_before = 0, loss_after = 0;  ///< at the first w and at w
  std::string stop;                        ///< to_string(FitStop)
};

/// JSON holds nothing but UTF-8: throws DataError for a column name that is not. Said before training instead of after
/// it.
void check_names(const Data& data);

/// The text of a model file.
std::string to_json(const Model& model);

/// Throws DataError that starts with `file`.
Model model_from_json(std::string_view text, const std::string& file);

Model read_model(const std::string& path);

}  // namespace attnpool::program
