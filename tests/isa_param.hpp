#pragma once
// Every test of a routine is a product with the ISAs that run here; its name ends in the ISA.
#include <gtest/gtest.h>

#include <attnpool/isa.hpp>
#include <map>
#include <optional>
#include <string>

namespace attnpool::test {

/// Tests that really ran on each ISA in this process; main() prints it and holds it against ATTNPOOL_REQUIRE_ISA.
inline std::map<Isa, int>& tests_run() {
  static std::map<Isa, int> counts;
  return counts;
}

class IsaTest : public ::testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    scoped_.emplace(GetParam());
    ASSERT_EQ(active_isa(), GetParam());
    ++tests_run()[active_isa()];
  }
  void TearDown() override { scoped_.reset(); }

 private:
  std::optional<ScopedIsa> scoped_;
};

inline std::string isa_name(const ::testing::TestParamInfo<Isa>& info) { return to_string(info.param); }

}  // namespace attnpool::test

#define ATTNPOOL_ON_EVERY_ISA(Suite) \
  INSTANTIATE_TEST_SUITE_P(Isa, Suite, ::testing::ValuesIn(::attnpool::supported_isas()), ::attnpool::test::isa_name)
