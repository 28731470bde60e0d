#include "commands/bootstrap.hpp"

#include <attnpool/from_string.hpp>
#include <limits>

#include "base/arguments.hpp"
#include "base/errors.hpp"

namespace attnpool::program {
namespace {

constexpr std::size_t most_replicates = 1'000'000;  // of BootstrapOptions::replicates

BootstrapOptions options_from(const BootstrapArguments& arguments, const InferenceArguments& inference) {
  BootstrapOptions options;
  options.kind = from_string<Resampling>(arguments.kind);
  options.replicates = whole_argument("--replicates", arguments.replicates, 2, most_replicates);
  options.seed = whole_argument("--seed", arguments.seed, 0, std::numeric_limits<std::uint64_t>::max());
  options.band = arguments.simultaneous ? BootstrapBand::simultaneous : from_string<BootstrapBand>(arguments.band);
  options.multiplier = from_string<Multiplier>(arguments.multiplier);
  if (!arguments.is_pairs()) options.residuals = from_string<Variance>(inference.variance);
  options.level = checked_level(inference);
  return options;
}

}  // namespace

void add_bootstrap_options(CLI::App& command, BootstrapArguments& arguments) {
  CLI::Option* kind =
      command
          .add_option(
              "--bootstrap", arguments.kind,
              "Add to every y column Y the standard error Y_boot_se and a band Y_boot_lower, Y_boot_upper from "
              "replicates of the data at the same bandwidth. wild: values moved by residuals of random sign; pairs: "
              "rows "
              "drawn with replacement, and a column boot_used, the replicates in which rows near the query were drawn")
          ->type_name("wild|pairs")
          ->check(CLI::IsMember({"wild", "pairs"}));
  command.add_option("--replicates", arguments.replicates, "Of the bootstrap, from 2 to 1000000")
      ->type_name("N")
      ->capture_default_str()
      ->needs(kind);
  command.add_option("--seed", arguments.seed, "Of the bootstrap: the same seed gives the same answer")
      ->type_name("S")
      ->capture_default_str()
      ->needs(kind);
  CLI::Option* band = command
                          .add_option("--band", arguments.band,
                                      "Of the bootstrap at --level: quantiles of the replicates; basic: 2 Y - those; "
                                      "normal: Y -+ z Y_boot_se")
                          ->type_name("percentile|basic|normal")
                          ->check(CLI::IsMember({"percentile", "basic", "normal"}))
                          ->capture_default_str()
                          ->needs(kind);
  command
      .add_flag("--simultaneous", arguments.simultaneous,
                "A band of the bootstrap wide enough for all queries at once, not for each alone")
      ->needs(kind)
      ->excludes(band);
  command
      .add_option("--multiplier", arguments.multiplier,
                  "Of residuals of the wild bootstrap: rademacher is -1 or 1; mammen keeps skewness")
      ->type_name("rademacher|mammen")
      ->check(CLI::IsMember({"rademacher", "mammen"}))
      ->capture_default_str()
      ->needs(kind);
}

void check_bootstrap(const BootstrapArguments& arguments, const InferenceArguments& inference, const Problem& problem) {
  if (!arguments.wanted()) return;
  if (problem.leave_one_out || problem.range != KeyRange::all())
    throw UsageError("--bootstrap: serves predictions from all rows, not --leave-one-out, --causal or --window");
  require_gaussian_mean("--bootstrap", problem.smoothing);
  if (arguments.is_pairs() && arguments.multiplier != "rademacher")
    throw UsageError("--multiplier: is an option of --bootstrap wild, not of pairs");
  if (!arguments.is_pairs() && inference.variance == "local")
    throw UsageError("--variance: local has no residuals for --bootstrap wild; hc0, hc1, hc2 and hc3 have");
  options_from(arguments, inference);
}

std::vector<Column> bootstrap_columns(const BootstrapArguments& arguments, const Problem& problem) {
  std::vector<Column> columns;
  if (!arguments.wanted()) return columns;
  for (const std::string& y : problem.data.y)
    for (const char* end : {"_boot_se", "_boot_lower", "_boot_upper"})
      columns.push_back({y + end, std::vector<double>(problem.queries.rows)});
  if (arguments.is_pairs()) columns.push_back({"boot_used", std::vector<double>(problem.queries.rows)});
  return columns;
}

std::size_t bootstrap(const BootstrapArguments& arguments, const InferenceArguments& inference, const Part& part,
                      const Options& call, std::span<Column> columns) {
  const Problem& problem = part.problem;
  const Arrays<double> arrays(problem);
  BootstrapOptions options = options_from(arguments, inference);
  options.progress = call.progress;
  const BootstrapResult found = Inference(arrays.keys.view(), arrays.values.view(), *problem.score,
                                          {.key_weights = problem.data.key_weights,
                                           .algorithm = call.algorithm,
                                           .tolerance = call.tolerance,
                                           .threads = call.threads,
                                           .progress = call.progress})
                                    .bootstrap(arrays.queries.view(), options);
  std::size_t passed_over = 0;
  for (std::size_t q = 0; q < found.queries; ++q) {
    const std::size_t row = row_of(part, q);
    std::size_t c = 0;
    for (std::size_t v = 0; v < found.cols; ++v)
      for (const auto* x : {&found.standard_error, &found.lower, &found.upper})
        columns[c++].cells[row] = (*x)[q * found.cols + v];
    if (arguments.is_pairs()) columns[c].cells[row] = static_cast<double>(found.used[q]);
    passed_over += found.used[q] < options.replicates;
  }
  return passed_over;
}

}  // namespace attnpool::program
