#include <array>
#include <memory>
#include <string>

#include "commands/commands.hpp"
#include "io/atomic_file.hpp"

namespace attnpool::program {
namespace {

struct Topic {
  const char* name;
  const char* summary;
  const char* text;
};

constexpr std::array topics = {
    Topic{"data", "What data files may look like, and how columns are named", R"(
Data are rows with named columns. A file is
  - text with columns separated by commas, tabs, semicolons or blanks, which is found out from its first lines,
    also compressed by gzip. --sep, --decimal, --comment, --header and --no-header say what cannot be found out;
  - an array of NumPy (.npy), or one of an archive (FILE.npz:NAME), whose columns are called 0, 1, ...
A file name of - is standard input.

Columns with dates and times in ISO 8601 may be x columns; they count as seconds since the column's first row.
A missing value (empty, NA, N/A, NaN, null, ?) is an error that names file, line and column. With --missing skip
rows that lack a value in a column that is used are left out, and counted on standard error.
)"},
    Topic{"bandwidth", "What w and bandwidth are, and how fit finds them", R"(
A prediction at q is the mean of all y, each weighted by exp(-1/2 sum_d (w_d (q_d - x_d))^2). The bandwidth
1 / w_d, in the unit of column d, says how far a row's influence reaches: one number for each x column, or one
for all with --scalar.

fit computes the leave-one-out error, predicting each row from all the others, along a curve of bandwidths
from the closest spacing of rows to a flat fit, refines every minimum and takes the lowest. --criterion gcv or
aicc judges by generalised cross-validation or the corrected Akaike criterion instead; log-loss is for y
columns that are probabilities of classes, with the sum 1 in every row. --curve and --plot-curve write the
curve. A column that does not help to predict gets w = 0. A bandwidth at an end of the curve is said to be at
a bound: the data then do not determine one in between.

--method scott, silverman or dpill takes the bandwidth of a rule and searches nothing.

--method descent, or any of its options (--lr, --epochs, --w0, --loss, ...), learns w by gradient descent instead.
)"},
    Topic{"kernels", "Kernels that weights follow, local lines, and rows out of reach", R"(
--kernel names the weight of a row as a function of u, its distance in bandwidths. Three kernels never end:
  gaussian            exp(-u^2 / 2); the bandwidth is a standard deviation (default)
  laplace             exp(-u)
  rational_quadratic  (1 + u^2 / (2 alpha))^-alpha, with --alpha (1)
The others are 0 from u = 1 on:
  boxcar              1
  triangular          1 - u
  epanechnikov        1 - u^2
  biweight            (1 - u^2)^2
  triweight           (1 - u^2)^3
  tricube             (1 - u^3)^3
  cosine              cos(pi u / 2)
With several x columns u is the Euclidean distance in bandwidths; --product multiplies the kernels of the columns
instead. A bandwidth belongs to its kernel: that of another kernel is another number.

--order 1 fits a line (a plane) around each query instead of the weighted mean, which takes away the bias at the
ends of the data; --order 2 a parabola, for one x column. Where no row is within reach of a kernel that ends, --empty
says what the answer is: nan, nearest (that of the nearest row), mean (of all rows) or error. A fit judges no
bandwidth by an error: it passes over those at which a row has no other within reach, as for nan.

predict --status tells for every answer what it rests on. Standard errors, the bootstrap and gradient descent
are for the gaussian kernel at order 0.
)"},
    Topic{"inference", "Standard errors, bands, slopes, and what they mean", R"(
predict --standard-error adds to every y column Y the columns Y_se, Y_lower and Y_upper: the standard error of the
prediction and a pointwise band at --level (0.95). --variance says where the variance of y comes from: hc0 to hc3
from the residuals of the data (hc3, the default, from the errors of predicting each row from the others), local
from the spread of y around each query.

The band is for the expectation of the prediction. It does not hold the bias: a bandwidth that is too large gives
a smooth curve with a narrow band beside the truth. effective_keys is the number of rows that an equally weighted
mean of the same variance would have. --slope adds derivatives with their standard errors.

--bootstrap wild or pairs adds Y_boot_se, Y_boot_lower and Y_boot_upper from --replicates (999) of the data at
the same bandwidth. wild moves the values by their residuals with random signs: rows may differ in their noise,
and the standard error tends to that of --standard-error. pairs draws rows with replacement, for data whose x is
random too. --simultaneous makes a band that holds for all queries at once. The same --seed gives the same answer.

--error-bounds is another thing: the largest error of the arithmetic, which says nothing of the data.
)"},
    Topic{"algorithms", "How the work is done, and what it may cost in accuracy", R"(
dense    every query against every row; time grows with their product
pruned   passes over rows whose weight is below the rounding of the result; as exact as dense
grid     sums the rows as polynomials on boxes, in time that grows with the number of queries and rows, for at
         most three x columns; the error of each answer is bounded and held to --algorithm-tolerance
window   sums the rows between a query and the ends of its bandwidth from moments of cells, in linear time, for one
         x column and kernels that are polynomials (boxcar to tricube); exact but for rounding
auto     the quickest by prediction; --explain says which and why

Results do not depend on the number of threads. ATTNPOOL_ISA forces an instruction set; attnpool info lists them.
)"},
    Topic{"exit-codes", "What each exit code means", R"(
0  done
1  a failure inside, such as no memory
2  wrong usage: an option that is not known or not there, a number out of range
3  bad data: a file that cannot be read, a column that is not there, a cell that is no number; the message names
   file, line and column
4  a fit did not converge; what was found is written all the same
5  cancelled (Ctrl-C or a termination signal); fit keeps the best so far
6  an output cannot be written

Errors are one line on standard error. Output files appear whole or not at all.
)"},
    Topic{"environment", "Variables that the program reads", R"(
ATTNPOOL_NUM_THREADS  the number of threads, where --threads is not given (default: all cores)
ATTNPOOL_ISA          the instruction set: scalar, sse2, avx2, avx512 or neon; one that the processor lacks is an error
NO_COLOR              if set, the progress bar has no colours
)"},
};

std::string list_of_topics() {
  std::string text = "Topics, for attnpool help TOPIC:\n";
  for (const Topic& topic : topics) {
    std::string name = topic.name;
    name.resize(14, ' ');
    text += "  " + name + topic.summary + '\n';
  }
  return text + "Every command is a topic too.\n";
}

std::string text_of(const std::string& name, const CLI::App& program) {
  if (name.empty()) {  // program.help() would be that of the chosen command
    return program.get_formatter()->make_help(&program, "attnpool", CLI::AppFormatMode::Normal) + '\n' +
           list_of_topics();
  }
  for (const Topic& topic : topics) {
    if (name == topic.name) return topic.text + 1;  // the line break that opens the literal
  }
  for (const CLI::App* command : program.get_subcommands([&](const CLI::App* c) { return c->get_name() == name; })) {
    return command->help("attnpool");
  }
  throw UsageError("no topic " + in_quotes(name) + "; attnpool help lists them");
}

}  // namespace

void add_help(CLI::App& program, Command& chosen) {
  auto name = std::make_shared<std::string>();
  CLI::App* command = program.add_subcommand("help", "Explain a command or a topic");
  command->add_option("TOPIC", *name, "A command, or a topic that `attnpool help` lists");
  command->callback([=, &program, &chosen] {
    chosen = [text = text_of(*name, program)] {
      write_file("-", text);
      return Exit::ok;
    };
  });
}

}  // namespace attnpool::program
