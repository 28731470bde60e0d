#pragma once
// The bootstrap by its definition, in long double, with random numbers from the counters that docs/bootstrap.md names.
#include <algorithm>
#include <attnpool/attnpool.hpp>
#include <cmath>
#include <vector>

#include "../src/inference/philox.hpp"
#include "noisy_data.hpp"

namespace attnpool::test {

inline std::vector<double> points(std::size_t rows, std::size_t dims) {
  std::vector<double> at;
  for (std::size_t i = 0; i < rows * dims; ++i)
    at.push_back(0.2 + 4.6 * std::fmod(0.618034 * static_cast<double>(i), 1));
  return at;
}

inline MatrixView<const double> matrix(const std::vector<double>& x, std::size_t cols) {
  return {x.data(), x.size() / cols, cols};
}

inline detail::PhiloxBlock block(std::uint64_t seed, std::size_t i, std::size_t replicate, std::uint32_t purpose) {
  return detail::philox({static_cast<std::uint32_t>(i), 0, static_cast<std::uint32_t>(replicate), purpose},
                        {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
}

// What multiplies row i (of those that have weight) in a replicate: the multiplier, or how often it is drawn.
inline std::vector<Real> factors(const BootstrapOptions& options, std::size_t replicate, std::size_t rows) {
  std::vector<Real> result(rows, 0);
  if (options.kind == Resampling::pairs) {
    std::size_t drawn = 0;
    for (std::size_t i = 0; drawn < rows; ++i) {
      const std::uint32_t word = block(options.seed, i / 4, replicate, 2)[i % 4];
      const std::uint64_t product = std::uint64_t{word} * rows;
      if (product % (std::uint64_t{1} << 32) < (std::uint64_t{1} << 32) % rows) continue;
      result[product >> 32] += 1;
      ++drawn;
    }
    return result;
  }
  for (std::size_t k = 0; k < rows; ++k)
    if (options.multiplier == Multiplier::rademacher) {
      result[k] = (block(options.seed, k / 128, replicate, 0)[k % 128 / 32] >> (k % 32) & 1) == 1 ? 1 : -1;
    } else {
      const bool often = block(options.seed, k / 4, replicate, 1)[k % 4] < 0x1p32L * (5 + std::sqrt(5.0L)) / 10;
      result[k] = (1 + (often ? -1 : 1) * std::sqrt(5.0L)) / 2;
    }
  return result;
}

// Everything by its definition.
class BootstrapOracle {
 public:
  BootstrapOracle(const NoisyData& data, double w, const BootstrapOptions& options)
      : data_(data), w_(w), options_(options) {
    for (std::size_t k = 0; k < data.rows; ++k)
      if (data.weight(k) > 0) rows_.push_back(k);
    for (const std::size_t i : rows_) {
      const std::vector<Real> p = weights(&data.keys[i * data.dims]);
      Real rest = 0;
      for (std::size_t j = 0; j < rows_.size(); ++j) rest += rows_[j] == i ? 0 : p[j];
      for (std::size_t v = 0; v < data.cols; ++v) {
        const Real e = value(i, v) - mean(p, v);
        residuals_.push_back(options.residuals == Variance::hc0   ? e
                             : options.residuals == Variance::hc2 ? e / std::sqrt(rest)
                                                                  : e / rest);
      }
    }
    for (std::size_t b = 0; b < options.replicates; ++b) factors_.push_back(factors(options, b, rows_.size()));
  }

  Real mean_at(const double* query, std::size_t v) const { return mean(weights(query), v); }

  std::vector<Real> replicates(const double* query, std::size_t v) const {
    const std::vector<Real> p = weights(query);
    std::vector<Real> result;
    for (const std::vector<Real>& m : factors_) {
      Real moved = mean(p, v), above = 0, below = 0;
      for (std::size_t j = 0; j < rows_.size(); ++j) {
        moved += p[j] * m[j] * residuals_[j * data_.cols + v];
        above += p[j] * m[j] * value(rows_[j], v);
        below += p[j] * m[j];
      }
      result.push_back(options_.kind == Resampling::wild ? moved : above / below);
    }
    return result;
  }

 private:
  const NoisyData& data_;
  Real w_;
  BootstrapOptions options_;
  std::vector<std::size_t> rows_;
  std::vector<Real> residuals_;
  std::vector<std::vector<Real>> factors_;

  Real value(std::size_t k, std::size_t v) const { return data_.values[k * data_.cols + v]; }
  std::vector<Real> weights(const double* query) const {
    std::vector<Real> p;
    Real sum = 0;
    for (const std::size_t k : rows_) {
      Real squared = 0;
      for (std::size_t d = 0; d < data_.dims; ++d) {
        const Real delta = w_ * (query[d] - Real(data_.keys[k * data_.dims + d]));
        squared += delta * delta;
      }
      p.push_back(data_.weight(k) * std::exp(-squared / 2));
      sum += p.back();
    }
    for (Real& x : p) x /= sum;
    return p;
  }
  Real mean(const std::vector<Real>& p, std::size_t v) const {
    Real sum = 0;
    for (std::size_t j = 0; j < rows_.size(); ++j) sum += p[j] * value(rows_[j], v);
    return sum;
  }
};

inline Real deviation(const std::vector<Real>& x) {
  Real mean = 0, squares = 0;
  for (const Real a : x) mean += a / static_cast<Real>(x.size());
  for (const Real a : x) squares += (a - mean) * (a - mean);
  return std::sqrt(squares / static_cast<Real>(x.size() - 1));
}

inline Real quantile(std::vector<Real> x, Real p) {
  std::sort(x.begin(), x.end());
  const Real place = static_cast<Real>(x.size() - 1) * p;
  const auto i = static_cast<std::size_t>(place);
  return i + 1 == x.size() ? x[i] : x[i] + (place - static_cast<Real>(i)) * (x[i + 1] - x[i]);
}

inline std::vector<BootstrapOptions> kinds() {
  std::vector<BootstrapOptions> all(4);
  all[1].multiplier = Multiplier::mammen;
  all[2].residuals = Variance::hc2;
  all[3].kind = Resampling::pairs;
  for (BootstrapOptions& options : all) options.replicates = 70, options.seed = 0x123456789abcdef, options.level = 0.9;
  return all;
}

}  // namespace attnpool::test
