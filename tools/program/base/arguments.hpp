#pragma once
#include <string>
#include <vector>

/// Values of command-line options, read the same in every locale. Each throws UsageError that names the option and the
/// value.
namespace attnpool::program {

/// A finite number.
double number_argument(const std::string& option, const std::string& text);
/// A finite number above 0.
double positive_argument(const std::string& option, const std::string& text);
/// A whole number in [low, high].
unsigned long long whole_argument(const std::string& option, const std::string& text, unsigned long long low,
                                  unsigned long long high);
/// "1,2.5,3": finite numbers with commas between.
std::vector<double> numbers_argument(const std::string& option, const std::string& text);
/// "a,b,c": names, none empty. One with a comma is quoted as in CSV: '"a,b",c'.
std::vector<std::string> names_argument(const std::string& option, const std::string& text);

}  // namespace attnpool::program
