// The library and its textbook reference, behind the same functions as the peers.
#include <attnpool/attnpool.hpp>

#include "peer.hpp"

namespace {

using attnpool::Gaussian;
using attnpool::Loss;
using bench::Gradient;
using bench::Pool;
using bench::Softmax;

template <class T, bool textbook>
void pool(const Pool<T>& p) {
  const attnpool::MatrixView<const T> queries(p.queries, p.query_count, p.dims), keys(p.keys, p.key_count, p.dims),
      values(p.values, p.key_count, p.value_cols);
  const attnpool::MatrixView<T> out(p.out, p.query_count, p.value_cols);
  if constexpr (textbook) {
    attnpool::reference::pool<T>(queries, keys, values, Gaussian(p.w), out);
  } else {
    attnpool::pool<T>(queries, keys, values, Gaussian(p.w), out, {.threads = p.threads});
  }
}

template <class T>
void pool_batch(std::size_t problems, const Pool<T>& p) {
  const std::size_t queries = problems * p.query_count, keys = problems * p.key_count;
  attnpool::pool_batch<T>(problems, {p.queries, queries, p.dims}, {p.keys, keys, p.dims},
                          {p.values, keys, p.value_cols}, Gaussian(p.w), {p.out, queries, p.value_cols},
                          {.threads = p.threads});
}

template <class T, bool textbook>
void gradient(Gradient<T>& g) {
  const Pool<T>& p = g.pool;
  const attnpool::MatrixView<const T> queries(p.queries, p.query_count, p.dims), keys(p.keys, p.key_count, p.dims),
      values(p.values, p.key_count, 1), targets(g.targets, p.query_count, 1);
  attnpool::LossAndGradient result;
  if constexpr (textbook) {
    result = attnpool::reference::loss_gradient<T>(queries, keys, values, targets, Gaussian(p.w), Loss::mean);
  } else {
    result =
        attnpool::loss_gradient<T>(queries, keys, values, targets, Gaussian(p.w), Loss::mean, {.threads = p.threads});
  }
  g.loss = result.loss;
  g.gradient = result.gradient[0];
}

template <class T, bool textbook>
void softmax(const Softmax<T>& s) {
  const attnpool::MatrixView<const T> scores(s.scores, s.rows, s.cols);
  const attnpool::MatrixView<T> out(s.out, s.rows, s.cols);
  if constexpr (textbook) {
    attnpool::reference::softmax<T>(scores, out);
  } else {
    attnpool::softmax<T>(scores, out, {.threads = s.threads});
  }
}

template <class T, bool textbook>
constexpr bench::Functions<T> functions() {
  return {pool<T, textbook>, gradient<T, textbook>, softmax<T, textbook>,
          textbook ? attnpool::reference::exp<T> : attnpool::exp<T>, textbook ? nullptr : pool_batch<T>};
}

}  // namespace

namespace bench {

constinit const Implementation ours = {
    .name = "attnpool", .isa = nullptr, .f32 = functions<float, false>(), .f64 = functions<double, false>()};

constinit const Implementation ours_nonpositive = {.name = "attnpool exp_nonpositive",
                                                   .isa = nullptr,
                                                   .f32 = {.exp = attnpool::exp_nonpositive<float>},
                                                   .f64 = {.exp = attnpool::exp_nonpositive<double>},
                                                   .nonpositive = true};

constinit const Implementation reference = {
    .name = "reference", .isa = "-", .f32 = functions<float, true>(), .f64 = functions<double, true>()};

}  // namespace bench
