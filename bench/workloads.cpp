#include "workloads.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>

namespace bench {

double Workload::pairs() const {
  const double q = static_cast<double>(query_count), k = static_cast<double>(key_count);
  return (kind == Kind::exp || kind == Kind::exp_nonpositive) ? q : static_cast<double>(problems) * q * k;
}

const std::vector<Workload>& workloads() {
  static const double root8 = std::sqrt(1.0 / 8);
  static const std::vector<Workload> all = {
      {"W1", "pool, one dimension, 10,000 x 10,000", Kind::pool, false, 1, 10000, 10000, 1, 1, 2},
      {"W1b", "pool, one dimension, 10,000 x 10,000, double", Kind::pool, true, 1, 10000, 10000, 1, 1, 2},
      {"W3", "pool, D = 8, 10,000 x 10,000", Kind::pool, false, 1, 10000, 10000, 8, 1, 1},
      {"W4", "pool, D = V = 64, 4,096 x 4,096", Kind::pool, false, 1, 4096, 4096, 64, 64, root8},
      {"W5", "softmax of 4,096 x 4,096", Kind::softmax, false, 1, 4096, 4096, 1, 1, 0},
      {"W5i", "softmax of 4,096 x 4,096 in place", Kind::softmax_in_place, false, 1, 4096, 4096, 1, 1, 0},
      {"W6", "exp of 4,096 floats, whole line", Kind::exp, false, 1, 4096, 0, 1, 1, 0},
      {"W6n", "exp of 4,096 floats, x <= 0", Kind::exp_nonpositive, false, 1, 4096, 0, 1, 1, 0},
      {"W6d", "exp of 4,096 doubles, whole line", Kind::exp, true, 1, 4096, 0, 1, 1, 0},
      {"W7", "loss and gradient in w, one dimension, 10,000 x 10,000", Kind::gradient, false, 1, 10000, 10000, 1, 1, 2},
      {"W9a", "one query, 1,000,000 keys, one dimension", Kind::pool, false, 1, 1, 1000000, 1, 1, 2},
      {"W9b", "one query, 100,000 keys, D = V = 64", Kind::pool, false, 1, 1, 100000, 64, 64, root8},
      {"W10", "10,000 problems of 100 x 100", Kind::pool, false, 10000, 100, 100, 1, 1, 2},
  };
  return all;
}

namespace {

/// SplitMix64: the same inputs everywhere.
class Random {
 public:
  double uniform() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
  }
  double normal() { return std::sqrt(-2 * std::log1p(-uniform())) * std::cos(2 * std::numbers::pi * uniform()); }

 private:
  std::uint64_t state_ = 1;
};

/// The chapter's curve.
double curve(double x) { return 2 * std::sin(x) + std::pow(x, 0.8); }

/// The textbook formula of one query: out [V]; returns d out / dw of the first column.
template <class Real, class T>
Real exact_row(const Pool<T>& p, std::size_t q, std::vector<Real>& out) {
  std::vector<Real> scores(p.key_count);
  Real max = -std::numeric_limits<Real>::infinity(), total = 0, square = 0, cross = 0;
  const Real w = static_cast<Real>(p.w);
  for (std::size_t k = 0; k < p.key_count; ++k) {
    Real s = 0;
    for (std::size_t d = 0; d < p.dims; ++d) {
      const Real t = w * (static_cast<Real>(p.queries[q * p.dims + d]) - static_cast<Real>(p.keys[k * p.dims + d]));
      s -= t * t / 2;
    }
    scores[k] = s;
    max = std::max(max, s);
  }
  out.assign(p.value_cols, 0);
  for (std::size_t k = 0; k < p.key_count; ++k) {
    const Real e = std::exp(scores[k] - max), slope = 2 * scores[k] / w;
    total += e;
    square += e * slope;
    cross += e * slope * static_cast<Real>(p.values[k * p.value_cols]);
    for (std::size_t v = 0; v < p.value_cols; ++v) out[v] += e * static_cast<Real>(p.values[k * p.value_cols + v]);
  }
  for (Real& v : out) v /= total;
  return cross / total - out[0] * square / total;
}

/// Distance in units in the last place of the exact value; 0 where that is not a normal number.
template <class T>
double ulps(T got, long double exact) {
  int exponent = 0;
  std::frexp(static_cast<T>(exact), &exponent);
  if (exponent < std::numeric_limits<T>::min_exponent || exponent > std::numeric_limits<T>::max_exponent) return 0;
  return static_cast<double>(std::abs(got - exact) / std::ldexp(1.0L, exponent - std::numeric_limits<T>::digits));
}

/// max(a, b) that keeps a NaN visible.
double worst(double a, double b) { return b <= a ? a : b; }

}  // namespace

template <class T>
Data<T>::Data(const Workload& workload) : workload_(workload) {
  Random random;
  auto fill = [&](std::vector<T>& x, std::size_t n, auto value) {
    x.resize(n);
    for (T& v : x) v = static_cast<T>(value());
  };
  const Workload& w = workload_;
  switch (w.kind) {
    case Kind::exp:
    case Kind::exp_nonpositive: {
      const double top = std::log(static_cast<double>(std::numeric_limits<T>::max()));
      const double bottom = std::log(static_cast<double>(std::numeric_limits<T>::min()));
      fill(queries_, w.query_count,
           [&] { return bottom + random.uniform() * ((w.kind == Kind::exp ? top : 0) - bottom); });
      out_.resize(w.query_count);
      for (T x : queries_) expected_.push_back(std::exp(static_cast<long double>(x)));
      return;
    }
    case Kind::softmax:
    case Kind::softmax_in_place:
      fill(queries_, w.query_count * w.key_count, [&] { return 3 * random.normal(); });
      out_ = queries_;
      for (std::size_t r = 0; r < w.query_count; r += 97) {
        const T* row = queries_.data() + r * w.key_count;
        const long double max = *std::max_element(row, row + w.key_count);
        long double total = 0;
        for (std::size_t k = 0; k < w.key_count; ++k) total += std::exp(row[k] - max);
        for (std::size_t k = 0; k < w.key_count; ++k) expected_.push_back(std::exp(row[k] - max) / total);
        checked_.push_back(r);
      }
      return;
    case Kind::pool:
    case Kind::gradient:
      break;
  }
  const std::size_t q = w.problems * w.query_count, k = w.problems * w.key_count;
  auto coordinate = [&] { return w.dims == 1 ? 5 * random.uniform() : random.normal(); };
  fill(keys_, k * w.dims, coordinate);
  fill(queries_, q * w.dims, coordinate);
  std::size_t next = 0;
  fill(values_, k * w.value_cols, [&] {
    return w.dims == 1 ? curve(static_cast<double>(keys_[next++])) + 0.5 * random.normal() : random.normal();
  });
  out_.resize(q * w.value_cols);
  if (w.kind == Kind::gradient) {
    next = 0;
    fill(targets_, q, [&] { return curve(static_cast<double>(queries_[next++])); });
  }
  if (w.kind == Kind::gradient) {  // needs every query, hence double, which is exact enough for a float and a hundred
                                   // times faster
    std::vector<double> row;
    double slope = 0;
    for (std::size_t r = 0; r < q; ++r) {
      const double derivative = exact_row(problem(0), r, row);
      slope += 2 * (row[0] - static_cast<double>(targets_[r])) * derivative;
    }
    expected_ = {slope / static_cast<double>(q)};
  } else {
    std::vector<long double> row;
    for (std::size_t r = 0; r < q; r += std::max<std::size_t>(1, q / 256)) {
      exact_row(problem(r / w.query_count), r % w.query_count, row);
      checked_.push_back(r);
      expected_.insert(expected_.end(), row.begin(), row.end());
    }
  }
}

template <class T>
Pool<T> Data<T>::problem(std::size_t i) {
  const Workload& w = workload_;
  return {queries_.data() + i * w.query_count * w.dims,
          keys_.data() + i * w.key_count * w.dims,
          values_.data() + i * w.key_count * w.value_cols,
          out_.data() + i * w.query_count * w.value_cols,
          w.query_count,
          w.key_count,
          w.dims,
          w.value_cols,
          w.w,
          1};
}

template <class T>
bool Data<T>::can(const Workload& w, const Implementation& implementation) {
  const Functions<T>& f = implementation.functions<T>();
  switch (w.kind) {
    case Kind::pool:
      return f.pool && !(implementation.one_value_column && w.value_cols > 1) &&
             !(implementation.limit && (w.query_count > 1));
    case Kind::gradient:
      return f.gradient;
    case Kind::softmax:
      return f.softmax;
    case Kind::softmax_in_place:
      return f.softmax && !implementation.limit;
    case Kind::exp:
      return f.exp && !implementation.nonpositive;
    case Kind::exp_nonpositive:
      return f.exp;
  }
  return false;
}

template <class T>
void Data<T>::run(const Implementation& implementation, int threads) {
  const Functions<T>& f = implementation.functions<T>();
  switch (workload_.kind) {
    case Kind::pool:
      if (workload_.problems == 1 || f.pool_batch) {
        Pool<T> p = problem(0);
        p.threads = threads;
        workload_.problems == 1 ? f.pool(p) : f.pool_batch(workload_.problems, p);
      } else {
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
        for (std::size_t i = 0; i < workload_.problems; ++i) f.pool(problem(i));
      }
      break;
    case Kind::gradient:
      gradient_ = {problem(0), targets_.data(), 0, 0};
      gradient_.pool.threads = threads;
      f.gradient(gradient_);
      break;
    case Kind::softmax:
      f.softmax({queries_.data(), out_.data(), workload_.query_count, workload_.key_count, threads});
      break;
    case Kind::softmax_in_place:
      f.softmax({out_.data(), out_.data(), workload_.query_count, workload_.key_count, threads});
      break;
    case Kind::exp:
    case Kind::exp_nonpositive:
      f.exp(queries_.data(), out_.data(), workload_.query_count);
      break;
  }
}

template <class T>
void Data<T>::restore() {
  if (workload_.kind == Kind::softmax_in_place) out_ = queries_;
}

template <class T>
double Data<T>::error() const {
  const Workload& w = workload_;
  double error = 0;
  switch (w.kind) {
    case Kind::gradient:
      return static_cast<double>(std::abs(gradient_.gradient - expected_[0]) / std::abs(expected_[0]));
    case Kind::pool: {
      const auto [low, high] = std::minmax_element(values_.begin(), values_.end());
      for (std::size_t i = 0; i < expected_.size(); ++i) {
        const T got = out_[checked_[i / w.value_cols] * w.value_cols + i % w.value_cols];
        error =
            worst(error, static_cast<double>(std::abs(got - expected_[i]) / (static_cast<long double>(*high) - *low)));
      }
      return error;
    }
    case Kind::softmax:
    case Kind::softmax_in_place:
      for (std::size_t i = 0; i < expected_.size(); ++i) {
        const T got = out_[checked_[i / w.key_count] * w.key_count + i % w.key_count];
        const long double relative = std::abs(got - expected_[i]) / expected_[i];
        error =
            worst(error, static_cast<double>(relative / static_cast<long double>(std::numeric_limits<T>::epsilon())));
      }
      return error;
    case Kind::exp:
    case Kind::exp_nonpositive:
      for (std::size_t i = 0; i < expected_.size(); ++i) error = worst(error, ulps(out_[i], expected_[i]));
      return error;
  }
  return error;
}

template class Data<float>;
template class Data<double>;

}  // namespace bench
