// ISAs: listed, forced, demanded, never guessed; and the same bits within {scalar, sse2} and within {avx2, avx512,
// neon}.
#include <algorithm>
#include <attnpool/attnpool.hpp>
#include <bit>
#include <iostream>
#include <map>

#include "child.hpp"
#include "isa_param.hpp"
#include "problem.hpp"

namespace attnpool::test {
namespace {

const Isa every_isa[] = {Isa::scalar, Isa::sse2, Isa::avx2, Isa::avx512, Isa::neon};

bool contains(const std::vector<Isa>& isas, Isa isa) { return std::find(isas.begin(), isas.end(), isa) != isas.end(); }

TEST(Isa, NamesGoBothWays) {
  EXPECT_STREQ(to_string(Isa::scalar), "scalar");
  EXPECT_STREQ(to_string(Isa::sse2), "sse2");
  EXPECT_STREQ(to_string(Isa::avx2), "avx2");
  EXPECT_STREQ(to_string(Isa::avx512), "avx512");
  EXPECT_STREQ(to_string(Isa::neon), "neon");
  for (const Isa isa : supported_isas()) EXPECT_EQ(from_string<Isa>(to_string(isa)), isa);
}

TEST(Isa, SupportedAreCompiledAndWeakestFirst) {
  const auto compiled = compiled_isas(), supported = supported_isas();
  ASSERT_FALSE(supported.empty());
  EXPECT_EQ(compiled.front(), Isa::scalar);
  EXPECT_EQ(supported.front(), Isa::scalar);
  EXPECT_TRUE(std::is_sorted(compiled.begin(), compiled.end()));
  EXPECT_TRUE(std::is_sorted(supported.begin(), supported.end()));
  for (const Isa isa : supported) EXPECT_TRUE(contains(compiled, isa)) << to_string(isa);
#if defined(__x86_64__)
  EXPECT_TRUE(contains(supported, Isa::sse2));  // part of x86-64
#elif defined(__aarch64__)
  EXPECT_TRUE(contains(supported, Isa::neon));  // part of aarch64
#endif
}

TEST(Isa, WhatContinuousIntegrationDemandsIsHere) {
  const char* required = std::getenv("ATTNPOOL_REQUIRE_ISA");
  if (required == nullptr) GTEST_SKIP() << "ATTNPOOL_REQUIRE_ISA is not set";
  std::istringstream names(required);
  for (std::string isa; std::getline(names, isa, ',');) EXPECT_NO_THROW(from_string<Isa>(isa.c_str())) << isa;
}

TEST(Isa, AnUnknownNameListsWhatThereIs) {
  for (const char* bad : {"", "AVX2", "avx", "avx2 ", "mmx"}) {
    try {
      from_string<Isa>(bad);
      ADD_FAILURE() << "'" << bad << "' was accepted";
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find(bad), std::string::npos) << error.what();
      for (const Isa isa : supported_isas())
        EXPECT_NE(std::string(error.what()).find(to_string(isa)), std::string::npos) << error.what();
    }
  }
}

TEST(Isa, ScopesNest) {
  const Isa outside = active_isa();
  for (const Isa outer : supported_isas())
    for (const Isa inner : supported_isas()) {
      {
        ScopedIsa first(outer);
        EXPECT_EQ(active_isa(), outer);
        {
          ScopedIsa second(inner);
          EXPECT_EQ(active_isa(), inner);
        }
        EXPECT_EQ(active_isa(), outer);
      }
      EXPECT_EQ(active_isa(), outside);
    }
}

TEST(Isa, AnUnsupportedOneIsRefusedAndChangesNothing) {
  const Isa before = active_isa();
  for (const Isa isa : every_isa) {
    if (contains(supported_isas(), isa)) continue;
    EXPECT_THROW(ScopedIsa{isa}, std::invalid_argument) << to_string(isa);
    EXPECT_THROW(from_string<Isa>(to_string(isa)), std::invalid_argument) << to_string(isa);
    EXPECT_EQ(active_isa(), before);
  }
}

#define SKIP_UNLESS_STARTED(child) \
  if (!(child).started) GTEST_SKIP() << "a program cannot start itself here"

TEST(Isa, TheEnvironmentForcesOne) {
  for (const Isa isa : supported_isas()) {
    const ChildResult child = run_probe("isa", {std::string("ATTNPOOL_ISA=") + to_string(isa)});
    SKIP_UNLESS_STARTED(child);
    EXPECT_EQ(child.status, 0) << child.output;
    EXPECT_EQ(child.output, to_string(isa));
  }
}

TEST(Isa, WithoutItTheBestSupportedIsUsed) {
  const ChildResult child = run_probe("isa", {"ATTNPOOL_ISA="});
  SKIP_UNLESS_STARTED(child);
  EXPECT_EQ(child.output, to_string(supported_isas().back()));
}

TEST(Isa, AScopeIsStrongerThanTheEnvironment) {
  const ChildResult child = run_probe("scoped", {std::string("ATTNPOOL_ISA=") + to_string(supported_isas().back())});
  SKIP_UNLESS_STARTED(child);
  EXPECT_EQ(child.output, "scalar");
}

TEST(Isa, ABadEnvironmentFailsEveryCall) {
  std::vector<std::string> bad = {"mmx", "AVX2", "avx2,avx512"};
  for (const Isa isa : every_isa)
    if (!contains(supported_isas(), isa)) bad.push_back(to_string(isa));
  for (const std::string& value : bad)
    for (const char* what : thinned({"isa", "pool", "pool_gradient", "attention_weights", "loss_gradient", "fit",
                                     "update", "exp", "exp_nonpositive", "softmax", "log_sum_exp"})) {
      const ChildResult child = run_probe(what, {"ATTNPOOL_ISA=" + value});
      SKIP_UNLESS_STARTED(child);
      EXPECT_EQ(child.status, 3) << what << ": " << child.output;
      EXPECT_TRUE(child.output.starts_with("invalid_argument: ")) << what << ": " << child.output;
      for (const std::string& part : {std::string("ATTNPOOL_ISA"), value, std::string("scalar")})
        EXPECT_NE(child.output.find(part), std::string::npos) << what << ": " << child.output;
    }
}

// ---- the same bits -----------------------------------------------------------------------------

/// One hash per function over results that use every path: tails, ranges, several shapes, far queries. Inputs are the
/// same on every platform (inputs.hpp), so the hashes printed may be compared between machines at the same
/// ATTNPOOL_TEST_SCALE.
template <class T>
std::map<std::string, std::uint64_t> hashes() {
  std::map<std::string, std::uint64_t> result;
  {
    Hash all, nonpositive;
    std::vector<T> x(4096), out(4096);
    Random random(1);
    for (std::size_t block = 0; block < scaled(64, 4); ++block) {
      for (T& value : x) value = static_cast<T>(random.uniform(-110, 90) * (sizeof(T) == 4 ? 1 : 7));
      exp<T>(x.data(), out.data(), out.size());
      all.add(out.data(), out.size());
      for (T& value : x) value = -std::abs(value);
      exp_nonpositive<T>(x.data(), out.data(), out.size());
      nonpositive.add(out.data(), out.size());
    }
    result["exp"] = all.value();
    result["exp_nonpositive"] = nonpositive.value();
  }
  Hash soft, lse, pooled, weights, gradients, losses, states;
  for (std::size_t cols = 1; cols < 70; ++cols) {
    const auto scores = random_matrix<T>(3, cols, -9, 9, cols);
    Matrix<T> out(3, cols);
    softmax<T>(scores, out.view());
    soft.add(out);
    T sums[3];
    log_sum_exp<T>(scores, sums);
    lse.add(sums, 3);
  }
  for (const KeyRange range : {KeyRange::all(), KeyRange::causal(), KeyRange::window(3, 4), KeyRange::all_but_self()})
    for (const std::size_t query_count : {1, 7, 33, 70})
      for (const std::size_t key_count : {70, 300, 5000})
        for (const std::size_t dims : {1, 3, 6})
          for (const std::size_t cols : {1, 5}) {
            if (dims == 6 && key_count == 5000) continue;
            auto problem = Problem<T>::random(query_count, scaled(key_count, 70), dims, cols);
            for (std::size_t q = 5; q < query_count; q += 11)
              problem.queries(q, 0) = T(1e3) * static_cast<T>(q);  // far
            problem.options.range = range;
            std::vector<double> w = {0.7, 1.1, -0.4, 0.3, 0.2, 0.6};
            w.resize(dims);
            problem.score = dims == 1 ? Gaussian(3.7) : Gaussian(w);
            pooled.add(problem.pool());
            Matrix<T> out(query_count, cols), gradient(query_count, dims * cols), p(query_count, problem.keys.rows());
            pool_gradient<T>(problem.queries, problem.keys, problem.values, problem.score, out.view(), gradient.view(),
                             problem.options);
            gradients.add(out);
            gradients.add(gradient);
            attention_weights<T>(problem.queries, problem.keys, problem.score, p.view(), problem.options);
            weights.add(p);
            const auto targets = random_matrix<T>(query_count, cols, -1, 1, 99);
            const auto loss = loss_gradient<T>(problem.queries, problem.keys, problem.values, targets, problem.score,
                                               Loss::half_sum, problem.options);
            losses.add(&loss.loss, 1);
            losses.add(loss.gradient.data(), loss.gradient.size());
            PoolState<T> state(problem.queries, cols, problem.score);
            state.update(problem.keys.rows(0, 50), problem.values.rows(0, 50), problem.options);
            state.update(problem.keys, problem.values);
            state.finish(out.view());
            states.add(out);
          }
  result["softmax"] = soft.value();
  result["log_sum_exp"] = lse.value();
  result["attention_weights"] = weights.value();
  result["pool_gradient"] = gradients.value();
  result["loss_gradient"] = losses.value();
  result["PoolState"] = states.value();
  {  // few queries on many keys
    auto problem = Problem<T>::random(2, 33'000, 2, 3);
    problem.options.range = KeyRange::all_but_self(5);
    pooled.add(problem.pool());
    result["pool"] = pooled.value();
  }
  const auto data = Problem<T>::random(1, 100, 2, 1);
  FitOptions options;
  options.w0 = {0.8, 0.6};
  const FitResult fitted = fit<T>(data.keys, data.values, options);
  Hash fits;
  fits.add(fitted.w.data(), fitted.w.size());
  fits.add(fitted.losses.data(), fitted.losses.size());
  result["fit"] = fits.value();
  return result;
}

template <class T>
void expect_same_bits(const char* type) {
  const std::vector<std::pair<const char*, std::vector<Isa>>> families = {
      {"without FMA", {Isa::scalar, Isa::sse2}}, {"with FMA", {Isa::avx2, Isa::avx512, Isa::neon}}};
  const char* text = std::getenv("ATTNPOOL_ISA");  // forces one: that alone, for isa_matrix.py to compare
  const bool forced = text != nullptr && *text != 0;
  const Isa alone = active_isa();
  for (const auto& [family, members] : families) {
    std::map<std::string, std::uint64_t> first;
    const char* first_name = nullptr;
    for (const Isa isa : members) {
      if (!contains(supported_isas(), isa) || (forced && isa != alone)) continue;
      ScopedIsa scoped(isa);
      ++tests_run()[active_isa()];
      const auto got = hashes<T>();
      if (first_name == nullptr) {
        first = got, first_name = to_string(isa);
        for (const auto& [function, hash] : got)
          std::cout << "[ hash     ] " << function << '<' << type << "> " << family << ": " << std::hex << hash
                    << std::dec << '\n';
      }
      for (const auto& [function, hash] : got)
        EXPECT_EQ(hash, first[function]) << function << "<" << type << ">: " << to_string(isa) << " differs from "
                                         << first_name;
    }
  }
}

TEST(IsaBits, FloatIsTheSameWithinAFamily) { expect_same_bits<float>("float"); }
TEST(IsaBits, DoubleIsTheSameWithinAFamily) { expect_same_bits<double>("double"); }

TEST(Version, OfHeaderAndLibraryAgree) {
  EXPECT_EQ(std::string(version()), std::to_string(ATTNPOOL_VERSION_MAJOR) + "." +
                                        std::to_string(ATTNPOOL_VERSION_MINOR) + "." +
                                        std::to_string(ATTNPOOL_VERSION_PATCH));
  EXPECT_EQ(ATTNPOOL_VERSION, ATTNPOOL_VERSION_MAJOR * 10000 + ATTNPOOL_VERSION_MINOR * 100 + ATTNPOOL_VERSION_PATCH);
}

}  // namespace
}  // namespace attnpool::test
