// Which plan is chosen, what layouts must not take the grid away, and what options are refused.
#include <attnpool/pool_plan.hpp>

#include "certificates.hpp"
#include "isa_param.hpp"
#include "layouts.hpp"

namespace attnpool::test {
namespace {

TEST(Plan, IsChosenByCost) {
  const auto chosen = [](const Problem<double>& p) {
    return explain<double>(p.queries, p.keys, p.values, p.score, p.options).algorithm;
  };
  auto problem = Problem<double>::random(100, 100);
  EXPECT_EQ(chosen(problem), Algorithm::dense);
  problem = Problem<double>::random(50'000, 50'000);
  EXPECT_EQ(chosen(problem), Algorithm::grid);
  problem.score = Gaussian(1e6);  // most keys a bandwidth or more apart
  EXPECT_EQ(chosen(problem), Algorithm::pruned);
  problem.options.range = KeyRange::causal();
  EXPECT_EQ(chosen(problem), Algorithm::dense);
  problem = Problem<double>::random(20'000, 20'000, 8);
  problem.score = Gaussian(0.01);  // every key counts
  EXPECT_EQ(chosen(problem), Algorithm::dense);
  problem.options.algorithm = Algorithm::pruned;
  const Explanation e = explain<double>(problem.queries, problem.keys, problem.values, problem.score, problem.options);
  EXPECT_TRUE(e.forced);
  EXPECT_EQ(e.algorithm, Algorithm::pruned);
  EXPECT_EQ(e.costs.size(), 4u);
  EXPECT_EQ(e.extent.size(), 8u);
  EXPECT_NE(e.text().find("pruned, as asked"), std::string::npos) << e.text();
}

TEST(Plan, OneFarOutlierDoesNotTakeTheGridAway) {
  auto problem = problem_of<double>(Layout::outlier, scaled(20'000, 500), scaled(50'000, 3000));
  problem.keys(7, 0) = 1e12;
  problem.score = Gaussian(20.0);
  const Answer<double> a = answer(problem);
  EXPECT_EQ(a.report.algorithm, Algorithm::grid);
  EXPECT_LT(a.report.fallback_queries, problem.queries.rows() * 3 / 10);  // queries beyond the keys' ends among them
  auto dense = problem;
  dense.options.algorithm = Algorithm::dense;
  const auto want = dense.pool();
  for (std::size_t q = 0; q < problem.queries.rows(); ++q) ASSERT_NEAR(a.out(q, 0), want(q, 0), 1e-10) << q;
}

// What looks odd along an axis that does not count takes no query from the grid.
TEST(Plan, ADimensionWithoutInfluenceHandsNothingOver) {
  auto problem = problem_of<double>(Layout::uniform, scaled(2'000, 50), scaled(20'000, 2000), 2);
  problem.keys(7, 1) = 1e12;
  problem.score = Gaussian({20.0, 0.0});
  problem.options.algorithm = Algorithm::grid;
  const Answer<double> a = answer(problem);
  EXPECT_LT(a.report.fallback_queries, problem.queries.rows() * 3 / 10);
  expect_within_bounds(problem, a, "w of one dimension is 0");
}

// Seconds since 1970, for instance, and a bandwidth of one: boxes lie 10^9 of their widths from 0.
TEST(Plan, KeysFarFromZeroKeepTheGrid) {
  auto problem = problem_of<double>(Layout::uniform, scaled(500, 100), scaled(20'000, 2000));
  for (std::size_t k = 0; k < problem.keys.rows(); ++k) problem.keys(k, 0) = 1.6e9 + 100 * problem.keys(k, 0);
  for (std::size_t q = 0; q < problem.queries.rows(); ++q) problem.queries(q, 0) = 1.6e9 + 100 * problem.queries(q, 0);
  problem.options.algorithm = Algorithm::grid;
  const Answer<double> a = answer(problem);
  EXPECT_LT(a.report.fallback_queries, problem.queries.rows() * 3 / 10);
  expect_within_bounds(problem, a, "far from zero");
}

// Half of the keys in one place make a long sum, which must not cost the certificate.
TEST(Plan, ManyTiesKeepTheGrid) {
  auto problem = problem_of<double>(Layout::uniform, scaled(200, 100), scaled(1'000'000, 5'000));
  for (std::size_t k = 0; k < problem.keys.rows(); k += 2) problem.keys(k, 0) = 2.5;
  problem.score = Gaussian(50.0);
  problem.options.algorithm = Algorithm::grid;
  const Answer<double> a = answer(problem);
  EXPECT_LT(a.report.fallback_queries, problem.queries.rows() * 3 / 10);
  expect_within_bounds(problem, a, "half of them tied");
}

TEST(Plan, ChoosingSurvivesQueriesThatAreNotNumbers) {
  auto problem = problem_of<double>(Layout::uniform, scaled(3'000, 100), scaled(30'000, 10'000));
  for (std::size_t q = 0; q < problem.queries.rows(); ++q)
    if (q % 3 != 0) problem.queries(q, 0) = nan;
  const Answer<double> a = answer(problem);
  EXPECT_TRUE(std::isnan(a.out(1, 0)));
  EXPECT_NEAR(a.out(3, 0), static_cast<double>(weighted_oracle(problem, 3, 0)), 1e-10);
  problem.options.range = KeyRange::first(0);
  EXPECT_TRUE(
      explain<double>(problem.queries, problem.keys, problem.values, problem.score, problem.options).extent.empty());
}

void expect_message(const std::function<void()>& call, const std::string& want) {
  try {
    call();
    ADD_FAILURE() << "no error, want: " << want;
  } catch (const std::invalid_argument& error) {
    EXPECT_EQ(error.what(), want);
  }
}

TEST(Plan, BadOptionsAreNamed) {
  auto problem = Problem<double>::random(5, 6, 4);
  const auto with = [&](const std::function<void(Options&)>& change, const std::string& want) {
    auto bad = problem;
    change(bad.options);
    expect_message([&] { bad.pool(); }, want);
    expect_message([&] { explain<double>(bad.queries, bad.keys, bad.values, bad.score, bad.options); }, want);
  };
  const std::vector<double> five(5, 1.0), negative{1, 2, -3, 4, 5, 6}, not_finite{1, 2, 3, nan, 5, 6};
  std::vector<double> six(6);
  with([](Options& o) { o.algorithm = Algorithm::grid; }, "algorithm: grid needs at most 3 dimensions, got 4");
  with([](Options& o) { o.algorithm = static_cast<Algorithm>(9); },
       "algorithm: is not one of Algorithm's values, got 9");
  with(
      [](Options& o) {
        o.algorithm = Algorithm::pruned;
        o.range = KeyRange::causal();
      },
      "algorithm: pruned cannot serve a range of keys that follows the query");
  with([](Options& o) { o.tolerance = 1e-13; }, "tolerance: must be 0 (automatic) or in [1e-12, 0.1], got 1e-13");
  with([](Options& o) { o.tolerance = -1; }, "tolerance: must be 0 (automatic) or in [1e-12, 0.1], got -1");
  with([](Options& o) { o.tolerance = nan; }, "tolerance: must be 0 (automatic) or in [1e-12, 0.1], got nan");
  with([&](Options& o) { o.key_weights = five; }, "key_weights: must have one entry per key = 6, got 5");
  with([&](Options& o) { o.key_weights = negative; }, "key_weights[2]: must be finite and not negative, got -3");
  with([&](Options& o) { o.key_weights = not_finite; }, "key_weights[3]: must be finite and not negative, got nan");
  with([&](Options& o) { o.error_bounds = six; }, "error_bounds: must have one entry per query = 5, got 6");
  auto huge = Problem<double>::random(5, 6);
  huge.score = Gaussian(1e12);
  huge.options.algorithm = Algorithm::grid;
  EXPECT_THROW(huge.pool(), std::invalid_argument);
}

}  // namespace
}  // namespace attnpool::test
