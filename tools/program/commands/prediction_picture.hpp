#pragma once
#include <string>

#include "commands/bootstrap.hpp"
#include "commands/inference.hpp"
#include "commands/problem.hpp"
#include "io/output.hpp"

namespace attnpool::program {

/// What a picture of predictions is drawn from.
struct PredictionPicture {
  const Problem& problem;
  const Matrix<double>& predictions;   ///< [queries][y columns]
  const std::vector<Column>& columns;  ///< of inference and bootstrap, with the band if there is one
  const InferenceArguments& arguments;
  const BootstrapArguments& bootstrap;
  const Options& call;  ///< for what the picture itself asks for
};

/// Of one x column: the data, the prediction as a line through the queries, and its band. Of two: a map of the prediction over
/// their ranges, and the data. Of more: one curve for every column, the others at their medians, with the band if one was
/// asked for. The first y column only.
std::string draw(const PredictionPicture& picture, PictureFormat format);

}  // namespace attnpool::program
