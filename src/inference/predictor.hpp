#pragma once
// Predictions and what they are worth, from one set of rows: see Inference.
#include <attnpool/inference.hpp>
#include <optional>
#include <vector>

#include "data/weighted_rows.hpp"
#include "inference/nearest_distance.hpp"
#include "inference/query_pass.hpp"
#include "inference/residuals.hpp"

namespace attnpool::detail {

class Predictor {
 public:
  // all_rows: of the caller, those of weight 0 among them.
  Predictor(WeightedRows rows, const Kernel& kernel, const InferenceOptions& options, std::size_t all_rows);
  Prediction predict(MatrixView<const double> queries, const PredictionOptions& options);
  BootstrapResult bootstrap(MatrixView<const double> queries, const BootstrapOptions& options);

  FitSummary summary;
  std::vector<double> leverages, residuals;  // in the caller's rows
  std::size_t dims() const { return data.dims; }

 private:
  WeightedRows data;
  Kernel kernel, narrow_kernel;
  Variance variance;
  Options options;  // of the passes: algorithm, tolerance, threads
  std::size_t caller_rows = 0;
  Residuals found;
  std::vector<double> columns;  // [rows][column_count]: values, and for the local variance their squares
  std::size_t column_count = 0;
  std::vector<double> terms, term_unit;  // [rows][term_count]: r_k^2 in units of term_unit^2
  std::size_t term_count = 0;
  std::vector<double> squared_weights;
  double total_weight = 0;
  std::optional<NearestDistance> nearest;  // made when first needed
  // Of the columns with the key weights, and of the terms with their squares.
  Workspace<double> workspace, narrow_workspace;
  QueryPass wide, narrow;  // of the queries of one chunk, at w and at sqrt(2) w

  void in_callers_rows();
  void make_columns();
  void make_terms();
  template <class Part>
  void predict_chunk(Prediction& out, MatrixView<const double> queries, std::size_t first,
                     const PredictionOptions& given, double z, const Part& progress);
  double sum_of_squares(std::size_t q) const;  // sum_k p_k^2 of query q of the chunk
  struct References {
    double wide, narrow;
  };
  References references(std::size_t q) const;
  // What is made of both passes for some queries of a chunk whose query 0 is the caller's `first`; sum: of squares.
  void fill_in(Prediction& out, std::size_t first, const QuerySums& of, const double* sum, double z) const;
  void fill_in_bounds(Prediction& out, std::size_t first, const QuerySums& of, const double* sum) const;
  void fill_in_slopes(Prediction& out, MatrixView<const double> queries, std::size_t first, const QuerySums& of,
                      const double* sum) const;
  void fill_in_slope(Prediction& out, std::size_t first, const QuerySums& of, const double* sum, std::size_t d,
                     std::size_t v, double factor, const double* center) const;
  void fill_in_status(Prediction& out, MatrixView<const double> queries, std::size_t first,
                      const PredictionOptions& given);
  double unit_of(std::size_t v) const;
  double variance_part(std::size_t q, std::size_t v) const;
};

}  // namespace attnpool::detail
