// Views and key ranges: the definition of each range, and pool(), attention_weights() and PoolState seeing exactly
// those keys.
#include <attnpool/state.hpp>
#include <limits>

#include "isa_param.hpp"
#include "problem.hpp"

namespace attnpool::test {
namespace {

class Range : public IsaTest {};
ATTNPOOL_ON_EVERY_ISA(Range);

struct NamedRange {
  const char* name;
  KeyRange range;
  bool (*sees)(std::ptrdiff_t query, std::ptrdiff_t key);  // written out, not taken from the library
};
const NamedRange ranges[] = {
    {"all", KeyRange::all(), [](std::ptrdiff_t, std::ptrdiff_t) { return true; }},
    {"first 0", KeyRange::first(0), [](std::ptrdiff_t, std::ptrdiff_t) { return false; }},
    {"first 1", KeyRange::first(1), [](std::ptrdiff_t, std::ptrdiff_t k) { return k < 1; }},
    {"first 19", KeyRange::first(19), [](std::ptrdiff_t, std::ptrdiff_t k) { return k < 19; }},
    {"first 1000000", KeyRange::first(1'000'000), [](std::ptrdiff_t, std::ptrdiff_t) { return true; }},
    {"causal", KeyRange::causal(), [](std::ptrdiff_t q, std::ptrdiff_t k) { return k <= q; }},
    {"causal +5", KeyRange::causal(5), [](std::ptrdiff_t q, std::ptrdiff_t k) { return k <= q + 5; }},
    {"causal -3", KeyRange::causal(-3), [](std::ptrdiff_t q, std::ptrdiff_t k) { return k <= q - 3; }},
    {"window 0 0", KeyRange::window(0, 0), [](std::ptrdiff_t q, std::ptrdiff_t k) { return k == q; }},
    {"window 2 1", KeyRange::window(2, 1), [](std::ptrdiff_t q, std::ptrdiff_t k) { return k >= q - 2 && k <= q + 1; }},
    {"window 40 9", KeyRange::window(40, 9),
     [](std::ptrdiff_t q, std::ptrdiff_t k) { return k >= q - 40 && k <= q + 9; }},
    {"all but self", KeyRange::all_but_self(), [](std::ptrdiff_t q, std::ptrdiff_t k) { return k != q; }},
    {"all but self +7", KeyRange::all_but_self(7), [](std::ptrdiff_t q, std::ptrdiff_t k) { return k != q + 7; }},
    {"all but self -4", KeyRange::all_but_self(-4), [](std::ptrdiff_t q, std::ptrdiff_t k) { return k != q - 4; }},
};

TEST(RangeDefinition, ContainsIsTheSentenceOfTheHeader) {
  for (const NamedRange& r : ranges)
    for (std::size_t key_count : {0, 1, 2, 5, 20, 50})
      for (std::size_t q = 0; q < 60; ++q) {
        const std::size_t begin = r.range.begin(q, key_count), end = r.range.end(q, key_count);
        EXPECT_LE(begin, end) << r.name;
        EXPECT_LE(end, key_count) << r.name;
        const std::size_t excluded = r.range.excluded(q, key_count);
        EXPECT_TRUE(excluded == KeyRange::none || excluded < key_count) << r.name;
        for (std::size_t k = 0; k < key_count; ++k) {
          const bool want = r.sees(static_cast<std::ptrdiff_t>(q), static_cast<std::ptrdiff_t>(k));
          ASSERT_EQ(r.range.contains(q, k, key_count), want) << r.name << " K=" << key_count << " " << at(q, k);
          ASSERT_EQ(k >= begin && k < end && k != excluded, want) << r.name << " K=" << key_count << " " << at(q, k);
        }
      }
}

TEST(RangeDefinition, SaysWhetherQueriesDiffer) {
  EXPECT_TRUE(KeyRange::all().is_same_for_all_queries());
  EXPECT_TRUE(KeyRange::first(3).is_same_for_all_queries());
  EXPECT_FALSE(KeyRange::causal().is_same_for_all_queries());
  EXPECT_FALSE(KeyRange::window(1, 1).is_same_for_all_queries());
  for (const KeyRange& range : {KeyRange::all(), KeyRange::first(7), KeyRange::causal(), KeyRange::causal(-3),
                                KeyRange::window(4, 2), KeyRange::all_but_self(), KeyRange::all_but_self(2)})
    for (const std::size_t shift : {0, 1, 9, 30})
      for (std::size_t q = 0; q < 20; ++q)
        for (std::size_t k = 0; k < 25; ++k)
          EXPECT_EQ(range.shifted(static_cast<std::ptrdiff_t>(shift)).contains(q, k, 25),
                    range.contains(q + shift, k, 25))
              << "shift " << shift << " query " << q << " key " << k;
  EXPECT_FALSE(KeyRange::all_but_self().is_same_for_all_queries());
  EXPECT_TRUE(KeyRange::all_but_self().excludes_self());
  EXPECT_FALSE(KeyRange::causal().excludes_self());
}

TEST(RangeDefinition, ViewsAreRowMajorAndConvertToConst) {
  float data[] = {0, 1, 2, 3, 4, 5, 6, 7};
  const MatrixView<float> view(data, 2, 3, 5);
  EXPECT_EQ(view(1, 2), 7);
  EXPECT_EQ(view.row(1), data + 5);
  const MatrixView<const float> input = view;
  EXPECT_EQ(&input(1, 2), &view(1, 2));
  EXPECT_EQ((MatrixView<float>(data, 2, 3).row_stride), 3u);
  EXPECT_EQ(MatrixView<float>().data, nullptr);
  static_assert(!std::is_convertible_v<MatrixView<const float>, MatrixView<float>>);
  static_assert(!std::is_convertible_v<MatrixView<double>, MatrixView<const float>>);
}

template <class T, class Check>
void for_each_problem(Check check) {
  for (const NamedRange& r : ranges)
    for (const std::size_t query_count : {1, 5, 17, 40})
      for (const std::size_t key_count : {1, 2, 16, 23, 40, 300})
        for (const std::size_t dims : {1, 2}) {
          auto problem = Problem<T>::random(query_count, key_count, dims, 2);
          problem.options.range = r.range;
          SCOPED_TRACE(r.name);
          check(problem, r);
        }
}

TEST_P(Range, PoolSeesExactlyTheseKeys) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for_each_problem<T>([](const Problem<T>& problem, const NamedRange&) { expect_pooled(problem, problem.pool()); });
  });
}

TEST_P(Range, ManyKeysAndFewQueries) {  // where the keys are split into chunks, each chunk sees its part of the range
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const NamedRange& r : ranges)
      for (const std::size_t query_count : {1, 3, 20}) {
        auto problem = Problem<T>::random(query_count, scaled(12'345, 500), 1, 1);
        problem.options.range = r.range;
        SCOPED_TRACE(r.name);
        expect_pooled(problem, problem.pool());
      }
  });
}

// Side by side in a register, queries whose ranges begin or end in different tiles of 96 keys.
TEST_P(Range, RangesEndInDifferentTiles) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const NamedRange& r : ranges)
      for (const std::size_t dims : {1, 3, 5})
        for (const std::size_t cols : {1, 2}) {
          auto problem = Problem<T>::random(300, 300, dims, cols);
          problem.options.range = r.range;
          SCOPED_TRACE(r.name);
          expect_pooled(problem, problem.pool());
        }
  });
}

// NaN and infinities where nobody looks do no harm. (Values are centred on the middle of the column's finite entries,
// so the last bits may move when an entry is no longer finite.)
TEST_P(Range, ValuesOutsideAreNotRead) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const T poison : {std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()})
      for_each_problem<T>([&](const Problem<T>& clean, const NamedRange& r) {
        const auto clean_out = clean.pool();
        for (std::size_t k = 0; k < clean.keys.rows(); k += 1 + clean.keys.rows() / 5) {
          Problem<T> problem = clean;
          problem.values(k, 0) = problem.values(k, 1) = poison;
          const auto out = problem.pool();
          Mismatches mismatches("poisoned key " + std::to_string(k) + ", " + problem.shape());
          for (std::size_t q = 0; q < out.rows(); ++q) {
            const bool sees = r.sees(static_cast<std::ptrdiff_t>(q), static_cast<std::ptrdiff_t>(k));
            const bool blind = std::isnan(out(q, 0)) && std::isnan(clean_out(q, 0));             // sees nothing at all
            const double allowed = 2 * pool_error<T>(problem.keys.cols(), reach(clean, q)) * 2;  // values in [-1, 1]
            if (sees) {
              mismatches.check(!std::isfinite(out(q, 0)), q, out(q, 0), "NaN or infinite");
            } else if (!blind) {
              mismatches.check(std::abs(double(out(q, 0)) - double(clean_out(q, 0))), allowed, q, out(q, 0),
                               clean_out(q, 0));
            }
          }
        }
      });
  });
}

TEST_P(Range, WeightsOutsideAreZero) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for_each_problem<T>([](const Problem<T>& problem, const NamedRange& r) {
      const std::size_t keys = problem.keys.rows();
      Matrix<T> weights(problem.queries.rows(), keys);
      attention_weights<T>(problem.queries, problem.keys, problem.score, weights.view(), problem.options);
      Mismatches mismatches("attention_weights " + problem.shape());
      for (std::size_t q = 0; q < weights.rows(); ++q) {
        const OracleRow<T> row(problem.queries, q, problem.keys, problem.score, problem.options.range);
        Real sum = 0;
        std::size_t next = 0;  // in row.visible
        for (std::size_t k = 0; k < keys; ++k) {
          sum += weights(q, k);
          const bool sees = r.sees(static_cast<std::ptrdiff_t>(q), static_cast<std::ptrdiff_t>(k));
          if (sees) {
            const Real want = row.p[next++];
            mismatches.check(std::abs(double(weights(q, k) - want)),
                             pool_error<T>(problem.keys.cols(), reach(problem, q)), at(q, k), weights(q, k), want);
          } else {
            mismatches.check(weights(q, k) == 0, at(q, k), weights(q, k), 0);
          }
        }
        if (!row.visible.empty())
          mismatches.check(std::abs(double(sum - 1)), (softmax_error + static_cast<double>(keys) / 4096) * epsilon<T>,
                           q, sum, 1);
      }
    });
  });
}

TEST_P(Range, LeaveOneOutIsPoolWithoutThatKey) {  // against keys really copied without one
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    auto problem = Problem<T>::random(30, 30, 2, 1);
    problem.queries = problem.keys;
    problem.options.range = KeyRange::all_but_self();
    const auto out = problem.pool();
    for (std::size_t q = 0; q < 30; ++q) {
      Problem<T> without{Matrix<T>(1, 2), Matrix<T>(29, 2), Matrix<T>(29, 1), problem.score};
      for (std::size_t d = 0; d < 2; ++d) without.queries(0, d) = problem.keys(q, d);
      for (std::size_t k = 0; k < 29; ++k) {
        const std::size_t source = k + (k >= q);
        for (std::size_t d = 0; d < 2; ++d) without.keys(k, d) = problem.keys(source, d);
        without.values(k, 0) = problem.values(source, 0);
      }
      expect_pooled<T>(without, MatrixView<const T>{&out(q, 0), 1, 1}, 1.5);  // the centre of the box moves a little
    }
  });
}

TEST_P(Range, AQueryThatSeesNoKeyHasNoAnswer) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    for (const KeyRange range : {KeyRange::first(0), KeyRange::causal(-50), KeyRange::all_but_self()}) {
      auto problem = Problem<T>::random(20, 1, 1, 3);
      problem.options.range = range;
      const auto out = problem.pool();
      for (std::size_t q = 0; q < 20; ++q)
        for (std::size_t v = 0; v < 3; ++v)
          EXPECT_EQ(std::isnan(out(q, v)), !range.contains(q, 0, 1)) << at(q, v) << " " << out(q, v);
    }
  });
}

}  // namespace
}  // namespace attnpool::test
