#pragma once
#include <attnpool/kernel.hpp>
#include <attnpool/options.hpp>
#include <attnpool/view.hpp>
#include <cstddef>
#include <vector>

namespace attnpool {

/// The streaming online-softmax weighted sum, in the open: for each of a fixed set of queries
///   m = largest score seen,   l = sum_k e^(score - m),   acc[v] = sum_k e^(score - m) * value[k,v]
/// in double (Milakov and Gimelshein 2018). Keys may come in any number of chunks, on any number of threads, files or
/// machines: update() adds keys, merge() adds another state over the same queries, finish() divides. merge is
/// associative and commutative to rounding; the result of a sequence of calls does not depend on the number of threads.
template <class T>
class PoolState {
 public:
  /// Copies queries [Q, D]. value_cols >= 1. Starts empty: m = -inf, l = 0.
  PoolState(MatrixView<const T> queries, std::size_t value_cols, const Kernel& kernel);

  /// Adds keys [K, D] with values [K, V]; K = 0 is allowed. options.range counts keys of this chunk.
  /// Strong guarantee: after an exception the state is as before.
  void update(MatrixView<const T> keys, MatrixView<const T> values, const Options& options = {});

  /// Adds the keys of other. Throws std::invalid_argument unless queries, value_cols and w are the same.
  void merge(const PoolState& other);

  /// out [Q, V] = acc / l; NaN for a query that has seen no key. The state stays usable.
  void finish(MatrixView<T> out) const;

  /// log sum_k e^score per query, -inf if none was seen: the log of the kernel density up to a constant.
  void log_sum_exp(T* out) const;

  std::size_t query_count() const { return query_count_; }
  std::size_t value_cols() const { return value_cols_; }

 private:
  std::size_t query_count_, dims_, value_cols_;
  Kernel kernel_;
  std::vector<T> queries_;
  std::vector<double> m_, l_, acc_;  // m_ in base two: l counts weights in units of 2^m
};

}  // namespace attnpool
