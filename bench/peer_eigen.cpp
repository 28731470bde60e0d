// Eigen as its users write it: array expressions in one dimension, matrix products in blocks otherwise.
#define EIGEN_DONT_PARALLELIZE  // the threads are ours, as for every peer
#include <Eigen/Core>

#include "peer.hpp"

namespace {

using bench::Gradient;
using bench::Pool;
using bench::Softmax;
using Eigen::Dynamic;
using Eigen::Index;

template <class T>
using Array = Eigen::Array<T, Dynamic, 1>;
template <class T>
using Matrix = Eigen::Matrix<T, Dynamic, Dynamic, Eigen::RowMajor>;
template <class T>
using Row = Eigen::Matrix<T, 1, Dynamic>;

Index index(std::size_t n) { return static_cast<Index>(n); }

template <class T>
void pool_one_dimension(const Pool<T>& p) {
  const Eigen::Map<const Array<T>> keys(p.keys, index(p.key_count)), values(p.values, index(p.key_count));
  const T c = static_cast<T>(-0.5 * p.w * p.w);
#pragma omp parallel num_threads(p.threads) if (p.threads > 1)
  {
    Array<T> e(keys.size());
#pragma omp for schedule(static)
    for (std::size_t q = 0; q < p.query_count; ++q) {
      e = ((keys - p.queries[q]).square() * c).exp();
      p.out[q] = (e * values).sum() / e.sum();
    }
  }
}

template <class T>
void pool_one_query(const Pool<T>& p) {
  const Eigen::Map<const Matrix<T>> keys(p.keys, index(p.key_count), index(p.dims)),
      values(p.values, index(p.key_count), index(p.value_cols));
  const Eigen::Map<const Row<T>> query(p.queries, index(p.dims));
  const T c = static_cast<T>(-0.5 * p.w * p.w);
  Eigen::Map<Row<T>> out(p.out, index(p.value_cols));
  T total = 0;
  out.setZero();
#pragma omp parallel num_threads(p.threads) if (p.threads > 1)
  {
    constexpr Index length = 512;  // of scores, kept in L1
    Array<T> e(length);
    Row<T> sum = Row<T>::Zero(out.size());
    T weight = 0;
#pragma omp for schedule(static)
    for (Index k = 0; k < keys.rows(); k += length) {
      const Index m = std::min(length, keys.rows() - k);
      for (Index i = 0; i < m; ++i) e[i] = (keys.row(k + i) - query).squaredNorm();
      e.head(m) = (e.head(m) * c).exp();
      weight += e.head(m).sum();
      sum.noalias() += e.head(m).matrix().transpose() * values.middleRows(k, m);
    }
#pragma omp critical
    {
      out += sum;
      total += weight;
    }
  }
  out /= total;
}

template <class T>
void pool_matrix(const Pool<T>& p) {
  const Eigen::Map<const Matrix<T>> queries(p.queries, index(p.query_count), index(p.dims)),
      keys(p.keys, index(p.key_count), index(p.dims)), values(p.values, index(p.key_count), index(p.value_cols));
  Eigen::Map<Matrix<T>> out(p.out, index(p.query_count), index(p.value_cols));
  const T w2 = static_cast<T>(p.w * p.w);
  const Array<T> key_bias = keys.rowwise().squaredNorm().array() * (T(-0.5) * w2);
  constexpr Index block = 64;
#pragma omp parallel num_threads(p.threads) if (p.threads > 1)
  {
    Matrix<T> scores(block, keys.rows());
#pragma omp for schedule(static)
    for (Index q = 0; q < queries.rows(); q += block) {
      const Index m = std::min(block, queries.rows() - q);
      scores.topRows(m).noalias() = (queries.middleRows(q, m) * w2) * keys.transpose();
      for (Index i = 0; i < m; ++i) {
        const T bias = T(-0.5) * w2 * queries.row(q + i).squaredNorm();
        scores.row(i).array() = (scores.row(i).array() + (key_bias.transpose() + bias)).exp();
      }
      const Array<T> sum = scores.topRows(m).rowwise().sum();
      out.middleRows(q, m).noalias() = scores.topRows(m) * values;
      out.middleRows(q, m).array().colwise() /= sum;
    }
  }
}

template <class T>
void pool(const Pool<T>& p) {
  if (p.query_count == 1) {
    pool_one_query(p);
  } else if (p.dims == 1 && p.value_cols == 1) {
    pool_one_dimension(p);
  } else {
    pool_matrix(p);
  }
}

template <class T>
void gradient(Gradient<T>& g) {  // D = V = 1
  const Pool<T>& p = g.pool;
  const Eigen::Map<const Array<T>> keys(p.keys, index(p.key_count)), values(p.values, index(p.key_count));
  const T c = static_cast<T>(-0.5 * p.w * p.w);
  double loss = 0, slope = 0;
#pragma omp parallel num_threads(p.threads) if (p.threads > 1) reduction(+ : loss, slope)
  {
    Array<T> square(keys.size()), e(keys.size());
#pragma omp for schedule(static)
    for (std::size_t q = 0; q < p.query_count; ++q) {
      square = (keys - p.queries[q]).square();
      e = (square * c).exp();
      const T total = e.sum(), out = (e * values).sum() / total;
      const double residual = static_cast<double>(out) - static_cast<double>(g.targets[q]);
      loss += residual * residual;
      slope += 2 * residual * static_cast<double>(-(e * square * (values - out)).sum() / total);
    }
  }
  const double n = static_cast<double>(p.query_count);
  g.loss = loss / n;
  g.gradient = slope * p.w / n;
}

template <class T>
void softmax(const Softmax<T>& s) {
#pragma omp parallel for schedule(static) num_threads(s.threads) if (s.threads > 1)
  for (std::size_t r = 0; r < s.rows; ++r) {
    const Eigen::Map<const Array<T>> x(s.scores + r * s.cols, index(s.cols));
    Eigen::Map<Array<T>> y(s.out + r * s.cols, index(s.cols));
    const T max = x.maxCoeff();
    y = (x - max).exp();
    y *= 1 / y.sum();
  }
}

template <class T>
void exp(const T* x, T* out, std::size_t count) {
  Eigen::Map<Array<T>>(out, index(count)) = Eigen::Map<const Array<T>>(x, index(count)).exp();
}

}  // namespace

namespace bench {
constinit const Implementation eigen_peer = {.name = "Eigen expression",
                                             .isa = "avx2",
                                             .f32 = {pool<float>, gradient<float>, softmax<float>, exp<float>},
                                             .f64 = {pool<double>, gradient<double>, softmax<double>, exp<double>}};
}
