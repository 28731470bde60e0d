// Everything that is compiled once per ISA, in one namespace named after it. The including file sets ATTNPOOL_ISA and
// the flags.
#include <cstddef>

#include "../src/routine_table.hpp"

namespace attnpool::ATTNPOOL_ISA {

using detail::BlockTask;
using detail::CellShape;
using detail::DistanceForm;
using detail::EvaluateTask;
using detail::factors_of;
using detail::farthest_difference;
using detail::grid_lanes;
using detail::is_local;
using detail::ladder_exponent;
using detail::ladder_lanes;
using detail::ladder_steps;
using detail::LadderTask;
using detail::largest_exponent;
using detail::lowess_lanes;
using detail::lowess_sums;
using detail::LowessBlockTask;
using detail::LowessTask;
using detail::MomentFactors;
using detail::Moments;
using detail::most_terms;
using detail::parameter_count;
using detail::planes_row;
using detail::query_block;
using detail::RowTask;
using detail::SpreadTask;
using detail::StreamTask;
using detail::tile_keys;
using detail::TranslateTask;

// Register tiles. In one dimension 4 registers of queries: enough independent chains to hide the latency of the
// polynomial (2 cost 4 % more, measured). In many dimensions, keys (value columns) at a time times 2 registers of
// queries: 12 sums, 2 operands and a broadcast fill 16 registers.
inline constexpr int narrow_registers = 4;
#if defined(__AVX512F__) || defined(__aarch64__)
inline constexpr int tile_of_keys = 8, tile_of_columns = 8;
#else
inline constexpr int tile_of_keys = 6, tile_of_columns = 6;
#endif

// Internal linkage: what is not inlined still cannot be shared with another ISA's object.
namespace {
#include "lanes-inl.hpp"
//
#include "exp-inl.hpp"
//
#include "softmax-inl.hpp"
//
#include "profile-inl.hpp"
//
#include "pool-inl.hpp"
//
#include "moments-inl.hpp"
//
#include "row-inl.hpp"
//
#include "stream-inl.hpp"
//
#include "grid-inl.hpp"
//
#include "ladder-inl.hpp"
//
#include "lowess-inl.hpp"

template <template <class> class Profile, class T>
constexpr typename detail::Routines<T>::OfProfile of_profile = {pool<Profile, T>, moments<Profile, T>};
}  // namespace

// The other profiles are compiled in an object of their own, beside the Gaussian's: the two take about as long. No template, since
// its instance would be a weak symbol.
extern const detail::Routines<float>::OfProfile profiles_f32[detail::profile_count];
extern const detail::Routines<double>::OfProfile profiles_f64[detail::profile_count];

#ifdef ATTNPOOL_OTHER_PROFILES
#define ATTNPOOL_PROFILES(T)                                                                                \
  {                                                                                                         \
    {}, /* the Gaussian's, in the other object */                                                           \
        of_profile<BoxcarProfile, T>, of_profile<TriangularProfile, T>, of_profile<EpanechnikovProfile, T>, \
        of_profile<BiweightProfile, T>, of_profile<TriweightProfile, T>, of_profile<TricubeProfile, T>,     \
        of_profile<CosineProfile, T>, of_profile<LaplaceProfile, T>, of_profile<RationalProfile, T>,        \
        of_profile<CustomProfile, T>                                                                        \
  }
constinit const detail::Routines<float>::OfProfile profiles_f32[detail::profile_count] = ATTNPOOL_PROFILES(float);
constinit const detail::Routines<double>::OfProfile profiles_f64[detail::profile_count] = ATTNPOOL_PROFILES(double);
#undef ATTNPOOL_PROFILES
#else

namespace {
template <class T>
constexpr detail::Routines<T> routines(const typename detail::Routines<T>::OfProfile* profiles) {
  return {Lanes<T>::size, exp<T>,    exp_nonpositive<T>, softmax<T>, log_sum_exp<T>, of_profile<GaussianProfile, T>,
          profiles,       stream<T>, nearest<T>,         weights<T>, scale<T>};
}
}  // namespace

extern const detail::RoutineTable table;
constinit const detail::RoutineTable table = {routines<float>(profiles_f32),
                                              routines<double>(profiles_f64),
                                              {spread, translate, evaluate, evaluate_planes},
                                              ladder,
                                              rung,
                                              lowess_pairs,
                                              lowess_block};
#endif

}  // namespace attnpool::ATTNPOOL_ISA
