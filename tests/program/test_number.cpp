#include <gtest/gtest.h>

#include <bit>
#include <cfloat>
#include <clocale>
#include <cstdint>
#include <random>

#include "base/number.hpp"

namespace attnpool::program::test {
namespace {

TEST(Number, TakesWhatPeopleWrite) {
  for (const auto& [text, value] : {std::pair{"1", 1.0},
                                    {"-1.5", -1.5},
                                    {"+2", 2.0},
                                    {" 3\t", 3.0},
                                    {"1e3", 1000.0},
                                    {".5", 0.5},
                                    {"5.", 5.0},
                                    {"-0", -0.0},
                                    {"1E-2", 0.01}}) {
    const ParsedNumber number = parse_number(text);
    EXPECT_EQ(number.complaint, nullptr) << text;
    EXPECT_EQ(std::bit_cast<std::uint64_t>(number.value), std::bit_cast<std::uint64_t>(value)) << text;
  }
}

TEST(Number, SaysWhyNot) {
  for (const auto& [text, complaint] : {std::pair{"", "is empty"},
                                        {"  ", "is empty"},
                                        {"abc", "is not a number"},
                                        {"1.5x", "is not a number"},
                                        {"+-1", "is not a number"},
                                        {"--1", "is not a number"},
                                        {"0x10", "is not a number"},
                                        {"1 2", "is not a number"},
                                        {"NA", "is not a number"},
                                        {"1,5", "is not a number (decimals take a point; --decimal , reads a comma)"},
                                        {"nan", "is not finite"},
                                        {"-inf", "is not finite"},
                                        {"Infinity", "is not finite"},
                                        {"1e999", "is out of the range of a double"}}) {
    EXPECT_STREQ(parse_number(text).complaint, complaint) << text;
  }
}

TEST(Number, ReadsBackToTheSameBits) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20000; ++i) {
    const double value = std::bit_cast<double>(random());
    if (!std::isfinite(value)) continue;
    const ParsedNumber number = parse_number(to_text(value));
    ASSERT_EQ(number.complaint, nullptr) << to_text(value);
    ASSERT_EQ(std::bit_cast<std::uint64_t>(number.value), std::bit_cast<std::uint64_t>(value));
    const auto narrow = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (!std::isfinite(narrow)) continue;
    ASSERT_EQ(static_cast<float>(parse_number(to_text(narrow)).value), narrow) << to_text(narrow);
  }
  for (const double value : {DBL_MIN, DBL_TRUE_MIN, DBL_MAX, 0.1, 1.0 / 3}) {
    EXPECT_EQ(parse_number(to_text(value)).value, value);
  }
}

TEST(Number, DoesNotDependOnTheLocale) {
  for (const char* locale : {"de_DE.UTF-8", "fr_FR.UTF-8", "C.UTF-8"}) std::setlocale(LC_ALL, locale);
  EXPECT_EQ(parse_number("1.5").value, 1.5);
  EXPECT_EQ(to_text(1.5), "1.5");
  std::setlocale(LC_ALL, "C");
}

TEST(Number, WholeNumbersHaveBounds) {
  unsigned long long value = 0;
  EXPECT_TRUE(parse_whole("18446744073709551615", 0, ~0ULL, value));
  EXPECT_EQ(value, ~0ULL);
  for (const char* text : {"", "-1", "+1", "1.0", "1e3", " 1", "18446744073709551616", "11"}) {
    EXPECT_FALSE(parse_whole(text, 2, 10, value)) << text;
  }
}

}  // namespace
}  // namespace attnpool::program::test
