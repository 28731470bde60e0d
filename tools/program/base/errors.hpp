#pragma once
#include <stdexcept>
#include <string>
#include <string_view>

namespace attnpool::program {

/// Exit codes of the program; the footer of --help lists them.
enum class Exit { ok = 0, failure = 1, usage = 2, bad_data = 3, not_converged = 4, cancelled = 5, output = 6 };

/// What ends the program early: one line for the user and an exit code.
struct Error : std::runtime_error {
  Error(Exit exit_code, const std::string& message) : std::runtime_error(message), code(exit_code) {}
  Exit code;
};

struct UsageError : Error {
  explicit UsageError(const std::string& message) : Error(Exit::usage, message) {}
};

struct DataError : Error {
  explicit DataError(const std::string& message) : Error(Exit::bad_data, message) {}
};

struct OutputError : Error {
  explicit OutputError(const std::string& message) : Error(Exit::output, message) {}
};

/// The reader of our standard output has gone (`attnpool ... | head`): we end without a word.
struct ClosedPipe : OutputError {
  ClosedPipe() : OutputError("") {}
};

struct CancelledByUser : Error {
  CancelledByUser() : Error(Exit::cancelled, "cancelled") {}
};

/// Text with control characters replaced, so that a message stays one line whatever a file holds.
std::string printable(std::string_view text);

/// 'text', printable and at most about 40 bytes long.
std::string in_quotes(std::string_view text);

/// "1 row", "2 rows".
std::string plural(std::size_t count, std::string_view noun);

}  // namespace attnpool::program
