#pragma once
#include <CLI/CLI.hpp>
#include <array>
#include <attnpool/attnpool.hpp>
#include <cstddef>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "implementations.hpp"
#include "layouts.hpp"

// What the two tables of plans share.
namespace bench::plans {

using attnpool::Algorithm;

inline constexpr double infinite = std::numeric_limits<double>::infinity();
inline constexpr double range = 5;     // of the coordinates
inline constexpr double patience = 4;  // times the cap: runs are cancelled
inline constexpr std::array<Algorithm, 3> algorithms = {Algorithm::dense, Algorithm::pruned, Algorithm::grid};

struct Options {
  int threads = 1, rounds = 3;
  double cap = 3;  // seconds
  std::string isa, json;
  std::vector<std::size_t> cases;

  // The flags that both tables have, parsed; an exit code where there is nothing more to do.
  std::optional<int> parse(CLI::App& app, int argc, char** argv);
};

/// Medians, run in turn, round after round. Runs of more than half a second are timed once, short ones repeated to fill
/// 5 ms. Infinite: not run, or cancelled.
struct Run {
  std::function<void()> run;
  bool elsewhere = false, cancelled = false;
  double seconds = infinite;
};
void measure(std::vector<Run>& runs, const Options& options);

/// The time of a run, or why there is none.
std::string cell(const Run& run, double cap);

struct Case {
  Layout layout;
  bool is_double;
  std::size_t dims, queries, keys;
  double bandwidth;      // of the range
  double tolerance = 0;  // 0: the default
};

template <class T>
struct Problem {
  explicit Problem(const Case& c) : score(attnpool::Gaussian::from_bandwidth(c.bandwidth * range)) {
    Random random;
    std::vector<double> point(c.dims);
    const auto fill = [&](std::vector<T>& x, std::size_t count, bool are_queries) {
      PointSource source(c.layout, c.dims, are_queries, random);
      for (std::size_t i = 0; i < count; ++i) {
        source.next(point.data());
        x.insert(x.end(), point.begin(), point.end());
        if (!are_queries) values_data.push_back(static_cast<T>(value_at(c.layout, point.data(), random)));
      }
    };
    fill(keys_data, c.keys, false);
    fill(queries_data, c.queries, true);
    out_data.resize(c.queries);
    queries = {queries_data.data(), c.queries, c.dims};
    keys = {keys_data.data(), c.keys, c.dims};
    values = {values_data.data(), c.keys, 1};
    out = {out_data.data(), c.queries, 1};
  }
  Problem(const Problem&) = delete;
  Problem& operator=(const Problem&) = delete;

  Pool<T> raw(double w, int threads) const {
    static std::size_t count = 1u << 20;  // apart from the numbers of Data
    return {queries.data, keys.data, values.data, out.data, queries.rows, keys.rows, keys.cols, 1, w,
            threads,      tolerance, false,       ++count};
  }

  double tolerance = 0;
  std::vector<T> queries_data, keys_data, values_data, out_data;
  attnpool::MatrixView<const T> queries{nullptr, 0, 1}, keys{nullptr, 0, 1}, values{nullptr, 0, 1};
  attnpool::MatrixView<T> out{nullptr, 0, 1};
  attnpool::Gaussian score;
};

/// Says what ended a table; its exit code.
int fail(const std::exception& error);

}  // namespace bench::plans
