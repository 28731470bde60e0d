// The library and its textbook reference, behind the same functions as the peers.
#include <attnpool/attnpool.hpp>
#include <cmath>
#include <vector>

#include "peer.hpp"

namespace {

using attnpool::Algorithm;
using attnpool::Gaussian;
using attnpool::Loss;
using bench::Gradient;
using bench::Pool;
using bench::Softmax;

template <class T>
struct Views {
  explicit Views(const Pool<T>& p)
      : queries(p.queries, p.query_count, p.dims),
        keys(p.keys, p.key_count, p.dims),
        values(p.values, p.key_count, p.value_cols),
        out(p.out, p.query_count, p.value_cols) {}
  attnpool::MatrixView<const T> queries, keys, values;
  attnpool::MatrixView<T> out;
};

template <class T>
attnpool::Options options(const Pool<T>& p, Algorithm algorithm) {
  attnpool::Options o{.algorithm = algorithm, .tolerance = p.tolerance, .threads = p.threads};
  if (p.leave_one_out) o.range = attnpool::KeyRange::all_but_self();
  return o;
}

template <class T, Algorithm algorithm>
void pool(const Pool<T>& p) {
  const Views<T> v(p);
  attnpool::pool<T>(v.queries, v.keys, v.values, Gaussian(p.w), v.out, options(p, algorithm));
}

template <class T>
void textbook_pool(const Pool<T>& p) {
  const Views<T> v(p);
  attnpool::reference::pool<T>(v.queries, v.keys, v.values, Gaussian(p.w), v.out);
}

template <class T>
void prepared_pool(const Pool<T>& p) {
  struct Kept {
    std::size_t data;
    attnpool::Isa isa;  // rounds alternate between ISAs
    attnpool::PoolPlan<T> keys;
  };
  static std::vector<Kept> all;
  std::erase_if(all, [&](const Kept& kept) { return kept.data != p.data; });
  const Views<T> v(p);
  const attnpool::Isa isa = attnpool::active_isa();
  auto it = all.begin();
  while (it != all.end() && it->isa != isa) ++it;
  if (it == all.end()) it = all.insert(it, Kept{p.data, isa, attnpool::PoolPlan<T>(v.keys, v.values)});
  it->keys.pool(v.queries, Gaussian(p.w), v.out, options(p, Algorithm::automatic));
}

template <class T>
void scores(const bench::Scores<T>& s) {
  const Views<T> v(s.pool);
  attnpool::PoolPlan<T> prepared(v.keys, v.values);
  for (std::size_t i = 0; i < s.count; ++i)
    s.losses[i] =
        prepared.leave_one_out(Gaussian(s.w[i]), Loss::mean, false, options(s.pool, Algorithm::automatic)).loss;
}

template <class T, Algorithm algorithm>
double predicted(const Pool<T>& p) {
  const Views<T> v(p);
  const attnpool::Explanation e =
      attnpool::explain<T>(v.queries, v.keys, v.values, Gaussian(p.w), options(p, Algorithm::automatic));
  const Algorithm chosen = algorithm == Algorithm::automatic ? e.algorithm : algorithm;
  for (const attnpool::Explanation::Cost& cost : e.costs)
    if (cost.algorithm == chosen && cost.possible) return cost.seconds;
  return HUGE_VAL;
}

template <class T>
void pool_batch(std::size_t problems, const Pool<T>& p) {
  const std::size_t queries = problems * p.query_count, keys = problems * p.key_count;
  attnpool::pool_batch<T>(problems, {p.queries, queries, p.dims}, {p.keys, keys, p.dims},
                          {p.values, keys, p.value_cols}, Gaussian(p.w), {p.out, queries, p.value_cols},
                          {.threads = p.threads});
}

template <class T, bool textbook, Algorithm algorithm = Algorithm::automatic>
void gradient(Gradient<T>& g) {
  const Pool<T>& p = g.pool;
  const attnpool::MatrixView<const T> queries(p.queries, p.query_count, p.dims), keys(p.keys, p.key_count, p.dims),
      values(p.values, p.key_count, 1), targets(g.targets, p.query_count, 1);
  attnpool::LossAndGradient result;
  if constexpr (textbook) {
    result = attnpool::reference::loss_gradient<T>(queries, keys, values, targets, Gaussian(p.w), Loss::mean);
  } else {
    result =
        attnpool::loss_gradient<T>(queries, keys, values, targets, Gaussian(p.w), Loss::mean, options(p, algorithm));
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

template <class T>
constexpr bench::Functions<T> textbook_functions() {
  return {textbook_pool<T>, gradient<T, true>, softmax<T, true>, attnpool::reference::exp<T>};
}

template <class T>
constexpr bench::Functions<T> functions() {
  return {pool<T, Algorithm::automatic>,
          gradient<T, false>,
          softmax<T, false>,
          attnpool::exp<T>,
          pool_batch<T>,
          prepared_pool<T>,
          scores<T>,
          predicted<T, Algorithm::automatic>};
}

template <class T, Algorithm algorithm>
constexpr bench::Functions<T> plan_functions() {
  return {.pool = pool<T, algorithm>, .gradient = gradient<T, false, algorithm>, .predicted = predicted<T, algorithm>};
}

}  // namespace

namespace bench {

constinit const Implementation ours = {
    .name = "attnpool", .isa = nullptr, .f32 = functions<float>(), .f64 = functions<double>(), .follows_options = true};

constinit const Implementation ours_dense = {.name = "attnpool dense",
                                             .isa = nullptr,
                                             .f32 = plan_functions<float, Algorithm::dense>(),
                                             .f64 = plan_functions<double, Algorithm::dense>(),
                                             .follows_options = true};

constinit const Implementation ours_pruned = {.name = "attnpool pruned",
                                              .isa = nullptr,
                                              .f32 = plan_functions<float, Algorithm::pruned>(),
                                              .f64 = plan_functions<double, Algorithm::pruned>(),
                                              .follows_options = true};

constinit const Implementation ours_nonpositive = {.name = "attnpool exp_nonpositive",
                                                   .isa = nullptr,
                                                   .f32 = {.exp = attnpool::exp_nonpositive<float>},
                                                   .f64 = {.exp = attnpool::exp_nonpositive<double>},
                                                   .nonpositive = true};

constinit const Implementation reference = {
    .name = "reference", .isa = "-", .f32 = textbook_functions<float>(), .f64 = textbook_functions<double>()};

}  // namespace bench
