// explain_pool(): names the instruction set, the form of the distances and the path that such a call takes.
#include "isa_param.hpp"
#include "problem.hpp"

namespace attnpool::test {
namespace {

class Explain : public IsaTest {};
ATTNPOOL_ON_EVERY_ISA(Explain);

template <class T>
std::string explanation(const Problem<T>& p) {
  return explain_pool<T>(p.queries, p.keys, p.values, p.score, p.options);
}
bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_P(Explain, NamesTheIsaAndTheForm) {
  for_float_and_double([](auto zero) {
    using T = decltype(zero);
    auto problem = Problem<T>::random(200, 300);
    EXPECT_TRUE(says(explanation(problem), "dense on " + std::string(to_string(active_isa())))) << explanation(problem);
    EXPECT_TRUE(says(explanation(problem), "scaled beforehand")) << explanation(problem);
    EXPECT_TRUE(says(explanation(problem), "4 of 4 blocks need no clamp")) << explanation(problem);
    problem.score = Gaussian(100.0);  // the keys now reach 250 bandwidths from their centre
    EXPECT_TRUE(says(explanation(problem), "raw, scaled after the subtraction")) << explanation(problem);
    EXPECT_TRUE(says(explanation(problem), "0 of 4 blocks need no clamp")) << explanation(problem);
    auto wide = Problem<T>::random(200, 300, 5, 3);
    wide.score = Gaussian(0.5);
    EXPECT_TRUE(says(explanation(wide), "as products")) << explanation(wide);
    EXPECT_TRUE(says(explanation(wide), "then 3 columns")) << explanation(wide);
  });
}

TEST_P(Explain, NamesThePassForFewQueries) {
  EXPECT_TRUE(says(explanation(Problem<float>::random(4, 32768)), "stream: few queries"));
  EXPECT_FALSE(says(explanation(Problem<float>::random(5, 32768)), "stream"));
  EXPECT_FALSE(says(explanation(Problem<float>::random(4, 32767)), "stream"));
}

TEST_P(Explain, RefusesWhatPoolRefuses) {
  auto problem = Problem<double>::random(3, 4);
  problem.keys(2, 0) = std::numeric_limits<double>::infinity();
  EXPECT_THROW(explanation(problem), std::invalid_argument);
}

}  // namespace
}  // namespace attnpool::test
