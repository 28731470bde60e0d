#include "commands/kernel_options.hpp"

#include <attnpool/from_string.hpp>

#include "base/arguments.hpp"
#include "base/errors.hpp"
#include "base/number.hpp"

namespace attnpool::program {
namespace {

constexpr double largest_alpha = 1000;      // of KernelProfile
constexpr std::size_t most_x_columns = 16;  // of Options::order 1

int checked_order(const KernelOptions& options, std::size_t x_columns) {
  const auto order = static_cast<int>(whole_argument("--order", options.order, 0, 2));
  const std::size_t most = order == 2 ? 1 : order == 1 ? most_x_columns : x_columns;
  if (x_columns > most)
    throw UsageError("--order: " + options.order + " serves at most " + plural(most, "x column") + ", not " +
                     std::to_string(x_columns));
  return order;
}

}  // namespace

std::vector<CLI::Option*> add_kernel_options(CLI::App& command, KernelOptions& options) {
  return {command
              .add_option("--kernel", options.shape,
                          "How weights fall with the distance in bandwidths; `attnpool help kernels` has the formulas")
              ->type_name("SHAPE")
              ->check(CLI::IsMember({"gaussian", "boxcar", "triangular", "epanechnikov", "biweight", "triweight",
                                     "tricube", "cosine", "laplace", "rational_quadratic"}))
              ->capture_default_str(),
          command
              .add_option("--alpha", options.alpha,
                          "Of the rational_quadratic kernel, above 0 and at most 1000 (default: 1)")
              ->type_name("R"),
          command.add_flag("--product", options.product,
                           "Multiply the kernels of the x columns, instead of one kernel of the Euclidean distance")};
}

std::vector<CLI::Option*> add_order_options(CLI::App& command, KernelOptions& options) {
  return {command
              .add_option("--order", options.order,
                          "Around each query fit: 0, the weighted mean; 1, a line (a plane); 2, a parabola, for one "
                          "x column")
              ->type_name("0|1|2")
              ->capture_default_str(),
          command
              .add_option("--empty", options.empty,
                          "The answer where no row is within reach of a kernel that ends: none, that of the nearest "
                          "row, the mean of all rows, or an error")
              ->type_name("POLICY")
              ->check(CLI::IsMember({"nan", "nearest", "mean", "error"}))
              ->capture_default_str()};
}

Smoothing checked_smoothing(const KernelOptions& options, std::size_t x_columns) {
  Smoothing smoothing;
  smoothing.kernel.shape = from_string<KernelShape>(options.shape);
  smoothing.kernel.product = options.product;
  if (!options.alpha.empty()) {
    if (smoothing.kernel.shape != KernelShape::rational_quadratic)
      throw UsageError("--alpha: is of the rational_quadratic kernel, not of the " + options.shape + " kernel");
    smoothing.kernel.alpha = number_argument("--alpha", options.alpha);
    if (!(smoothing.kernel.alpha > 0 && smoothing.kernel.alpha <= largest_alpha))
      throw UsageError("--alpha: " + in_quotes(options.alpha) + " is not above 0 and at most 1000");
  }
  smoothing.order = checked_order(options, x_columns);
  smoothing.empty = from_string<Empty>(options.empty);
  return smoothing;
}

void check_descent(const KernelOptions& options, const Smoothing& smoothing) {
  const auto refuse = [](const std::string& option, const std::string& value) {
    throw UsageError(option + ": " + in_quotes(value) + " is not for gradient descent; --method select knows it");
  };
  if (!smoothing.kernel.is_gaussian()) refuse("--kernel", options.shape);
  if (smoothing.order > 0) refuse("--order", options.order);
}

std::string text_of(const Smoothing& smoothing) {
  const KernelProfile& kernel = smoothing.kernel;
  std::string text = kernel.product ? "product of " : "";
  text += to_string(kernel.shape);
  text += kernel.product ? " kernels" : " kernel";
  if (kernel.shape == KernelShape::rational_quadratic) text += ", alpha " + to_short_text(kernel.alpha);
  if (smoothing.order > 0) text += ", order " + std::to_string(smoothing.order);
  return text;
}

void add_json(const Smoothing& smoothing, nlohmann::ordered_json& object) {
  object["kernel"] = to_string(smoothing.kernel.shape);
  object["alpha"] = smoothing.kernel.alpha;
  object["product"] = smoothing.kernel.product;
  object["order"] = smoothing.order;
  object["empty"] = to_string(smoothing.empty);
}

}  // namespace attnpool::program
