#pragma once
#include <string>

namespace attnpool::program {

/// Runs gnuplot on a script that draws to its standard output, and returns what it drew. No shell and no file names are
/// involved. Throws OutputError if gnuplot is missing or complains.
std::string run_gnuplot(const std::string& script);

/// A gnuplot string constant that shows the text as it is: user text must not reach gnuplot in any other way.
std::string gnuplot_string(const std::string& text);

}  // namespace attnpool::program
