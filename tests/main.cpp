// attnpool_tests [GoogleTest flags] [PROMISE...]: runs the tests of test_PROMISE.cpp, without a PROMISE all of them.
// Prints how many tests ran on each ISA, and fails if ATTNPOOL_REQUIRE_ISA ("avx2,avx512") names one that had none.
// attnpool_tests --probe NAME is the child process of the tests that need an environment of their own (child.hpp).
#include <attnpool/attnpool.hpp>
#include <iostream>
#include <sstream>

#include "child.hpp"
#include "isa_param.hpp"

namespace attnpool::test {
namespace {

class IsaReport : public ::testing::Environment {
  void TearDown() override {
    int total = 0;
    std::cout << "[ ISAs     ]";
    for (Isa isa : compiled_isas()) {
      std::cout << ' ' << to_string(isa) << ": " << tests_run()[isa];
      total += tests_run()[isa];
    }
    std::cout << " tests\n";
    const char* required = std::getenv("ATTNPOOL_REQUIRE_ISA");
    if (required == nullptr || total == 0) return;
    std::istringstream names(required);
    for (std::string isa; std::getline(names, isa, ',');)
      EXPECT_GT(tests_run()[from_string<Isa>(isa.c_str())], 0) << "no test ran on " << isa << " (ATTNPOOL_REQUIRE_ISA)";
  }
};

/// The GoogleTest filter for all tests of test_PROMISE.cpp; empty if there is no such file.
std::string filter_of(const std::string& promise) {
  const ::testing::UnitTest& tests = *::testing::UnitTest::GetInstance();
  const std::string ending = "/test_" + promise + ".cpp";
  std::string filter;
  for (int s = 0; s < tests.total_test_suite_count(); ++s) {
    const ::testing::TestSuite& suite = *tests.GetTestSuite(s);
    for (int t = 0; t < suite.total_test_count(); ++t)  // a suite may have tests in several files
      if (const ::testing::TestInfo& test = *suite.GetTestInfo(t); ("/" + std::string(test.file())).ends_with(ending))
        filter += std::string(suite.name()) + "." + test.name() + ":";
  }
  return filter;
}

}  // namespace
}  // namespace attnpool::test

int main(int argc, char** argv) {
  using namespace attnpool::test;
  if (argc == 3 && std::string(argv[1]) == "--probe") return probe(argv[2]);
  ::testing::InitGoogleTest(&argc, argv);
  std::string filter;
  for (int i = 1; i < argc; ++i) {
    const std::string tests = filter_of(argv[i]);
    if (tests.empty()) {
      std::cerr << "attnpool_tests: no tests in test_" << argv[i] << ".cpp\n";
      return 2;
    }
    filter += tests;
  }
  if (!filter.empty()) ::testing::GTEST_FLAG(filter) = filter;
  ::testing::AddGlobalTestEnvironment(new IsaReport);
  return RUN_ALL_TESTS();
}
