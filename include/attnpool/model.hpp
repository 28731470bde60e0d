#pragma once
#include <attnpool/gradient.hpp>
#include <attnpool/kernel.hpp>
#include <attnpool/options.hpp>
#include <attnpool/view.hpp>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace attnpool {

/// What a prediction needs, as the files of the program `attnpool` hold it (JSON): the points, their weights as keys, w, and
/// kernel, order and empty where they are not the defaults, in format version 2, else version 1. Matrices are row-major.
struct Model {
  std::vector<std::string> x, y;           ///< names of the columns, at least one each
  std::vector<double> keys, values;        ///< [rows][x.size()] and [rows][y.size()], finite
  std::vector<double> key_weights = {};    ///< [rows], or empty: all 1
  std::vector<double> w;                   ///< one entry, or one per x column; empty with groups
  std::vector<std::string> x_origin = {};  ///< [x.size()], or empty: the ISO 8601 date from which the seconds of an x
                                           ///< column count; "" for a column of numbers
  std::string group = {};                  ///< name of the column that tells groups apart, or empty
  std::vector<std::string> groups = {};    ///< [rows], or empty: the group of each row
  std::vector<std::vector<double>> group_w = {};  ///< with groups: such a w for each, in the order of their first rows
  KernelProfile kernel = {};                      ///< that w belongs to
  int order = 0;                                  ///< as Options::order
  Empty empty = Empty::nan;                       ///< as Options::empty
  bool in_double = true;                          ///< the precision that predictions are computed in
  Loss loss = Loss::mean;                         ///< what training made small
  bool leave_one_out = true;                      ///< whether each point was left out of its own prediction in training
  double loss_before = std::numeric_limits<double>::quiet_NaN();  ///< at the first w, NaN if unknown
  double loss_after = std::numeric_limits<double>::quiet_NaN();   ///< at w, NaN if unknown
  std::string stop = "unknown";                                   ///< how training ended

  std::size_t rows() const { return x.empty() ? 0 : keys.size() / x.size(); }
};

/// A file that is no model, is damaged, or cannot be read or written. what() begins with the name of the file.
struct ModelError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The text of a model file. Every number reads back to the same bits. Throws ModelError for names that are not UTF-8.
std::string model_to_json(const Model& model);

/// Checks everything: format and version, names, sizes that agree, finite numbers, and a checksum over the names, the
/// data, key weights, w, kernel, order and empty, so that a file changed by accident is not believed. Throws ModelError that begins with
/// `file`.
Model model_from_json(std::string_view text, const std::string& file);

/// model_from_json() of a file. Throws ModelError.
Model load_model(const std::string& path);

/// Writes the file whole or not at all: under another name first, which then takes its place. Throws ModelError.
void save_model(const Model& model, const std::string& path);

/// out [Q, y.size()] = pool<double>() of the model's points at queries [Q, x.size()], with the model's kernel, order and empty;
/// options.key_weights, options.order and options.empty must be left at their defaults.
/// Throws std::invalid_argument as pool(), and for a model with groups.
void predict(const Model& model, MatrixView<const double> queries, MatrixView<double> out, const Options& options = {});

}  // namespace attnpool
