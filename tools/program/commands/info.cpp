#include <attnpool/attnpool.hpp>
#include <memory>

#include "commands/commands.hpp"
#include "commands/problem.hpp"
#include "io/json_file.hpp"

namespace attnpool::program {
namespace {

std::vector<std::string> names_of(const std::vector<Isa>& isas) {
  std::vector<std::string> names;
  for (const Isa isa : isas) names.push_back(to_string(isa));
  return names;
}

std::string joined(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + word;
  return line;
}

Exit run_info(const CommonOptions& options) {
  const int threads = thread_count(checked_threads(options));
  const auto compiled = names_of(compiled_isas()), supported = names_of(supported_isas());
  const std::string active = to_string(active_isa());
  if (options.json) {
    const nlohmann::ordered_json report = {{"version", version()},
                                           {"compiled", compiled},
                                           {"supported", supported},
                                           {"active", active},
                                           {"threads", threads}};
    write_json("-", report);
  } else {
    write_file("-", std::string("version    ") + version() + "\ncompiled   " + joined(compiled) + "\nsupported  " +
                        joined(supported) + "\nactive     " + active + "\nthreads    " + std::to_string(threads) +
                        "\n");
  }
  return Exit::ok;
}

}  // namespace

void add_info(CLI::App& program, Command& chosen) {
  auto options = std::make_shared<CommonOptions>();
  CLI::App* command =
      program.add_subcommand("info", "Show the version, the instruction sets and the number of threads");
  add_common_options(*command, *options);
  command->callback([=, &chosen] { chosen = [=] { return run_info(*options); }; });
}

}  // namespace attnpool::program
