#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "layouts.hpp"
#include "peer.hpp"

namespace bench {

enum class Kind { pool, prepared_pool, scores, gradient, softmax, softmax_in_place, exp, exp_nonpositive };

struct Workload {
  const char* name;
  const char* description;
  Kind kind;
  bool is_double;
  std::size_t problems;  // of this shape; more than one: small problems, in one call, or in a loop that threads share
                         // scores: bandwidths
  std::size_t query_count, key_count, dims, value_cols;  // softmax: rows, cols; exp: elements in query_count
  double w;
  // The workloads in linear time (L):
  bool linear = false;  // two threads; implementations that would take long are left out
  double tolerance = 0;
  Layout layout = Layout::chapter;
  bool leave_one_out = false;  // queries are the keys

  /// Query-key pairs; elements for softmax and exp.
  double pairs() const;
};

/// W1, W1b, W3, ..., L1, L1p, ...: what the targets of the project speak of.
const std::vector<Workload>& workloads();

/// Deterministic inputs of a workload, room for its output, and what the output ought to be on some of its rows.
template <class T>
class Data {
 public:
  /// flights: a file to read for Layout::flights, or empty: drawn at random. Throws std::runtime_error if it is no use.
  explicit Data(const Workload& workload, const std::string& flights = {});

  /// One run of the whole workload.
  void run(const Implementation& implementation, int threads);

  /// Seconds that run() is expected to take.
  double predicted(const Implementation& implementation, int threads);

  /// Whether another plan than the dense one would be chosen.
  bool has_a_better_plan();

  /// Puts back what softmax in place has overwritten.
  void restore();

  /// The largest error of the last run, against long double on the same inputs:
  ///   scores        |loss - exact| / exact of the first, the middle and the last; exact from all pairs, in double
  ///   pool          |out - exact| / (max - min of the values), over up to 256 queries
  ///   gradient      |gradient - exact| / |exact|; the exact one from all pairs, in double
  ///   softmax       |out - exact| / exact over every 97th row, in epsilons
  ///   exp           units in the last place, over all elements with normal results
  double error() const;

  /// Whether the implementation can do this workload.
  static bool can(const Workload& workload, const Implementation& implementation);

 private:
  // What goes in, and what has to come out.
  void make_exp(Random& random);
  void make_softmax(Random& random);
  void make_points(Random& random, const std::string& flights);
  void expect_gradient();
  void expect_scores();
  void expect_rows();
  Pool<T> problem(std::size_t i);

  Workload workload_;
  std::size_t number_;  // of these data
  std::vector<T> queries_, keys_, values_, targets_, out_;
  Gradient<T> gradient_{};
  std::vector<double> w_, losses_;     // of the scores
  std::vector<std::size_t> checked_;   // rows of out_
  std::vector<long double> expected_;  // their exact values
};

}  // namespace bench
