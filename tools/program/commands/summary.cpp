#include <memory>

#include "base/errors.hpp"
#include "base/number.hpp"
#include "commands/commands.hpp"
#include "commands/inference.hpp"
#include "io/json_file.hpp"
#include "io/model.hpp"

namespace attnpool::program {
namespace {

struct SummaryOptions {
  CommonOptions common;
  std::string model;
};

/// The bandwidth of every x column, in the file's units.
std::vector<double> bandwidths_of(const Problem& problem) {
  std::vector<double> h;
  for (std::size_t d = 0; d < problem.data.keys.cols; ++d) h.push_back(1 / std::abs(problem.score->w_of(d)));
  return h;
}

std::string text_of(const Problem& problem, const FitSummary& summary) {
  std::string text = program::text_of(summary);
  if (!problem.smoothing.is_gaussian_mean()) text += "kernel     " + text_of(problem.smoothing) + "\n";
  const std::vector<double> h = bandwidths_of(problem);
  for (std::size_t d = 0; d < h.size(); ++d)
    text += (d == 0 ? "bandwidth  " : "           ") + problem.data.x[d] + ": " +
            (std::isinf(h[d]) ? "infinite, the column does not help to predict" : to_short_text(h[d])) + "\n";
  return text;
}

Exit run_summary(const SummaryOptions& options) {
  const int threads = checked_threads(options.common);
  ProblemOptions problem_options;
  problem_options.model = options.model;
  problem_options.at_own_rows = true;
  const Problem problem = load_problem(problem_options, options.common.quiet);
  std::string text;
  nlohmann::ordered_json groups = nlohmann::ordered_json::array();
  check_can_leave_one_out(problem.data, problem.group_names, options.model);
  const std::vector<Part> parts = parts_of(problem);
  for (std::size_t g = 0; g < parts.size(); ++g) {
    const Part& part = parts[g];
    const FitSummary summary = summary_of(part.problem.data, *part.problem.score, part.problem.smoothing, threads);
    nlohmann::ordered_json entry = to_json(summary);
    add_json(problem.smoothing, entry);
    entry["bandwidth"] = bandwidths_of(part.problem);
    if (!problem.data.group.empty()) {
      const std::string& name = problem.group_names[g];
      entry["group"] = name;
      text += (text.empty() ? "" : "\n") + problem.data.group + " " + name + "\n";
    }
    groups.push_back(entry);
    text += text_of(part.problem, summary);
  }
  if (options.common.json)
    write_json("-", problem.data.group.empty() ? groups.front() : nlohmann::ordered_json{{"groups", groups}});
  else
    write_file("-", text);
  return Exit::ok;
}

}  // namespace

void add_summary(CLI::App& program, Command& chosen) {
  auto options = std::make_shared<SummaryOptions>();
  CLI::App* command =
      program.add_subcommand("summary", "Sum up a model: bandwidths, effective parameters, R squared, criteria");
  command->add_option("model", options->model, "Model file of attnpool fit")->type_name("MODEL")->required();
  add_common_options(*command, options->common);
  command->callback([=, &chosen] { chosen = [=] { return run_summary(*options); }; });
}

}  // namespace attnpool::program
