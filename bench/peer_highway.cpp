// Highway in the common loop: its fast exp for x <= 0 where the release has one, else its exact exp.
#define HWY_COMPILE_ONLY_STATIC  // the flags of this file choose the target
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>
#if __has_include(<hwy/contrib/math/fast_math-inl.h>)
#include <hwy/contrib/math/fast_math-inl.h>
#define HIGHWAY_EXP FastExpMinusOrZero
#define HIGHWAY_NAME "Highway FastExpMinusOrZero loop"
#define HIGHWAY_NONPOSITIVE true
#else
#define HIGHWAY_EXP Exp
#define HIGHWAY_NAME "Highway Exp loop"
#define HIGHWAY_NONPOSITIVE false
#endif
namespace {
namespace hn = hwy::HWY_NAMESPACE;
struct Exp {
  static __m256 exp(__m256 x) {
    const hn::CappedTag<float, 8> d;
    return hn::HIGHWAY_EXP(d, hn::Vec<decltype(d)>{x}).raw;
  }
  static __m256d exp(__m256d x) {
    const hn::CappedTag<double, 4> d;
    return hn::HIGHWAY_EXP(d, hn::Vec<decltype(d)>{x}).raw;
  }
};
}  // namespace
#include "loops-inl.hpp"

namespace bench {
constinit const Implementation highway_peer = {.name = HIGHWAY_NAME,
                                               .isa = "avx2",
                                               .f32 = loops<float>(),
                                               .f64 = loops<double>(),
                                               .one_value_column = true,
                                               .nonpositive = HIGHWAY_NONPOSITIVE};
}
