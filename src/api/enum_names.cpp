// The names of the values of every public enumeration.
#include <attnpool/algorithm.hpp>
#include <attnpool/bootstrap.hpp>
#include <attnpool/fit.hpp>
#include <attnpool/from_string.hpp>
#include <attnpool/gradient.hpp>
#include <attnpool/inference.hpp>
#include <attnpool/isa.hpp>
#include <attnpool/kernel.hpp>
#include <attnpool/query_status.hpp>
#include <attnpool/selection.hpp>
#include <string>

#include "base/validate.hpp"

namespace attnpool {
namespace {

template <class Enum>
struct Name {
  Enum value;
  const char* name;
};

constexpr Name<Algorithm> algorithms[] = {{Algorithm::automatic, "auto"},
                                          {Algorithm::dense, "dense"},
                                          {Algorithm::pruned, "pruned"},
                                          {Algorithm::grid, "grid"},
                                          {Algorithm::window, "window"}};
constexpr Name<BootstrapBand> bands[] = {{BootstrapBand::percentile, "percentile"},
                                         {BootstrapBand::basic, "basic"},
                                         {BootstrapBand::normal, "normal"},
                                         {BootstrapBand::simultaneous, "simultaneous"}};
constexpr Name<Criterion> criteria[] = {{Criterion::leave_one_out, "leave-one-out"},
                                        {Criterion::gcv, "gcv"},
                                        {Criterion::aicc, "aicc"},
                                        {Criterion::log_loss, "log-loss"}};
constexpr Name<Empty> empties[] = {
    {Empty::nan, "nan"}, {Empty::nearest, "nearest"}, {Empty::mean, "mean"}, {Empty::error, "error"}};
constexpr Name<FitStop> stops[] = {{FitStop::epochs, "epochs"},
                                   {FitStop::converged, "converged"},
                                   {FitStop::diverged, "diverged"},
                                   {FitStop::cancelled, "cancelled"},
                                   {FitStop::flat, "flat"}};
constexpr Name<Isa> isas[] = {
    {Isa::scalar, "scalar"}, {Isa::sse2, "sse2"}, {Isa::avx2, "avx2"}, {Isa::avx512, "avx512"}, {Isa::neon, "neon"}};
constexpr Name<KernelShape> shapes[] = {
    {KernelShape::gaussian, "gaussian"},     {KernelShape::boxcar, "boxcar"},
    {KernelShape::triangular, "triangular"}, {KernelShape::epanechnikov, "epanechnikov"},
    {KernelShape::biweight, "biweight"},     {KernelShape::triweight, "triweight"},
    {KernelShape::tricube, "tricube"},       {KernelShape::cosine, "cosine"},
    {KernelShape::laplace, "laplace"},       {KernelShape::rational_quadratic, "rational_quadratic"}};
constexpr Name<Loss> losses[] = {{Loss::half_sum, "half-sum"}, {Loss::mean, "mean"}};
constexpr Name<Multiplier> multipliers[] = {{Multiplier::rademacher, "rademacher"}, {Multiplier::mammen, "mammen"}};
constexpr Name<QueryStatus> statuses[] = {{QueryStatus::answered, "answered"},
                                          {QueryStatus::far, "far"},
                                          {QueryStatus::unseen, "unseen"},
                                          {QueryStatus::empty, "empty"},
                                          {QueryStatus::lower_order, "lower_order"}};
constexpr Name<Resampling> resamplings[] = {{Resampling::wild, "wild"}, {Resampling::pairs, "pairs"}};
constexpr Name<Variance> variances[] = {{Variance::hc0, "hc0"},
                                        {Variance::hc1, "hc1"},
                                        {Variance::hc2, "hc2"},
                                        {Variance::hc3, "hc3"},
                                        {Variance::local, "local"}};
constexpr Name<Selection::Bound> bounds[] = {
    {Selection::Bound::none, ""}, {Selection::Bound::smallest, "smallest"}, {Selection::Bound::largest, "largest"}};

template <class Enum, std::size_t n>
const char* name_of(const Name<Enum> (&names)[n], Enum value) noexcept {
  for (const auto& entry : names)
    if (entry.value == value) return entry.name;
  return "unknown";
}

template <class Enum, std::size_t n>
Enum value_of(const Name<Enum> (&names)[n], const char* argument, std::string_view wanted) {
  std::string all;
  for (const auto& entry : names) {
    if (entry.name == wanted) return entry.value;
    all += (all.empty() ? "" : ", ") + std::string(entry.name);
  }
  detail::bad_argument(argument, "must be one of " + all + ", got '" + std::string(wanted) + "'");
}

}  // namespace

const char* to_string(Algorithm algorithm) noexcept { return name_of(algorithms, algorithm); }
const char* to_string(BootstrapBand band) noexcept { return name_of(bands, band); }
const char* to_string(Criterion criterion) noexcept { return name_of(criteria, criterion); }
const char* to_string(Empty empty) noexcept { return name_of(empties, empty); }
const char* to_string(FitStop stop) noexcept { return name_of(stops, stop); }
const char* to_string(Isa isa) noexcept { return name_of(isas, isa); }
const char* to_string(KernelShape shape) noexcept { return name_of(shapes, shape); }
const char* to_string(Loss loss) noexcept { return name_of(losses, loss); }
const char* to_string(Multiplier multiplier) noexcept { return name_of(multipliers, multiplier); }
const char* to_string(QueryStatus status) noexcept { return name_of(statuses, status); }
const char* to_string(Resampling resampling) noexcept { return name_of(resamplings, resampling); }
const char* to_string(Variance variance) noexcept { return name_of(variances, variance); }
const char* to_string(Selection::Bound bound) noexcept { return name_of(bounds, bound); }

template <>
Algorithm from_string(std::string_view name) {
  return value_of(algorithms, "algorithm", name);
}
template <>
BootstrapBand from_string(std::string_view name) {
  return value_of(bands, "band", name);
}
template <>
Criterion from_string(std::string_view name) {
  return value_of(criteria, "criterion", name);
}
template <>
Empty from_string(std::string_view name) {
  return value_of(empties, "empty", name);
}
template <>
FitStop from_string(std::string_view name) {
  return value_of(stops, "stop", name);
}
template <>
KernelShape from_string(std::string_view name) {
  return value_of(shapes, "kernel", name);
}
template <>
Loss from_string(std::string_view name) {
  return value_of(losses, "loss", name);
}
template <>
Multiplier from_string(std::string_view name) {
  return value_of(multipliers, "multiplier", name);
}
template <>
QueryStatus from_string(std::string_view name) {
  return value_of(statuses, "status", name);
}
template <>
Resampling from_string(std::string_view name) {
  return value_of(resamplings, "kind", name);
}
template <>
Variance from_string(std::string_view name) {
  return value_of(variances, "variance", name);
}
template <>
Selection::Bound from_string(std::string_view name) {
  return value_of(bounds, "bound", name);
}

}  // namespace attnpool
