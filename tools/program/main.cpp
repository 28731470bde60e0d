#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <attnpool/attnpool.hpp>
#include <cctype>
#include <exception>
#include <new>
#include <sstream>
#include <string_view>

#include "base/interrupt.hpp"
#include "commands/commands.hpp"
#include "display/progress.hpp"
#include "io/atomic_file.hpp"

namespace attnpool::program {
namespace {

constexpr const char* footer =
    "Where a FILE is asked for, - is standard input or output. Results go to standard output, all else to standard "
    "error.\n"
    "Output files appear whole or not at all. Environment: ATTNPOOL_ISA, ATTNPOOL_NUM_THREADS, NO_COLOR.\n"
    "Exit codes: 0 done, 1 failure inside, 2 usage, 3 bad data, 4 training did not converge, 5 cancelled,\n"
    "6 output cannot be written.";

/// Standard streams that the caller closed must not be given to the first files we open: nowhere is better.
void hold_standard_streams() {
  for (const int stream : {0, 1, 2}) {
    if (fcntl(stream, F_GETFD) < 0) open("/dev/null", stream == 0 ? O_WRONLY : O_RDONLY);
  }
}

/// "-x times" is read as the options -x, -t, ... by the letter: says what is meant instead of what is missing.
void refuse_single_dashes(int argc, char** argv, const CLI::App& program) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--") return;
    const bool is_number = word.size() > 1 && (std::isdigit(static_cast<unsigned char>(word[1])) || word[1] == '.');
    if (word.size() < 2 || word[0] != '-' || word[1] == '-' || is_number || word == "-h") continue;
    const std::string name = "-" + std::string(word.substr(0, word.find('=')));
    for (const CLI::App* command : program.get_subcommands({})) {
      if (command->get_option_no_throw(name)) {
        throw UsageError("no option " + in_quotes(word) + "; do you mean " + name + "?");
      }
    }
    const bool follows_option = i > 1 && argv[i - 1][0] == '-' && argv[i - 1][1] == '-';
    if (!follows_option) throw UsageError("no option " + in_quotes(word) + "; options begin with two dashes");
  }
}

/// "demo, fit, ... and help".
std::string names_of_commands(const CLI::App& program) {
  std::string names;
  const std::vector<const CLI::App*> commands = program.get_subcommands([](const CLI::App*) { return true; });
  for (std::size_t i = 0; i < commands.size(); ++i) {
    names += (i == 0 ? "" : i + 1 < commands.size() ? ", " : " and ") + commands[i]->get_name();
  }
  return names;
}

Exit parse_and_run(int argc, char** argv) {
  CLI::App program("Attention pooling: kernel regression whose bandwidth is learnt.", "attnpool");
  program.set_version_flag("--version", std::string("attnpool ") + version());
  program.require_subcommand(1);
  Command chosen;
  add_demo(program, chosen);
  add_fit(program, chosen);
  add_predict(program, chosen);
  add_weights(program, chosen);
  add_lowess(program, chosen);
  add_summary(program, chosen);
  add_info(program, chosen);
  add_help(program, chosen);
  program.footer(footer);  // now, since commands take over what the program has when they are added
  for (CLI::App* command : program.get_subcommands({})) {
    const std::string own = command->get_footer();
    command->footer(own.empty() ? footer : own + "\n\n" + footer);
  }
  const std::string first = argc > 1 ? argv[1] : "";
  const auto is_first = [&](const CLI::App* command) { return command->get_name() == first; };
  const bool is_known_option = first == "--help" || first == "-h" || first == "--version";
  if (first.starts_with("-") && !is_known_option) {
    throw UsageError("no option " + in_quotes(first) + " before a command; there are " + names_of_commands(program));
  }
  if (first.empty() || (first[0] != '-' && program.get_subcommands(is_first).empty())) {
    throw UsageError((first.empty() ? "no command" : "no command " + in_quotes(first)) + "; there are " +
                     names_of_commands(program) + " (see attnpool --help)");
  }
  refuse_single_dashes(argc, argv, program);
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) throw UsageError(error.what());
    std::ostringstream text;  // --help or --version
    program.exit(error, text, text);
    write_file("-", text.str().back() == '\n' ? text.str() : text.str() + '\n');
    return Exit::ok;
  }
  return chosen();
}

Exit run(int argc, char** argv) {
  try {
    return parse_and_run(argc, argv);
  } catch (const ClosedPipe& error) {
    return error.code;
  } catch (const Error& error) {
    print_status(error.what());
    return error.code;
  } catch (const Cancelled&) {
    print_status(CancelledByUser().what());
    return Exit::cancelled;
  } catch (const std::invalid_argument&
               error) {  // the library refuses an option or the environment; data were checked by us
    print_status(error.what());
    return Exit::usage;
  } catch (const std::bad_alloc&) {
    print_status("out of memory");
  } catch (const std::exception& error) {
    print_status(error.what());
  }
  return Exit::failure;
}

/// Where an exception cannot be caught: nlohmann_json allocates in a destructor.
[[noreturn]] void terminate() {
  constexpr std::string_view message = "attnpool: out of memory\n";
  if (const ssize_t written = write(STDERR_FILENO, message.data(), message.size()); written < 0) {
  }
  _exit(static_cast<int>(Exit::failure));
}

}  // namespace
}  // namespace attnpool::program

int main(int argc, char** argv) {
  std::set_terminate(attnpool::program::terminate);
  attnpool::program::hold_standard_streams();
  attnpool::program::watch_signals();
  return static_cast<int>(attnpool::program::run(argc, argv));
}
