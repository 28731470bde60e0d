#pragma once
// Keys in one dimension, and fewer ones in their place.
#include <cstddef>
#include <vector>

namespace attnpool::detail {

struct SortedKeys {
  std::vector<double> keys, weights;        // [keys], ascending
  std::vector<std::vector<double>> values;  // [cols][keys], each times the weight of its key
};

// Keys for which the sums over keys of weight * 2^-e, value * 2^-e and the same times e, e = (scale (query - key))^2, are those of
// `all`, for every query and every scale up to largest_scale: within 2e-15 of the sums of weights and of |values|. Where many keys
// lie close together 44 take their place, whose weights may be negative.
SortedKeys thinned(const SortedKeys& all, double largest_scale);

// The largest scale for which it leaves `count` keys at most in a range.
double thinned_scale(double count, double range);

// How many keys thinned() leaves at most in an interval that is so wide, where there are many.
double thinned_within(double width, double largest_scale);

}  // namespace attnpool::detail
