#pragma once
#include "table.hpp"

/// Where training starts and how large its steps are if the user does not say. Both rules make training independent of
/// the units of x and y; the loss itself is never rescaled.
namespace attnpool::program {

/// 1 / h by Silverman's rule of thumb, h = 1.06 * (standard deviation of x) * rows^(-1/5).
double default_w0(const Data& data);

/// 10 / (variance of x * variance of y) for the mean loss, and for the half sum what makes the same steps. The variance
/// of x is summed over its columns (as the squared distance is), that of y averaged.
double default_learning_rate(const Data& data, Loss loss);

}  // namespace attnpool::program
