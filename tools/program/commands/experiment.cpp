#include "commands/experiment.hpp"

#include <algorithm>
#include <cmath>

namespace attnpool::program {
namespace {

std::vector<double> pooled(const Data& data, const Matrix<double>& queries, double w, const Options& options) {
  Matrix<double> out(queries.rows, 1);
  pool<double>(queries.view(), data.keys.view(), data.values.view(), Gaussian(w), out.view(), options);
  return out.cells;
}

}  // namespace

const Experiment::Method& Experiment::method(const std::string& name) const {
  return *std::find_if(methods.begin(), methods.end(), [&](const Method& method) { return method.name == name; });
}

Experiment run_experiment(Data data, Matrix<double> queries, const FitOptions& options) {
  Experiment experiment{std::move(data), std::move(queries), {}, {}};
  experiment.training = fit<double>(experiment.data.keys.view(), experiment.data.values.view(), options);
  Options at_queries, left_out;
  at_queries.threads = left_out.threads = options.threads;
  left_out.range = KeyRange::all_but_self();
  for (const auto& [name, w] : {std::pair{"average", 0.0},
                                {"nonparametric", 1.0},
                                {"h0.1", 1 / 0.1},
                                {"h0.5", 1 / 0.5},
                                {"h1.0", 1 / 1.0},
                                {"parametric", experiment.training.w[0]}}) {
    experiment.methods.push_back({name, w, pooled(experiment.data, experiment.queries, w, at_queries),
                                  pooled(experiment.data, experiment.data.keys, w, left_out)});
  }
  Matrix<double> average(experiment.queries.rows, 1);
  average_pool<double>(experiment.data.values.view(), average.view());
  experiment.methods[0].at_queries = average.cells;
  return experiment;
}

Matrix<double> weights_of(const Experiment& experiment, double w, int threads) {
  Matrix<double> weights(experiment.queries.rows, experiment.data.keys.rows);
  Options options;
  options.threads = threads;
  attention_weights<double>(experiment.queries.view(), experiment.data.keys.view(), Gaussian(w), weights.view(),
                            options);
  return weights;
}

double rmse(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum / static_cast<double>(a.size()));
}

}  // namespace attnpool::program
