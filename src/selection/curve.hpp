#pragma once
// The objective along a curve of bandwidths, factor * scale of each dimension.
#include <attnpool/selection.hpp>
#include <vector>

#include "selection/criterion_function.hpp"

namespace attnpool::detail {

struct CurveInput {
  const SelectionData& data;
  const std::vector<double>& factors;  // ascending
  const std::vector<double>& scale;
  Ladder* ladder;           // null, or the factors are the rungs of
  std::size_t interleaved;  // so many ladders
  const SelectionOptions& options;
  Progress progress;  // told now and then, or empty
};

class Curve {
 public:
  Curve(const CurveInput& input, CriterionFunction& criterion)
      : in_(input), criterion_(criterion), losses_(input.factors.size()) {}

  // Of long data it is estimated from some rows first, then, of very long data, from more, and computed on all rows only where it may be
  // the lowest by what is known: see walk(). Where descents in every dimension follow, nowhere. Throws Cancelled.
  void compute();

  const std::vector<double>& objectives() const { return objectives_; }
  bool is_estimated(std::size_t i) const { return !is_open_[i]; }

 private:
  std::vector<double> log_w_of(std::size_t i) const;
  void estimate(std::size_t judged);
  void walk();
  std::size_t next_of_walk(const std::vector<std::size_t>& distance, std::size_t best) const;
  bool takes_ladders(std::size_t end, std::size_t judged) const;
  template <class Take>
  void at_factors(std::size_t judged, const std::vector<bool>& wanted, const Take& take);
  template <class Take>
  void climb(std::size_t end, std::size_t judged, const Take& take);

  CurveInput in_;
  CriterionFunction& criterion_;
  std::vector<double> objectives_;
  std::vector<bool> is_open_;                // may be the best
  std::vector<std::vector<double>> losses_;  // of the rows of the last estimate
};

}  // namespace attnpool::detail
