#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/errors.hpp"
#include "commands/training.hpp"

/// What `attnpool fit` tells about a training.
namespace attnpool::program {

/// The loss at the first w; NaN if a descent was stopped before, or w was not learnt by one.
double loss_before(const Training& training);

/// "converged", "not converged", "cancelled", "rule" where nothing was searched, or how else a descent ended.
std::string stop_of(const Training& training);

/// Says on standard error what the user must know about how training ended, and returns the exit code.
Exit exit_code_of(const Training& training, const std::string& model, bool quiet);

/// x: the names of the x columns.
nlohmann::ordered_json json_of(const Training& training, const std::vector<std::string>& x, bool history);
std::string text_report(const Training& training, const std::vector<std::string>& x);

/// Text with a line for each group, whose w was selected.
std::string group_table(const std::vector<Training>& trainings, const Data& data, char separator);

}  // namespace attnpool::program
