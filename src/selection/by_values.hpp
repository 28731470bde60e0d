#pragma once
// Minimisation of a criterion without its gradient: for kernels of compact support, whose criteria have kinks or steps, and for
// local polynomials.
#include "selection/search.hpp"

namespace attnpool::detail {

// As refine_on_line: the minimum in a bracket by golden sections and parabolas (Brent 1973, chapter 5). Of a criterion with steps,
// the lowest point seen.
Descent refine_by_values(CriterionFunction& criterion, const std::vector<double>& start, const Bracket& bracket);

// As descend: steps along the dimensions and along what they add up to, down to 2e-7 (Hooke and Jeeves 1961).
Descent descend_by_values(CriterionFunction& criterion, std::vector<double> log_w, const Box& box,
                          const Extent& extent);

}  // namespace attnpool::detail
