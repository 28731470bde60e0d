#include "selection/curve.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "selection/search.hpp"

namespace attnpool::detail {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double clearly = 6;  // standard errors

static double mean_of(const std::vector<double>& x) {
  return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

std::vector<double> Curve::log_w_of(std::size_t i) const {
  std::vector<double> log_w;
  for (const double scale : in_.scale) log_w.push_back(-std::log(in_.factors[i] * scale));
  return log_w;
}

void Curve::compute() {
  const std::size_t count = in_.factors.size(), rows = in_.data.rows;
  objectives_.assign(count, infinity);
  is_open_.assign(count, true);
  if (in_.data.is_long()) {
    estimate(SelectionData::few_rows);
    if (in_.data.is_very_long() && in_.scale.size() == 1) estimate(SelectionData::more_rows);
    const auto last = std::find(is_open_.rbegin(), is_open_.rend(), true);
    if (last == is_open_.rend()) return;
    if (!takes_ladders(static_cast<std::size_t>(is_open_.rend() - last), rows)) return walk();
  }
  at_factors(rows, is_open_, [&](std::size_t i, const Evaluation& here) { objectives_[i] = here.objective; });
}

// Closes factors that are no better than the best by what the first `judged` rows say.
void Curve::estimate(std::size_t judged) {
  const std::size_t count = in_.factors.size();
  at_factors(judged, is_open_, [&](std::size_t i, const Evaluation& here) {
    objectives_[i] = here.objective;
    losses_[i] = criterion_.losses();
  });
  std::size_t best = count;
  for (std::size_t i = count; i-- > 0;)
    if (is_open_[i] && std::isfinite(objectives_[i]) && (best == count || objectives_[i] < objectives_[best])) best = i;
  if (best == count) best = count - 1;
  for (std::size_t i = 0; i < count; ++i)
    if (in_.scale.size() > 1 ||
        (is_open_[i] && i != best && paired_difference(losses_[i], losses_[best]).standard_errors() > clearly))
      is_open_[i] = false;
}

// Computes the open factors on all rows, the lowest first. The predictions of some rows say by how much the objective at another factor
// differs from one that is known, with a standard error that is the smaller the nearer the factors are: a factor is closed where the sum
// is clearly above the lowest. Of a million rows 12 factors are computed, where 17 are near the best by the estimates alone.
void Curve::walk() {
  const std::size_t count = in_.factors.size();
  const std::vector<double> estimates = objectives_;
  std::vector<double> at_least(count, -infinity);
  std::vector<std::size_t> distance(count, count);  // to the nearest that is known
  std::size_t best = count;
  for (std::size_t next; (next = next_of_walk(distance, best)) < count;) {
    objectives_[next] = criterion_(log_w_of(next), false).objective;
    is_open_[next] = true, distance[next] = 0;
    if (best == count || objectives_[next] < objectives_[best]) best = next;
    const double mean = mean_of(losses_[next]);
    for (std::size_t i = 0; i < count; ++i) {
      if (!is_open_[i] || distance[i] == 0) continue;
      const double here = objectives_[next] + (estimates[i] - estimates[next]);
      const double error =
          paired_difference(losses_[i], losses_[next]).error;  // of losses; objectives are logarithms of theirs
      const double of_objective = in_.options.criterion == Criterion::log_loss ? error : error / mean;
      at_least[i] = std::max(at_least[i], here - clearly * of_objective);
      const std::size_t from_next = i > next ? i - next : next - i;
      if (from_next < distance[i]) distance[i] = from_next, objectives_[i] = here;
      if (at_least[i] > objectives_[best]) is_open_[i] = false;
    }
  }
}

// The open factor with the lowest objective that is not known; then a neighbour of the best, so that these bracket a minimum; or
// else the number of factors.
std::size_t Curve::next_of_walk(const std::vector<std::size_t>& distance, std::size_t best) const {
  const std::size_t count = in_.factors.size();
  std::size_t next = count;
  for (std::size_t i = count; i-- > 0;)
    if (is_open_[i] && distance[i] > 0 && (next == count || objectives_[i] < objectives_[next])) next = i;
  if (next < count || best == count) return next;
  if (best > 0 && distance[best - 1] > 0) return best - 1;
  return best + 1 < count && distance[best + 1] > 0 ? best + 1 : count;
}

bool Curve::takes_ladders(std::size_t end, std::size_t judged) const {
  return in_.ladder && end >= in_.interleaved * ladder_steps &&
         in_.ladder->pays(1 / (in_.factors[end - 1] * in_.scale.front()), judged);
}

// Calls take(i, evaluation from the first `judged` rows) for every wanted factor, the largest first, several in one pass where
// that pays.
template <class Take>
void Curve::at_factors(std::size_t judged, const std::vector<bool>& wanted, const Take& take) {
  const std::size_t together = in_.interleaved * ladder_steps;
  const auto place = [&](std::size_t i) { return wanted.begin() + static_cast<std::ptrdiff_t>(i); };
  const auto is_wanted = [](bool x) { return x; };
  for (std::size_t i = in_.factors.size(); i > 0;) {
    if (takes_ladders(i, judged) && std::all_of(place(i - together), place(i), is_wanted)) {
      climb(i, judged, take);
      i -= together;
    } else if (--i; wanted[i]) {
      const std::vector<double> log_w = log_w_of(i);
      take(i, judged < in_.data.rows ? criterion_.estimate(log_w, judged) : criterion_(log_w, false));
    }
  }
}

// The factors below `end`, as many as ladders that are interleaved hold.
template <class Take>
void Curve::climb(std::size_t end, std::size_t judged, const Take& take) {
  for (std::size_t ladder = 0; ladder < in_.interleaved; ++ladder) {
    const std::size_t top = end - 1 - ladder;
    auto terms = in_.ladder->terms(1 / (in_.factors[top] * in_.scale.front()), judged, in_.options.threads, {});
    for (std::size_t s = 0; s < ladder_steps; ++s)
      take(top - s * in_.interleaved,
           criterion_.from_terms(std::move(terms[s]), judged, log_w_of(top - s * in_.interleaved)));
    if (in_.progress && !in_.progress(0)) throw Cancelled("cancelled by the progress callback");
  }
}

}  // namespace attnpool::detail
