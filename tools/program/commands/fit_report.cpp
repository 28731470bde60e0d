#include "commands/fit_report.hpp"

#include <cmath>
#include <limits>
#include <sstream>

#include "base/errors.hpp"
#include "base/number.hpp"
#include "commands/inference.hpp"
#include "display/progress.hpp"
#include "io/csv.hpp"

namespace attnpool::program {
namespace {

std::vector<double> bandwidths(const std::vector<double>& w) {
  std::vector<double> result;
  for (const double entry : w) result.push_back(1 / std::abs(entry));
  return result;
}

std::string exact(const std::vector<double>& numbers) {
  std::string list;
  for (const double number : numbers) list += (list.empty() ? "" : ",") + to_text(number);
  return list;
}

std::string brief(const std::vector<double>& numbers) {
  std::string list;
  for (const double number : numbers) list += (list.empty() ? "" : ",") + to_short_text(number);
  return list;
}

/// Training that was cancelled in its first epoch, or that diverged in it, knows no loss.
std::string loss_text(double loss) { return std::isfinite(loss) ? to_short_text(loss) : "unknown"; }

std::string rate_text(const FitOptions& options) {
  return options.learning_rate > 0 ? " with lr " + to_short_text(options.learning_rate) : " with a line search";
}

/// The x columns that do not help to predict, unless none does.
std::string unhelpful(const Training& training, const std::vector<std::string>& x) {
  std::string list;
  if (training.at_bound != "largest" && training.result.w.size() == x.size())
    for (std::size_t d = 0; d < x.size(); ++d)
      if (training.result.w[d] == 0) list += (list.empty() ? "" : ", ") + printable(x[d]);
  return list;
}

Exit judge_selection(const Training& training, const std::string& of_group, const std::string& model) {
  const std::string kept = model + " has the best w so far, " + brief(training.result.w);
  if (training.result.stop == FitStop::cancelled) {
    print_status(of_group + "cancelled; " + kept);
    return Exit::cancelled;
  }
  if (training.result.stop == FitStop::converged) return Exit::ok;
  print_status(of_group + "the search for w did not converge; " + kept);
  return Exit::not_converged;
}

nlohmann::ordered_json json_of(const Selection& selection) {
  nlohmann::ordered_json minima = nlohmann::ordered_json::array();
  for (const Selection::Minimum& minimum : selection.minima)
    minima.push_back({{"bandwidth", bandwidths(minimum.w)}, {"value", minimum.value}});
  return {{"value", selection.value},
          {"value_at_rule", selection.rule_value},
          {"rule_bandwidth", bandwidths(selection.rule_w)},
          {"minima", minima},
          {"evaluations", selection.evaluations},
          {"leave_one_out", selection.leave_one_out},
          {"gcv", selection.gcv},
          {"aicc", selection.aicc},
          {"trace", selection.trace},
          {"r_squared", selection.r_squared},
          {"residual_error", selection.residual_error}};
}

/// of: a Selection or a FitSummary.
template <class Of>
std::string fit_line(const Of& of) {
  return "fit        tr H " + to_short_text(of.trace) + ", R squared " + to_short_text(of.r_squared) +
         ", residual standard error " + to_short_text(of.residual_error) + "\n";
}

std::string text_of(const Training& training, const Selection& selection, const std::vector<std::string>& x) {
  std::ostringstream text;
  text << "criterion  " << to_short_text(selection.value) << " (" << to_string(training.criterion) << "), "
       << to_short_text(selection.rule_value) << " by the rule of thumb\n";
  for (std::size_t i = 0; i < std::min<std::size_t>(selection.minima.size(), 5); ++i)
    text << (i == 0 ? "minima     " : "           ") << to_short_text(selection.minima[i].value) << " at bandwidth "
         << brief(bandwidths(selection.minima[i].w)) << "\n";
  if (selection.minima.size() > 5) text << "           and " << selection.minima.size() - 5 << " more\n";
  if (const std::string list = unhelpful(training, x); !list.empty())
    text << "no help    " << list << ": w = 0, the prediction does not depend on it\n";
  text << fit_line(selection) << "search     " << plural(selection.evaluations, "evaluation") << ", "
       << (selection.cancelled   ? "cancelled"
           : selection.converged ? "converged"
                                 : "not converged")
       << "\n";
  return text.str();
}

}  // namespace

double loss_before(const Training& training) {
  const std::vector<double>& losses = training.result.losses;
  return losses.empty() ? std::numeric_limits<double>::quiet_NaN() : losses.front();
}

std::string stop_of(const Training& training) {
  if (training.summary) return "rule";
  if (!training.selection) return to_string(training.result.stop);
  return training.selection->cancelled ? "cancelled" : training.selection->converged ? "converged" : "not converged";
}

Exit exit_code_of(const Training& training, const std::string& model, bool quiet) {
  const FitResult& result = training.result;
  const std::string of_group = training.group.empty() ? "" : "group " + in_quotes(training.group) + ": ";
  if (!training.at_bound.empty() && !quiet && result.stop != FitStop::cancelled) {
    print_status(of_group + "the loss is least at the " + training.at_bound +
                 " bandwidth that was tried: the data do not determine one between the closest points and a flat fit");
  }
  if (training.selection) return judge_selection(training, of_group, model);
  const std::string kept = model + " has the best w so far, " + brief(result.w);
  const int epochs = static_cast<int>(result.losses.size()) - 1;
  switch (result.stop) {
    case FitStop::cancelled:
      print_status(of_group + "cancelled; " + kept);
      return Exit::cancelled;
    case FitStop::diverged:
      print_status(of_group + "training diverged; " + kept + "; a smaller --lr may help");
      return Exit::not_converged;
    case FitStop::flat:
      print_status(of_group + "not converged: around w = " + brief(result.w) +
                   " the loss does not change with w; another --w0 may help");
      return Exit::not_converged;
    case FitStop::converged:
      return Exit::ok;
    case FitStop::epochs:
      break;
  }
  if (training.options.tolerance > 0) {
    print_status(of_group + "not converged within " + plural(static_cast<std::size_t>(std::max(0, epochs)), "epoch") +
                 "; more --epochs may help");
    return Exit::not_converged;
  }
  return Exit::ok;
}

nlohmann::ordered_json json_of(const Training& training, const std::vector<std::string>& x, bool history) {
  nlohmann::ordered_json object = {
      {"rows", training.rows},
      {"w", training.result.w},
      {"bandwidth", bandwidths(training.result.w)},
      {"method", training.selection ? "select"
                 : training.summary ? training.rule
                                    : "descent"},
      {"at_bound", training.at_bound},
      {"stop", stop_of(training)},
  };
  add_json(training.smoothing, object);
  if (training.selection) {
    object.update(json_of(*training.selection));
    object["criterion"] = to_string(training.criterion);
    object["no_help"] = unhelpful(training, x);
    return object;
  }
  if (training.summary) {
    object.update(to_json(*training.summary));
    return object;
  }
  object.update({
      {"loss", to_string(training.options.loss)},
      {"loss_before", loss_before(training)},
      {"loss_after", training.result.loss},
      {"epochs", training.result.losses.empty() ? 0 : training.result.losses.size() - 1},
      {"w0", training.options.w0},
      {"learning_rate", training.options.learning_rate},
      {"leave_one_out", training.options.leave_one_out},
  });
  if (history) {
    object["losses"] = training.result.losses;
    object["ws"] = training.result.ws;
  }
  return object;
}

std::string text_report(const Training& training, const std::vector<std::string>& x) {
  const FitResult& result = training.result;
  std::ostringstream text;
  if (!training.group.empty()) text << "group      " << printable(training.group) << "\n";
  text << "w          " << exact(result.w) << "\nbandwidth  " << exact(bandwidths(result.w)) << "\n";
  if (!training.smoothing.is_gaussian_mean()) text << "kernel     " << text_of(training.smoothing) << "\n";
  if (training.selection) {
    text << text_of(training, *training.selection, x);
    return text.str();
  }
  if (training.summary) {
    text << "rule       " << training.rule << "\ncriterion  " << to_short_text(training.summary->leave_one_out)
         << " (leave-one-out)\n"
         << fit_line(*training.summary);
    return text.str();
  }
  const std::size_t epochs = result.losses.empty() ? 0 : result.losses.size() - 1;
  text << "loss       " << loss_text(loss_before(training)) << " before, " << loss_text(result.loss) << " after ("
       << to_string(training.options.loss) << (training.options.leave_one_out ? ", each point left out)" : ")")
       << "\ntraining   " << epochs << " epochs from w0 " << brief(training.options.w0) << rate_text(training.options)
       << ", stopped: " << to_string(result.stop) << "\n";
  return text.str();
}

std::string group_table(const std::vector<Training>& trainings, const Data& data, char separator) {
  std::vector<std::string> names{data.group, "rows"};
  const std::size_t count = trainings.front().result.w.size();
  for (const std::string what : {"w", "bandwidth"})
    for (std::size_t d = 0; d < count; ++d) names.push_back(count == 1 ? what : what + " of " + data.x[d]);
  for (const std::string name : {to_string(trainings.front().criterion), "trace", "status", "at_bound"})
    names.push_back(name);
  std::string text = csv_header(names, separator);
  for (const Training& training : trainings) {
    append_field(text, training.group, separator);
    text += separator + std::to_string(training.rows);
    for (const double w : training.result.w) text += separator + to_text(w);
    for (const double bandwidth : bandwidths(training.result.w)) text += separator + to_text(bandwidth);
    text += separator + to_text(training.selection->value) + separator + to_text(training.selection->trace) +
            separator + stop_of(training) + separator + training.at_bound + "\n";
  }
  return text;
}

}  // namespace attnpool::program
