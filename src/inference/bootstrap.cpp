#include "inference/bootstrap.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/threads.hpp"
#include "base/validate.hpp"
#include "inference/normal_quantile.hpp"
#include "inference/query_pass.hpp"
#include "inference/replicate_statistics.hpp"
#include "inference/resample.hpp"

namespace attnpool::detail {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
// Numbers of the columns of one pass, and of the replicates of the queries in work. Constants, never of the machine: the bits of
// a sum may depend on the columns beside it.
constexpr std::size_t most_column_numbers = std::size_t{4} << 20, most_replicate_numbers = std::size_t{8} << 20;
constexpr std::size_t fewest_columns = 8, most_columns = 256;
constexpr std::size_t fewest_queries = 16, queries_per_task = 16;
// A replicate of pairs counts where the rows drawn have this part of the weight of all; passes are good to a far smaller one.
constexpr double least_weight = 1e-6;
constexpr double pairs_tolerance = 1e-11;

class Bootstrap {
 public:
  Bootstrap(const BootstrapSource& source, const BootstrapOptions& options)
      : data_(source.data),
        kernel_(source.kernel),
        values_workspace_(source.workspace),
        values_(source.workspace.values),
        given_(options),
        pass_options_(source.options),
        cols_(source.data.cols) {
    if (is_wild()) {
      residuals_ = variance_terms(source.residuals, options.residuals);
    } else if (pass_options_.tolerance > pairs_tolerance) {
      pass_options_.tolerance = pairs_tolerance;
    }
    const std::size_t own = columns_of_replicate();
    const std::size_t columns = std::clamp(most_column_numbers / data_.rows, fewest_columns, most_columns);
    replicates_per_pass_ = std::clamp<std::size_t>(columns / own, 1, given_.replicates);
  }

  BootstrapResult run(MatrixView<const double> queries) {
    out_.queries = queries.rows, out_.cols = cols_;
    const std::size_t answers = checked_product("queries", queries.rows, cols_);
    for (auto* x : {&out_.mean, &out_.standard_error, &out_.lower, &out_.upper}) x->resize(answers);
    out_.used.resize(queries.rows);
    if (given_.keep_replicates) out_.replicates.resize(checked_product("replicates", given_.replicates, answers));
    if (is_simultaneous()) farthest_.assign(cols_ * given_.replicates, nan);
    const std::size_t chunk = std::max(fewest_queries, most_replicate_numbers / (given_.replicates * cols_));
    const std::size_t passes = (given_.replicates + replicates_per_pass_ - 1) / replicates_per_pass_;
    pass_count_ = (queries.rows + chunk - 1) / chunk * (1 + passes);
    for (std::size_t first = 0; first < queries.rows; first += chunk) {
      const std::size_t count = std::min(chunk, queries.rows - first);
      answer({queries.row(first), count, queries.cols, queries.row_stride}, first);
    }
    if (is_simultaneous()) make_simultaneous();
    if (given_.progress && !given_.progress(1)) throw Cancelled("cancelled by the progress callback");
    return std::move(out_);
  }

 private:
  const WeightedRows& data_;
  const Kernel& kernel_;
  Workspace<double>& values_workspace_;
  const ScaledValues<double>& values_;
  const BootstrapOptions& given_;
  Options pass_options_;
  const std::size_t cols_;
  std::size_t replicates_per_pass_ = 1, pass_count_ = 0, passes_done_ = 0;
  std::vector<double> residuals_;     // [rows][cols], of wild
  std::vector<double> columns_;       // [rows][replicates of a pass * columns_of_replicate()]
  std::vector<std::uint32_t> draws_;  // [replicates of a pass][rows], of pairs
  std::vector<double> replicates_;    // [queries in work][cols][replicates]
  std::vector<double> farthest_;      // [cols][replicates], of standard errors over the queries so far; NaN of none
  Workspace<double> workspace_;
  QueryPass pass_;
  BootstrapResult out_;

  bool is_wild() const { return given_.kind == Resampling::wild; }
  bool is_simultaneous() const { return given_.band == BootstrapBand::simultaneous; }
  std::size_t columns_of_replicate() const { return cols_ + (is_wild() ? 0 : 1); }
  int threads(double operations) const { return threads_for(pass_options_.threads, operations); }
  int threads_for_columns(std::size_t count) const {
    return threads(static_cast<double>(data_.rows) * static_cast<double>(count));
  }

  void run_pass(MatrixView<const double> queries, Workspace<double>& workspace) {
    Options options = pass_options_;
    if (given_.progress)
      options.progress = [this](double fraction) {
        return given_.progress((static_cast<double>(passes_done_) + fraction) / static_cast<double>(pass_count_));
      };
    pass_.run({queries, data_.key_view(), kernel_, Moments::none, options}, workspace);
    ++passes_done_;
    if (options.progress && !options.progress(0)) throw Cancelled("cancelled by the progress callback");
  }

  // Queries [first, first + queries.rows) of the caller.
  void answer(MatrixView<const double> queries, std::size_t first) {
    run_pass(queries, values_workspace_);
    for (std::size_t q = 0; q < queries.rows; ++q)
      std::copy_n(&pass_.mean[q * values_.cols], cols_, &out_.mean[(first + q) * cols_]);
    replicates_.resize(queries.rows * cols_ * given_.replicates);
    for (std::size_t b = 0; b < given_.replicates; b += replicates_per_pass_) {
      const std::size_t count = std::min(replicates_per_pass_, given_.replicates - b);
      fill_columns(b, count);
      workspace_.prepare({columns_.data(), data_.rows, count * columns_of_replicate()}, pass_options_);
      run_pass(queries, workspace_);
      take_replicates(queries.rows, first, b, count);
    }
    summarise(queries.rows, first);
  }

  // ---- columns of replicates [b, b + count)

  void fill_columns(std::size_t b, std::size_t count) {
    columns_.resize(data_.rows * count * columns_of_replicate());
    const std::size_t blocks = (data_.rows + multiplier_rows - 1) / multiplier_rows;
    if (!is_wild()) {
      draws_.resize(count * data_.rows);
      parallel_for(count, threads_for_columns(count), {},
                   [&](std::size_t i, int) { draw_counts(given_, b + i, data_.rows, &draws_[i * data_.rows]); });
    }
    parallel_for(blocks, threads_for_columns(count), {}, [&](std::size_t block, int) {
      const std::size_t begin = block * multiplier_rows, rows = std::min(multiplier_rows, data_.rows - begin);
      for (std::size_t i = 0; i < count; ++i)
        is_wild() ? fill_wild(b, i, count, block, rows) : fill_pairs(i, count, begin, rows);
    });
  }

  void fill_wild(std::size_t b, std::size_t i, std::size_t count, std::size_t block, std::size_t rows) {
    double multipliers[multiplier_rows];
    draw_multipliers(given_, b + i, block, rows, multipliers);
    for (std::size_t r = 0; r < rows; ++r) {
      const std::size_t k = block * multiplier_rows + r;
      for (std::size_t v = 0; v < cols_; ++v)
        columns_[(k * count + i) * cols_ + v] = multipliers[r] * residuals_[k * cols_ + v];
    }
  }

  void fill_pairs(std::size_t i, std::size_t count, std::size_t begin, std::size_t rows) {
    for (std::size_t k = begin; k < begin + rows; ++k) {
      const double drawn = draws_[i * data_.rows + k];
      double* to = &columns_[(k * count + i) * (1 + cols_)];
      to[0] = drawn;
      for (std::size_t v = 0; v < cols_; ++v) to[1 + v] = drawn * values_.scaled(k, v);
    }
  }

  // ---- what a pass has found

  void take_replicates(std::size_t queries, std::size_t first, std::size_t b, std::size_t count) {
    for_queries(queries, count, [&](std::size_t q) {
      const double* means = &pass_.mean[q * count * columns_of_replicate()];
      for (std::size_t v = 0; v < cols_; ++v)
        for (std::size_t i = 0; i < count; ++i) {
          const double x = replicate(means + i * columns_of_replicate(), out_.mean[(first + q) * cols_ + v], v);
          replicates_[(q * cols_ + v) * given_.replicates + b + i] = x;
          if (given_.keep_replicates) out_.replicates[((b + i) * out_.queries + first + q) * cols_ + v] = x;
        }
    });
  }

  double replicate(const double* means, double mean, std::size_t v) const {
    if (is_wild()) return mean + means[v];
    if (!(means[0] >= least_weight)) return nan;
    const double x = values_.middle[v] + values_.unit[v] * (means[1 + v] / means[0]);
    return std::clamp(x, values_.smallest[v], values_.largest[v]);
  }

  template <class Body>
  void for_queries(std::size_t queries, std::size_t count, const Body& body) {
    const double operations = 10 * static_cast<double>(queries) * static_cast<double>(count * cols_);
    parallel_for((queries + queries_per_task - 1) / queries_per_task, threads(operations), {},
                 [&](std::size_t task, int) {
                   const std::size_t end = std::min(queries, (task + 1) * queries_per_task);
                   for (std::size_t q = task * queries_per_task; q < end; ++q) body(q);
                 });
  }

  void summarise(std::size_t queries, std::size_t first) {
    const double z = given_.band == BootstrapBand::normal ? normal_quantile(given_.level) : 0;
    for_queries(queries, given_.replicates, [&](std::size_t q) {
      std::vector<double> scratch;
      std::size_t used = given_.replicates;
      for (std::size_t v = 0; v < cols_; ++v) {
        const std::size_t at = (first + q) * cols_ + v;
        const std::span<const double> own{&replicates_[(q * cols_ + v) * given_.replicates], given_.replicates};
        const ReplicateStatistics s = statistics_of(own, out_.mean[at], given_.level, scratch);
        used = std::min(used, s.used);
        fill_in(at, s, z);
      }
      out_.used[first + q] = used;
    });
    if (!is_simultaneous()) return;
    for (std::size_t i = 0; i < queries * cols_; ++i) take_farthest(i, first * cols_ + i);
  }

  void fill_in(std::size_t at, const ReplicateStatistics& s, double z) {
    const double mean = out_.mean[at];
    out_.standard_error[at] = s.standard_error;
    if (given_.band == BootstrapBand::percentile) {
      out_.lower[at] = s.low, out_.upper[at] = s.high;
    } else if (given_.band == BootstrapBand::basic) {
      out_.lower[at] = mean + (mean - s.high), out_.upper[at] = mean + (mean - s.low);
    } else {  // of the simultaneous band, when all queries are known
      out_.lower[at] = mean - z * s.standard_error, out_.upper[at] = mean + z * s.standard_error;
    }
  }

  // ---- the simultaneous band

  void take_farthest(std::size_t in_work, std::size_t at) {
    if (!(out_.standard_error[at] > 0)) return;
    double* farthest = &farthest_[at % cols_ * given_.replicates];
    for (std::size_t b = 0; b < given_.replicates; ++b) {
      const double x = std::abs(replicates_[in_work * given_.replicates + b] - out_.mean[at]) / out_.standard_error[at];
      if (!std::isnan(x) && !(farthest[b] >= x)) farthest[b] = x;
    }
  }

  void make_simultaneous() {
    for (std::size_t v = 0; v < cols_; ++v) {
      const auto begin = farthest_.begin() + static_cast<std::ptrdiff_t>(v * given_.replicates);
      const auto end = std::remove_if(begin, begin + static_cast<std::ptrdiff_t>(given_.replicates),
                                      [](double x) { return std::isnan(x); });
      // Where nothing varies the band has no width, whatever it is multiplied by.
      out_.critical.push_back(begin == end ? 0 : quantile({begin, end}, given_.level));
    }
    for (std::size_t at = 0; at < out_.mean.size(); ++at) {
      const double half = out_.critical[at % cols_] * out_.standard_error[at];
      out_.lower[at] = out_.mean[at] - half, out_.upper[at] = out_.mean[at] + half;
    }
  }
};

}  // namespace

BootstrapResult bootstrap(const BootstrapSource& source, MatrixView<const double> queries,
                          const BootstrapOptions& options) {
  return Bootstrap(source, options).run(queries);
}

}  // namespace attnpool::detail
