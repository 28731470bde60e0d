// select_bandwidth_batch(): the bits of select_bandwidth() of each problem alone, mistakes named with their problem.
#include <attnpool/options.hpp>
#include <attnpool/selection.hpp>
#include <cmath>
#include <limits>
#include <numeric>
#include <thread>

#include "isa_param.hpp"
#include "problem.hpp"

namespace attnpool::test {
namespace {

class SelectionBatch : public IsaTest {};
ATTNPOOL_ON_EVERY_ISA(SelectionBatch);

/// Series of the given lengths, one below the other.
template <class T>
struct Series {
  std::vector<std::size_t> offsets{0};
  Matrix<T> x, y;
  std::vector<double> weights;

  Series(const std::vector<std::size_t>& lengths, std::size_t dims, std::size_t cols = 1)
      : x(std::accumulate(lengths.begin(), lengths.end(), std::size_t{0}), dims), y(x.rows(), cols) {
    Random random(5);
    for (const std::size_t length : lengths) {
      const double frequency = random.uniform(2, 12);
      for (std::size_t i = offsets.back(); i < offsets.back() + length; ++i) {
        for (std::size_t d = 0; d < dims; ++d) x(i, d) = static_cast<T>(random.uniform(0, 1));
        for (std::size_t v = 0; v < cols; ++v)
          y(i, v) = static_cast<T>(std::sin(frequency * static_cast<double>(x(i, 0))) + random.uniform(-0.5, 0.5));
        weights.push_back(random.uniform(0.1, 3));
      }
      offsets.push_back(offsets.back() + length);
    }
  }
  std::size_t size() const { return offsets.size() - 1; }
  std::vector<Selection> selected(const SelectionOptions& options) const {
    return select_bandwidth_batch<T>(offsets, x, y, options);
  }
  Selection selected_alone(std::size_t i, SelectionOptions options) const {
    const std::size_t first = offsets[i], rows = offsets[i + 1] - first;
    if (!options.key_weights.empty()) options.key_weights = options.key_weights.subspan(first, rows);
    const In<T> keys = x, values = y;
    return select_bandwidth<T>({keys.row(first), rows, keys.cols, keys.row_stride},
                               {values.row(first), rows, values.cols, values.row_stride}, options);
  }
};

void expect_same(const Selection& got, const Selection& want, const std::string& where) {
  EXPECT_EQ(got.w, want.w) << where;
  EXPECT_EQ(got.rule_w, want.rule_w) << where;
  EXPECT_EQ(got.scale, want.scale) << where;
  EXPECT_TRUE(same_bits(got.value, want.value) && same_bits(got.rule_value, want.rule_value)) << where;
  EXPECT_TRUE(same_bits(got.leave_one_out, want.leave_one_out) && same_bits(got.gcv, want.gcv) &&
              same_bits(got.aicc, want.aicc) && same_bits(got.trace, want.trace) &&
              same_bits(got.r_squared, want.r_squared) && same_bits(got.residual_error, want.residual_error))
      << where;
  EXPECT_TRUE(got.bound == want.bound && got.converged == want.converged && got.cancelled == want.cancelled &&
              got.evaluations == want.evaluations)
      << where;
  ASSERT_EQ(got.curve.size(), want.curve.size()) << where;
  for (std::size_t i = 0; i < got.curve.size(); ++i)
    EXPECT_TRUE(same_bits(got.curve[i].factor, want.curve[i].factor) &&
                same_bits(got.curve[i].value, want.curve[i].value))
        << where;
  ASSERT_EQ(got.minima.size(), want.minima.size()) << where;
  for (std::size_t i = 0; i < got.minima.size(); ++i) {
    EXPECT_EQ(got.minima[i].w, want.minima[i].w) << where;
    EXPECT_TRUE(same_bits(got.minima[i].value, want.minima[i].value)) << where;
  }
}

template <class T>
void expect_bits_of_single_calls(const Series<T>& series, SelectionOptions options) {
  options.threads = 1;
  std::vector<Selection> want;
  for (std::size_t i = 0; i < series.size(); ++i) want.push_back(series.selected_alone(i, options));
  for (const int threads : {1, 2, 3, 7}) {
    options.threads = threads;
    const std::vector<Selection> got = series.selected(options);
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t i = 0; i < got.size(); ++i)
      expect_same(got[i], want[i], "problem " + std::to_string(i) + ", threads " + std::to_string(threads));
  }
}

TEST_P(SelectionBatch, EachProblemHasTheBitsOfItsOwnCall) {
  const std::vector<std::size_t> lengths{100, 2, 17, 64, 65, 300, 100, 5, 40, 33};
  for (const Criterion criterion : {Criterion::leave_one_out, Criterion::gcv, Criterion::aicc}) {
    SelectionOptions options;
    options.criterion = criterion;
    expect_bits_of_single_calls(Series<double>(lengths, 1), options);
  }
  const Series<float> several({20, 31, 12}, 2, 2);
  SelectionOptions options;
  options.key_weights = several.weights;
  expect_bits_of_single_calls(several, options);
  options.per_dimension = false;
  expect_bits_of_single_calls(several, options);
}

TEST_P(SelectionBatch, ProblemsOfOneLengthNeedTheirNumberOnly) {
  const Series<double> series(std::vector<std::size_t>(6, 30), 1);
  const std::vector<Selection> got = select_bandwidth_batch<double>(6, series.x, series.y), want = series.selected({});
  ASSERT_EQ(got.size(), 6u);
  for (std::size_t i = 0; i < 6; ++i) expect_same(got[i], want[i], "problem " + std::to_string(i));
}

TEST(SelectionBatches, LongProblemsHaveTheSameBitsToo) {
  expect_bits_of_single_calls(Series<double>({50, 9000, 60, 70}, 1), {});
  expect_bits_of_single_calls(Series<double>({9000}, 1), {});
}

TEST(SelectionBatches, NoProblemGivesNoSelection) {
  const Matrix<double> none(0, 1);
  EXPECT_TRUE(select_bandwidth_batch<double>(0, none, none).empty());
  EXPECT_TRUE(select_bandwidth_batch<double>(std::vector<std::size_t>{0}, none, none).empty());
}

template <class Call>
void expect_refusal(const Call& call, const std::string& want) {
  try {
    call();
    FAIL() << "no refusal: " << want;
  } catch (const std::invalid_argument& e) {
    EXPECT_EQ(e.what(), want);
  }
}

TEST(SelectionBatches, TheFirstBadProblemIsNamed) {
  for (const int threads : {1, 3}) {
    Series<double> series(std::vector<std::size_t>(40, 12), 1);
    SelectionOptions options;
    options.threads = threads;
    series.x(series.offsets[35] + 2, 0) = std::numeric_limits<double>::infinity();
    series.y(series.offsets[31] + 7, 0) = std::numeric_limits<double>::quiet_NaN();
    expect_refusal([&] { series.selected(options); }, "problem 31: values[7,0]: must be finite, got nan");
    options.key_weights = series.weights;
    series.weights[series.offsets[4] + 1] = -1;
    expect_refusal([&] { series.selected(options); }, "problem 4: key_weights[1]: must be finite and >= 0, got -1");
  }
  const Series<double> short_one({5, 1, 5}, 1), empty({5, 5, 0}, 1);
  expect_refusal([&] { short_one.selected({}); },
                 "problem 1: keys: selection needs at least two rows of positive weight, got 1");
  expect_refusal([&] { empty.selected({}); }, "problem 2: keys: must have at least one row, got 0");
}

TEST(SelectionBatches, OffsetsAndSizesAreChecked) {
  const Series<double> series({5, 5}, 1);
  const auto with = [&](std::vector<std::size_t> offsets) {
    return [&series, offsets] { select_bandwidth_batch<double>(offsets, series.x, series.y); };
  };
  expect_refusal(with({}), "offsets: must have one entry more than there are problems, got none");
  expect_refusal(with({1, 10}), "offsets[0]: must be 0, got 1");
  expect_refusal(with({0, 7, 5, 10}), "offsets[2]: must be at least the one before = 7, got 5");
  expect_refusal(with({0, 5, 9}), "offsets[2]: must be the number of rows of keys = 10, got 9");
  expect_refusal([&] { select_bandwidth_batch<double>(3, series.x, series.y); },
                 "keys: must have a multiple of count = 3 rows, got 10");
  expect_refusal([&] { select_bandwidth_batch<double>(0, series.x, series.y); },
                 "keys: must have a multiple of count = 0 rows, got 10");
  const std::vector<double> few(7, 1);
  expect_refusal([&] { series.selected({.key_weights = few}); },
                 "key_weights: must have one entry per key = 10, got 7");
  expect_refusal([&] { series.selected({.threads = -1}); }, "threads: must be 0 (automatic) or more, got -1");
}

TEST(SelectionBatches, ProgressIsToldOnTheCallingThreadAndStops) {
  const Series<double> series(std::vector<std::size_t>(3000, 300), 1);  // more than a second of work
  for (const int threads : {1, 2}) {
    const std::thread::id caller = std::this_thread::get_id();
    double last = 0;
    int told = 0;
    bool is_stopped = false;
    SelectionOptions options;
    options.threads = threads;
    options.progress = [&](double fraction) {
      EXPECT_FALSE(is_stopped);
      EXPECT_EQ(std::this_thread::get_id(), caller);
      EXPECT_TRUE(fraction >= last && fraction <= 1);
      last = fraction;
      is_stopped = ++told >= 2 && fraction > 0;  // once some are done, however slow the machine
      return !is_stopped;
    };
    const std::vector<Selection> stopped = series.selected(options);
    EXPECT_TRUE(is_stopped && told >= 2) << told;
    std::size_t cancelled = 0;
    for (const Selection& one : stopped) {
      cancelled += one.cancelled;
      ASSERT_EQ(one.w.size(), 1u);
      EXPECT_TRUE(one.cancelled || (one.w[0] >= 0 && one.value > 0));
    }
    EXPECT_TRUE(cancelled > 0 && cancelled < stopped.size()) << cancelled;
    EXPECT_TRUE(std::isnan(stopped.back().w[0]) && std::isnan(stopped.back().value));
  }
}

}  // namespace
}  // namespace attnpool::test
