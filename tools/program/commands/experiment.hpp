#pragma once
#include <string>
#include <vector>

#include "io/table.hpp"

namespace attnpool::program {

/// The steps of the chapter, on any data with one x and one y: average pooling, no training (w = 1), three bandwidths,
/// and w learnt by gradient descent with each point left out.
struct Experiment {
  struct Method {
    std::string name;  ///< in files: "average", "nonparametric", "h0.1", ...
    double w = 0;      ///< 0 for the average
    std::vector<double> at_queries;
    std::vector<double> left_out;  ///< at the keys, each point left out
  };

  Data data;
  Matrix<double> queries;
  FitResult training;
  std::vector<Method> methods;

  const Method& method(const std::string& name) const;
};

Experiment run_experiment(Data data, Matrix<double> queries, const FitOptions& options);

/// Attention weights [queries, keys] for a w.
Matrix<double> weights_of(const Experiment& experiment, double w, int threads);

/// Root of the mean squared difference.
double rmse(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace attnpool::program
