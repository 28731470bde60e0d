#pragma once
#include <attnpool/attnpool.hpp>
#include <optional>
#include <string>
#include <vector>

#include "io/model.hpp"
#include "io/table.hpp"

/// Finding w: by selection, by a rule, or by gradient descent as in the book's chapter.
namespace attnpool::program {

struct TrainingOptions {
  bool selects = true;
  std::string rule;  ///< "", or which rule gives w: "scott", "silverman" or "dpill"
  Criterion criterion = Criterion::leave_one_out;
  bool per_dimension = true;
  Smoothing smoothing;
  FitOptions descent;  ///< threads and leave_one_out serve both
};

/// The training of one group, or of all data without groups.
struct Training {
  struct Start {
    double w = 1;
    std::string at_bound;
  };
  std::string group;
  std::size_t rows = 0;
  Criterion criterion = Criterion::leave_one_out;
  Smoothing smoothing;
  FitOptions options;                  ///< of a descent, with the w and the rate that it began with
  FitResult result;                    ///< of a selection: w, its leave-one-out loss, and how it ended
  std::optional<Selection> selection;  ///< if w was selected
  std::string rule;                    ///< that gave w, or ""
  std::optional<FitSummary> summary;   ///< of the fit by a rule
  std::string at_bound;  ///< "", or "smallest" or "largest": no bandwidth between the ends of the curve is better
};

/// A signal ends the search with the best so far.
Training train(const Data& data, Precision precision, TrainingOptions options, bool quiet);

/// The training of each group, in their order. Selections take one call, whose threads share the groups.
std::vector<Training> train_groups(const std::vector<Data>& groups, Precision precision, const TrainingOptions& options,
                                   bool quiet);

/// A w of the right size, by a rule of thumb.
double first_w(const Data& data);

}  // namespace attnpool::program
