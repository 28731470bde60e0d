#pragma once
#include <attnpool/gradient.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace attnpool {

/// What a fit tells while it runs: on the calling thread, about ten times a second and at the end of every epoch.
struct FitProgress {
  int epoch = 0;        ///< epochs finished
  int epochs = 0;       ///< epochs asked for
  double fraction = 0;  ///< of all the work, in [0, 1]
  double loss = 0;      ///< at the start of the last finished epoch; NaN before the first
  const std::vector<double>* w = nullptr;
};

struct FitOptions {
  /// One entry, or one per dimension; empty: one, uniform in [0, 1) from seed, as in the chapter.
  std::vector<double> w0 = {};
  std::uint64_t seed = 0;
  Loss loss = Loss::mean;
  /// > 0: every step is w -= learning_rate * gradient, as in the chapter (0.5 there). The gradient grows with the square of
  /// the values' unit. 0: each step has the length at which the loss falls, found by a line search.
  double learning_rate = 0;
  int epochs = 100;           ///< >= 0, steps of full-batch gradient descent
  bool leave_one_out = true;  ///< each point left out of its own prediction; without it w grows without bound
  /// > 0: stop when a step changes every w by at most tolerance * |w| and w is a minimum; 0: 1e-9
  /// for a line search, else all epochs are done
  double tolerance = 0;
  Algorithm algorithm = Algorithm::automatic;  ///< as Options::algorithm
  double algorithm_tolerance = 0;              ///< as Options::tolerance
  int threads = 0;                             ///< as Options::threads
  /// Of the points as keys, as Options::key_weights; the loss counts all alike.
  std::span<const double> key_weights = {};
  std::function<bool(const FitProgress&)> progress = {};  ///< return false to stop
};

enum class FitStop {
  epochs,     ///< all epochs done
  converged,  ///< w is a minimum: within tolerance, or no step lowers the loss; the loss rises on both sides of it
  diverged,   ///< loss, gradient or w not finite, or a flat region reached above the lowest loss
  cancelled,  ///< the callback said so
  flat,       ///< the gradient is exactly 0 at w, which is no minimum: so far from one that w does not matter
};

/// "epochs", "converged", "diverged", "cancelled", "flat".
const char* to_string(FitStop stop) noexcept;

struct FitResult {
  std::vector<double> w;                ///< the w with the lowest loss seen, whatever came after it. Always finite
  double loss = 0;                      ///< at w
  std::vector<double> losses;           ///< loss at the start of every epoch, then after the last
  std::vector<std::vector<double>> ws;  ///< w at those losses
  FitStop stop = FitStop::epochs;
};

/// Learns w by gradient descent on the squared error of predicting values [K, V] at keys [K, D] (leave-one-out by
/// default). Deterministic for any number of threads. Throws std::invalid_argument for bad options, as pool() for bad
/// data, and when leave-one-out is asked of fewer than two points. A loss that diverges is a result, not an error.
template <class T>
FitResult fit(MatrixView<const T> keys, MatrixView<const T> values, const FitOptions& options = {});

}  // namespace attnpool
