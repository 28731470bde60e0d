#include "workloads.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace bench {
double Workload::pairs() const {
  const double q = static_cast<double>(query_count), k = static_cast<double>(key_count);
  return (kind == Kind::exp || kind == Kind::exp_nonpositive) ? q : static_cast<double>(problems) * q * k;
}

namespace {

/// The textbook formula of one query: out [V]; returns d out / dw of the first column. Weights below e^-80 of the
/// largest are 0 to long double.
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
    if (p.leave_one_out && k == q) s = -std::numeric_limits<Real>::infinity();
    scores[k] = s;
    max = std::max(max, s);
  }
  out.assign(p.value_cols, 0);
  for (std::size_t k = 0; k < p.key_count; ++k) {
    if (!(scores[k] - max > -80)) continue;
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

namespace {

template <class T, class Value>
void fill(std::vector<T>& x, std::size_t n, Value value) {
  x.resize(n);
  for (T& v : x) v = static_cast<T>(value());
}

}  // namespace

template <class T>
Data<T>::Data(const Workload& workload, const std::string& flights) : workload_(workload) {
  static std::size_t count = 0;
  number_ = ++count;
  Random random;
  switch (workload_.kind) {
    case Kind::exp:
    case Kind::exp_nonpositive:
      make_exp(random);
      break;
    case Kind::softmax:
    case Kind::softmax_in_place:
      make_softmax(random);
      break;
    case Kind::gradient:
      make_points(random, flights);
      expect_gradient();
      break;
    case Kind::scores:
      make_points(random, flights);
      expect_scores();
      break;
    case Kind::pool:
    case Kind::prepared_pool:
      make_points(random, flights);
      expect_rows();
      break;
  }
}

template <class T>
void Data<T>::make_exp(Random& random) {
  const double top = workload_.kind == Kind::exp ? std::log(static_cast<double>(std::numeric_limits<T>::max())) : 0;
  const double bottom = std::log(static_cast<double>(std::numeric_limits<T>::min()));
  fill(queries_, workload_.query_count, [&] { return bottom + random.uniform() * (top - bottom); });
  out_.resize(workload_.query_count);
  for (T x : queries_) expected_.push_back(std::exp(static_cast<long double>(x)));
}

template <class T>
void Data<T>::make_softmax(Random& random) {
  const std::size_t cols = workload_.key_count;
  fill(queries_, workload_.query_count * cols, [&] { return 3 * random.normal(); });
  out_ = queries_;
  for (std::size_t r = 0; r < workload_.query_count; r += 97) {
    const T* row = queries_.data() + r * cols;
    const long double max = *std::max_element(row, row + cols);
    long double total = 0;
    for (std::size_t k = 0; k < cols; ++k) total += std::exp(row[k] - max);
    for (std::size_t k = 0; k < cols; ++k) expected_.push_back(std::exp(row[k] - max) / total);
    checked_.push_back(r);
  }
}

template <class T>
void Data<T>::make_points(Random& random, const std::string& flights) {
  const Workload& w = workload_;
  if (w.layout == Layout::flights && !flights.empty()) {
    std::vector<double> keys, values;
    read_flights(flights, keys, values);
    keys_.assign(keys.begin(), keys.end());
    values_.assign(values.begin(), values.end());
    if (values.size() != w.key_count)
      throw std::runtime_error(flights + " has " + std::to_string(values.size()) + " rows, " + w.name + " wants " +
                               std::to_string(w.key_count));
  }
  const std::size_t problems = w.kind == Kind::scores ? 1 : w.problems;
  const std::size_t q = problems * w.query_count, k = problems * w.key_count;
  std::vector<double> point(w.dims);
  const auto points = [&](std::vector<T>& x, std::size_t n, bool queries) {
    PointSource source(w.layout, w.dims, queries, random);
    for (std::size_t i = 0; i < n; ++i) {
      source.next(point.data());
      x.insert(x.end(), point.begin(), point.end());
    }
  };
  if (keys_.empty()) points(keys_, k, false);
  if (w.leave_one_out) {
    queries_ = keys_;
  } else {
    points(queries_, q, true);
  }
  std::size_t next = 0;
  if (values_.empty())
    fill(values_, k * w.value_cols, [&] {
      if (w.layout == Layout::chapter && w.dims > 1) return random.normal();
      for (std::size_t d = 0; d < w.dims; ++d) point[d] = static_cast<double>(keys_[next * w.dims + d]);
      ++next;
      return value_at(w.layout, point.data(), random);
    });
  out_.resize(q * w.value_cols);
}

// It needs every query, hence double, which is exact enough for a float and a hundred times faster.
template <class T>
void Data<T>::expect_gradient() {
  const std::size_t queries = workload_.problems * workload_.query_count;
  std::size_t next = 0;
  fill(targets_, queries, [&] { return curve(static_cast<double>(queries_[next++])); });
  std::vector<double> row;
  double slope = 0;
  for (std::size_t r = 0; r < queries; ++r) {
    const double derivative = exact_row(problem(0), r, row);
    slope += 2 * (row[0] - static_cast<double>(targets_[r])) * derivative;
  }
  expected_ = {slope / static_cast<double>(queries)};
}

// Every query again.
template <class T>
void Data<T>::expect_scores() {
  const Workload& w = workload_;
  losses_.resize(w.problems);
  for (std::size_t i = 0; i < w.problems; ++i)  // from range / 250 to range / 5
    w_.push_back(50 * std::pow(50.0, -static_cast<double>(i) / static_cast<double>(w.problems - 1)));
  for (std::size_t i : {std::size_t{0}, w.problems / 2, w.problems - 1}) {
    Pool<T> p = problem(0);
    p.w = w_[i];
    double loss = 0;
#pragma omp parallel for reduction(+ : loss)
    for (std::size_t r = 0; r < w.query_count; ++r) {
      std::vector<double> row;
      exact_row(p, r, row);
      loss += (row[0] - static_cast<double>(p.values[r])) * (row[0] - static_cast<double>(p.values[r]));
    }
    checked_.push_back(i);
    expected_.push_back(loss / static_cast<double>(w.query_count));
  }
}

template <class T>
void Data<T>::expect_rows() {
  const Workload& w = workload_;
  const std::size_t queries = w.problems * w.query_count;
  for (std::size_t r = 0; r < queries; r += std::max<std::size_t>(1, queries / 256)) checked_.push_back(r);
  expected_.resize(checked_.size() * w.value_cols);
#pragma omp parallel for schedule(dynamic)
  for (std::size_t i = 0; i < checked_.size(); ++i) {
    std::vector<long double> row;
    exact_row(problem(checked_[i] / w.query_count), checked_[i] % w.query_count, row);
    std::copy(row.begin(), row.end(), expected_.begin() + static_cast<std::ptrdiff_t>(i * w.value_cols));
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
          1,
          w.tolerance,
          w.leave_one_out,
          number_};
}

template <class T>
bool Data<T>::can(const Workload& w, const Implementation& implementation) {
  const Functions<T>& f = implementation.functions<T>();
  if (implementation.elsewhere && !w.linear) return false;
  if (w.leave_one_out && w.kind == Kind::pool && !implementation.follows_options) return false;
  if (w.dims > 1 && implementation.one_dimension) return false;
  switch (w.kind) {
    case Kind::prepared_pool:
      return f.prepared_pool;
    case Kind::scores:
      return f.scores;
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
    case Kind::prepared_pool: {
      Pool<T> p = problem(0);
      p.threads = threads;
      f.prepared_pool(p);
      break;
    }
    case Kind::scores: {
      Scores<T> scores{problem(0), w_.data(), losses_.data(), w_.size()};
      scores.pool.threads = threads;
      f.scores(scores);
      break;
    }
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
double Data<T>::predicted(const Implementation& implementation, int threads) {
  const Functions<T>& f = implementation.functions<T>();
  if (!f.predicted || workload_.kind != Kind::pool)
    return workload_.kind == Kind::prepared_pool ? 0 : 0.15e-9 * sizeof(T) * workload_.pairs() / threads;
  Pool<T> p = problem(0);
  p.threads = threads;
  return f.predicted(p);
}

template <class T>
bool Data<T>::has_a_better_plan() {
  const Workload& w = workload_;
  if ((w.kind != Kind::pool && w.kind != Kind::gradient) || w.problems > 1 || w.query_count == 1) return false;
  const Pool<T> p = problem(0);
  return ours.functions<T>().predicted(p) < ours_dense.functions<T>().predicted(p);
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
    case Kind::scores:
      for (std::size_t i = 0; i < checked_.size(); ++i)
        error = worst(error, static_cast<double>(std::abs(losses_[checked_[i]] - expected_[i]) / expected_[i]));
      return error;
    case Kind::pool:
    case Kind::prepared_pool: {
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
