// PoolState: any split of the keys into chunks, merged in any order, is pool() of all of them; failed calls leave no
// trace.
#include <attnpool/state.hpp>
#include <limits>
#include <numeric>
#include <type_traits>

#include "isa_param.hpp"
#include "problem.hpp"

namespace attnpool::test {
namespace {

class State : public IsaTest {};
ATTNPOOL_ON_EVERY_ISA(State);

template <class T>
PoolState<T> state_of(const Problem<T>& problem) {
  return PoolState<T>(problem.queries, problem.values.cols(), problem.score);
}
template <class T>
void update(PoolState<T>& state, const Problem<T>& problem, std::size_t first, std::size_t count) {
  state.update(problem.keys.rows(first, count), problem.values.rows(first, count));
}
template <class T>
Matrix<T> finished(const PoolState<T>& state) {
  Matrix<T> out(state.query_count(), state.value_cols());
  state.finish(out.view());
  return out;
}
template <class T>
std::vector<T> log_sum_exps(const PoolState<T>& state) {
  const GuardedBuffer<T> out(state.query_count());
  state.log_sum_exp(out.data());
  return std::vector<T>(out.data(), out.data() + out.size());
}

/// finish() and log_sum_exp() against the oracle over all keys of the problem. Each chunk has a bounding box of its
/// own, whose centre may lie twice as far from a coordinate as that of all keys, and the bound grows with the square of
/// the reach.
template <class T>
void expect_state(const PoolState<T>& state, const Problem<T>& problem) {
  expect_pooled(problem, finished(state), 4);
  const std::vector<T> lse = log_sum_exps(state);
  Mismatches mismatches("log_sum_exp " + problem.shape());
  for (std::size_t q = 0; q < problem.queries.rows(); ++q) {
    const OracleRow<T> row(problem.queries, q, problem.keys, problem.score, problem.options.range);
    // An error in every score moves a log-sum-exp by as much; pool_error() holds at least that error of the scores.
    const double allowed = 4 * pool_error<T>(problem.keys.cols(), reach(problem, q)) +
                           4 * epsilon<T> * (1 + std::abs(double(row.log_sum_exp)));
    mismatches.check(std::abs(double(lse[q] - row.log_sum_exp)), allowed, q, lse[q], row.log_sum_exp);
  }
}

TEST_P(State, ChunksOfAnySize) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const std::size_t query_count : {1, 3, 17, 40})
      for (const std::size_t cols : {1, 3}) {
        const auto problem = Problem<T>::random(query_count, 300, cols, cols);
        for (const std::size_t chunk : {1, 2, 7, 64, 128, 299, 300}) {
          PoolState<T> state = state_of(problem);
          for (std::size_t first = 0; first < 300; first += chunk)
            update(state, problem, first, std::min(chunk, 300 - first));
          expect_state(state, problem);
        }
      }
  });
}

TEST_P(State, ManyKeysInLargeChunks) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const auto problem = Problem<T>::random(5, scaled(30'000, 900), 1, 2);
    const std::size_t third = problem.keys.rows() / 3;
    PoolState<T> state = state_of(problem);
    for (int i = 0; i < 3; ++i) update(state, problem, i * third, third);
    update(state, problem, 3 * third, problem.keys.rows() - 3 * third);
    expect_state(state, problem);
  });
}

TEST_P(State, ChunksFarApartInScore) {  // the maximum jumps up or down from chunk to chunk, by more than e^x can bridge
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const bool upward : {true, false}) {
      Problem<T> problem = Problem<T>::random(9, 60, 1, 1);
      for (std::size_t k = 0; k < 60; ++k)
        problem.keys(k, 0) += T(upward ? 60 - 20.0 * static_cast<double>(k / 15) : 20.0 * static_cast<double>(k / 15));
      PoolState<T> state = state_of(problem);
      for (std::size_t first = 0; first < 60; first += 15) update(state, problem, first, 15);
      expect_state(state, problem);
    }
  });
}

TEST_P(State, MergeInAnyOrder) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const auto problem = Problem<T>::random(19, 200, 2, 2);
    const std::size_t ends[] = {0, 1, 30, 31, 120, 200};
    std::vector<int> order = {0, 1, 2, 3, 4};
    do {
      if ((order[0] + order[2]) % 2 == 1) continue;  // half of the 120 orders
      std::vector<PoolState<T>> parts;
      for (int i = 0; i < 5; ++i) {
        parts.push_back(state_of(problem));
        update(parts[i], problem, ends[i], ends[i + 1] - ends[i]);
      }
      parts[order[1]].merge(parts[order[0]]);  // ((1 + 0) + (3 + 2)) + 4, in this order of parts
      parts[order[3]].merge(parts[order[2]]);
      parts[order[3]].merge(parts[order[1]]);
      parts[order[4]].merge(parts[order[3]]);
      expect_state(parts[order[4]], problem);
    } while (std::next_permutation(order.begin(), order.end()));
  });
}

TEST_P(State, MergeIsCommutativeToRounding) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const auto problem = Problem<T>::random(19, 100, 1, 1);
    PoolState<T> a = state_of(problem), b = state_of(problem);
    update(a, problem, 0, 33);
    update(b, problem, 33, 67);
    PoolState<T> ab = a, ba = b;
    ab.merge(b);
    ba.merge(a);
    const auto left = finished(ab), right = finished(ba);
    for (std::size_t q = 0; q < 19; ++q) EXPECT_NEAR(left(q, 0), right(q, 0), 2 * epsilon<T>) << "q=" << q;
  });
}

TEST_P(State, EmptyStatesAreNeutral) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const auto problem = Problem<T>::random(5, 30, 1, 2);
    const PoolState<T> empty = state_of(problem);
    EXPECT_EQ(empty.query_count(), 5u);
    EXPECT_EQ(empty.value_cols(), 2u);
    const auto out = finished(empty);
    for (std::size_t q = 0; q < 5; ++q) {
      EXPECT_TRUE(std::isnan(out(q, 0)) && std::isnan(out(q, 1))) << "q=" << q;
      EXPECT_EQ(log_sum_exps(empty)[q], -std::numeric_limits<T>::infinity()) << "q=" << q;
    }
    PoolState<T> both_empty = empty;
    both_empty.merge(empty);
    EXPECT_TRUE(std::isnan(finished(both_empty)(0, 0)));

    PoolState<T> full = state_of(problem);
    update(full, problem, 0, 30);
    const auto want = finished(full);
    PoolState<T> full_and_empty = full, empty_and_full = empty;
    full_and_empty.merge(empty);
    empty_and_full.merge(full);
    EXPECT_TRUE(same_bits(finished(full_and_empty), want));
    EXPECT_TRUE(same_bits(finished(empty_and_full), want));
    update(full, problem, 30, 0);  // no keys: nothing happens
    EXPECT_TRUE(same_bits(finished(full), want));
  });
}

TEST_P(State, StaysUsableAfterFinish) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const auto problem = Problem<T>::random(7, 50, 1, 1);
    PoolState<T> state = state_of(problem), undisturbed = state_of(problem);
    update(state, problem, 0, 20);
    EXPECT_TRUE(same_bits(finished(state), finished(state)));
    update(state, problem, 20, 30);
    update(undisturbed, problem, 0, 20);
    update(undisturbed, problem, 20, 30);
    EXPECT_TRUE(same_bits(finished(state), finished(undisturbed)));
  });
}

TEST_P(State, OwnsItsQueries) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    auto problem = Problem<T>::random(7, 50, 2, 1);
    const auto queries = problem.queries;
    problem.queries = problem.queries.restrided(5);
    PoolState<T> state = state_of(problem);
    problem.queries.fill(std::numeric_limits<T>::quiet_NaN());
    update(state, problem, 0, 50);
    problem.queries = queries;
    expect_state(state, problem);
  });
}

TEST_P(State, RangesCountKeysOfTheChunk) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    auto problem = Problem<T>::random(20, 60, 1, 1);
    PoolState<T> state = state_of(problem);
    Options first;
    first.range = KeyRange::all_but_self();
    state.update(problem.keys.rows(0, 30), problem.values.rows(0, 30), first);
    state.update(problem.keys.rows(30, 30), problem.values.rows(30, 30));
    problem.options.range =
        KeyRange::all_but_self();  // of all 60 keys: the same, since queries 0 .. 19 lie in the first chunk
    expect_state(state, problem);
  });
}

TEST_P(State, NonFiniteQueriesAndValues) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    auto problem = Problem<T>::random(9, 40, 1, 2);
    problem.queries(4, 0) = std::numeric_limits<T>::quiet_NaN();
    problem.values(11, 1) = std::numeric_limits<T>::quiet_NaN();
    PoolState<T> state = state_of(problem);
    update(state, problem, 0, 20);
    update(state, problem, 20, 20);
    const auto out = finished(state);
    for (std::size_t q = 0; q < 9; ++q) {
      EXPECT_EQ(std::isnan(out(q, 0)), q == 4) << "q=" << q;
      EXPECT_FALSE(std::isfinite(out(q, 1))) << "q=" << q;
    }
  });
}

TEST_P(State, ThreadsDoNotChangeTheBits) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const std::size_t query_count : {3, 150}) {
      const auto problem = Problem<T>::random(query_count, scaled(1'500'000, 5000) / query_count, 1, 2);
      const std::size_t half = problem.keys.rows() / 2;
      Matrix<T> want;
      for (const int threads : {1, 2, 3, 16}) {
        Options options;
        options.threads = threads;
        PoolState<T> state = state_of(problem);
        state.update(problem.keys.rows(0, half), problem.values.rows(0, half), options);
        state.update(problem.keys.rows(half, half), problem.values.rows(half, half), options);
        if (threads == 1) want = finished(state);
        EXPECT_TRUE(same_bits(finished(state), want)) << threads << " threads, Q=" << query_count;
      }
    }
  });
}

TEST_P(State, AFailedCallLeavesTheStateAsItWas) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    const auto problem = Problem<T>::random(300, 4000, 1, 1);
    PoolState<T> state = state_of(problem);
    update(state, problem, 0, 10);
    const auto want = finished(state);
    const auto want_lse = log_sum_exps(state);

    auto poisoned = problem.keys;
    poisoned(3999, 0) = std::numeric_limits<T>::infinity();
    EXPECT_THROW(state.update(poisoned, problem.values), std::invalid_argument);
    EXPECT_THROW(state.update(problem.keys, problem.values.rows(0, 5)), std::invalid_argument);
    EXPECT_THROW(state.update(Matrix<T>(4000, 2), problem.values), std::invalid_argument);
    EXPECT_THROW(state.update(problem.keys, Matrix<T>(4000, 2)), std::invalid_argument);
    Options negative;
    negative.threads = -1;
    EXPECT_THROW(state.update(problem.keys, problem.values, negative), std::invalid_argument);
    EXPECT_THROW(state.merge(PoolState<T>(problem.queries.rows(0, 299), 1, problem.score)), std::invalid_argument);
    EXPECT_THROW(state.merge(PoolState<T>(problem.queries, 2, problem.score)), std::invalid_argument);
    EXPECT_THROW(state.merge(PoolState<T>(problem.queries, 1, Gaussian(2.0))), std::invalid_argument);
    EXPECT_THROW(state.merge(PoolState<T>(problem.keys.rows(0, 300), 1, problem.score)), std::invalid_argument);

    EXPECT_TRUE(same_bits(finished(state), want));
    EXPECT_EQ(log_sum_exps(state), want_lse);
  });
}

TEST_P(State, ACancelledUpdateLeavesTheStateAsItWas) {
  const auto problem = Problem<double>::random(2000, scaled(20'000, 10'000), 3, 1);
  PoolState<double> state = state_of(problem);
  update(state, problem, 0, 10);
  const auto want = finished(state);
  Options options;
  options.progress = [](double) { return false; };
  try {
    state.update(problem.keys, problem.values, options);
  } catch (const Cancelled&) {
    EXPECT_TRUE(same_bits(finished(state), want));
    EXPECT_EQ(log_sum_exps(state).size(), 2000u);
    return;
  }
  // Too fast to be asked: then all the keys are in. (test_progress.cpp holds that a long call does ask.)
  EXPECT_FALSE(same_bits(finished(state), want));
}

}  // namespace
}  // namespace attnpool::test
