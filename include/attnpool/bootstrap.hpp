#pragma once
#include <attnpool/options.hpp>
#include <attnpool/variance.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace attnpool {

/// How a replicate of the data is made. The bandwidth is the given one in all of them.
///   wild   rows stay, values move: replicate b of a prediction is mean + sum_k p_k r_k eta_bk, with r_k the residual of row k,
///          scaled for its leverage as in Variance, and eta_bk a random multiplier of mean 0 and variance 1 (Wu 1986, Liu 1988,
///          Mammen 1993). Given the data its variance is sum_k p_k^2 r_k^2, that of Inference. Rows may differ in their noise
///   pairs  n rows are drawn from the n rows with replacement (Efron 1979): replicate b is
///          sum_k p_k m_bk value_k / sum_k p_k m_bk, with m_bk the number of times that row k is drawn. Keys are random too.
///          A row that is drawn brings its key weight along
enum class Resampling { wild, pairs };

/// "wild", "pairs".
const char* to_string(Resampling resampling) noexcept;

/// Of the wild bootstrap: rademacher is -1 or 1, with probability 1/2 each; mammen is (1 - sqrt 5) / 2 with probability
/// (5 + sqrt 5) / 10, else (1 + sqrt 5) / 2, and has the third moment 1, so that skewness of the noise is kept.
enum class Multiplier { rademacher, mammen };

/// "rademacher", "mammen".
const char* to_string(Multiplier multiplier) noexcept;

/// What lower and upper are, with a the part (1 - level) / 2:
///   percentile    the quantiles a and 1 - a of the replicates (type 7 of Hyndman and Fan: linear between order statistics)
///   basic         2 mean - the quantile 1 - a, and 2 mean - the quantile a
///   normal        mean -+ z standard_error, z of the normal distribution
///   simultaneous  mean -+ c standard_error, with c the quantile `level` over the replicates of the largest
///                 |replicate - mean| / standard_error among all queries of the call: the whole curve lies between at the level
/// The others hold for each query alone.
enum class BootstrapBand { percentile, basic, normal, simultaneous };

/// "percentile", "basic", "normal", "simultaneous".
const char* to_string(BootstrapBand band) noexcept;

struct BootstrapOptions {
  Resampling kind = Resampling::wild;
  std::size_t replicates = 999;  ///< B, from 2 to 1,000,000
  std::uint64_t seed = 0;
  Multiplier multiplier = Multiplier::rademacher;  ///< wild only
  Variance residuals = Variance::hc3;              ///< wild only, hc0 to hc3
  BootstrapBand band = BootstrapBand::percentile;
  double level = 0.95;           ///< of the band, in (0, 1)
  bool keep_replicates = false;  ///< also the replicates, [B, Q, V]
  Progress progress = {};
};

/// Answers for Q queries: [Q], [V], [Q, V] or [B, Q, V].
struct BootstrapResult {
  std::size_t queries = 0, cols = 0;
  std::vector<double> mean;            ///< [Q, V] as pool()
  std::vector<double> standard_error;  ///< [Q, V] standard deviation of the replicates
  std::vector<double> lower, upper;    ///< [Q, V]
  /// [Q] replicates that count. Of pairs, one is passed over in which the rows near the query are missing: those that were
  /// drawn weigh there, together, less than a millionth of all rows. 0 for a query that is not finite; below 2 the standard
  /// error is NaN.
  std::vector<std::size_t> used;
  std::vector<double> critical;    ///< [V] the c of the simultaneous band; empty for others
  std::vector<double> replicates;  ///< [B, Q, V] if they were asked for; NaN where passed over
};

}  // namespace attnpool
