#pragma once
#include <CLI/CLI.hpp>
#include <functional>

#include "base/errors.hpp"

/// The subcommands, one file each. add_NAME() declares the options; where NAME was asked for, parsing sets `chosen` to
/// what then runs.
namespace attnpool::program {

using Command = std::function<Exit()>;

void add_demo(CLI::App& program, Command& chosen);
void add_fit(CLI::App& program, Command& chosen);
void add_predict(CLI::App& program, Command& chosen);
void add_weights(CLI::App& program, Command& chosen);
void add_lowess(CLI::App& program, Command& chosen);
void add_summary(CLI::App& program, Command& chosen);
void add_info(CLI::App& program, Command& chosen);
void add_help(CLI::App& program, Command& chosen);

}  // namespace attnpool::program
