#pragma once
// The answer for queries that the plans cannot answer in T: far from every key, or near to keys of very small weight only, where
// sums are relative to the key that weighs most; without a key within reach (Options::empty); and where keys all but fail to
// determine a local polynomial, whose moments count from the nearest key. One query at a time in double. Two passes over the keys (find that key, then weigh), lanes along
// the keys; most weights are exactly 0 and cost nothing further.
#include <span>

#include "base/dispatch.hpp"
#include "data/interval.hpp"
#include "data/pair_weights.hpp"
#include "data/row_keys.hpp"
#include "plan/request.hpp"
#include "result/sink.hpp"

namespace attnpool::detail {

struct NearestScratch {
  std::vector<double> origin;  // the nearest key as the caller gave it
  std::vector<double> query, reference, weights, declines, sums;
};

template <class T>
class NearestSolver {
 public:
  NearestSolver(const PoolRequest<T>& request, const ScaledValues<T>& values);
  NearestScratch scratch() const;
  // Computes query `query` of the request over the visible keys and hands it to the sink under the caller's index.
  void answer(std::size_t query, std::size_t caller_index, std::span<const Interval> visible, NearestScratch& scratch,
              const Sink& sink) const;

 private:
  MatrixView<const T> queries_, raw_keys_;
  const RowKeys<double> keys_;
  const ScaledValues<T>& values_;
  const KernelProfile profile_;
  const Decay decay_;
  const PairWeights pairs_;
  const Moments moments_;
  const Empty empty_;
  const bool with_bounds_;
  const Routines<double>& routines_;

  double value(std::size_t k, std::size_t v) const {
    return keys_.is_weighted() ? values_.scaled(k, v) : static_cast<double>(values_.values[k * values_.cols + v]);
  }
  // What keys weigh: by the kernel, or where none is within reach, as Options::empty says.
  enum class Weighing { kernel, nearest, all };

  void add_sums(NearestScratch& s, std::size_t nearest, std::span<const Interval> visible, Weighing weighing,
                double& slack) const;
  double gaussian_weights(NearestScratch& s, std::size_t nearest, Interval keys) const;
  double other_weights(NearestScratch& s, std::size_t nearest, Interval keys, Weighing weighing) const;
  bool counts_from_query() const { return !profile_.is_gaussian() && !is_local(moments_); }
  // The part of dimension d in the squared distance of key k, from that of the reference key.
  double exponent(const NearestScratch& s, std::size_t d, std::size_t k) const {
    return pairs_.relative_square(s.query.data(), s.reference.data(), d, k);
  }
  double moment(const NearestScratch& s, std::size_t p, std::size_t k) const;
  double delta(const NearestScratch& s, std::size_t d, std::size_t k) const;
  template <class Of>
  void add(double* sums, const double* weights, std::size_t first, std::size_t count, const Of& of) const;
  void add_chunk(NearestScratch& s, std::size_t first, std::size_t count, double total) const;
};

// The key of largest weight for a query among the intervals, up to a factor of two in the weights; its coordinates go to
// reference [dims]. KeyRange::none if there is no key of weight > 0.
template <class S>
std::size_t find_nearest(const Routines<S>& routines, const RowKeys<S>& keys, std::span<const Interval> visible,
                         const S* query, S* reference);

}  // namespace attnpool::detail
