#pragma once
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "io/model.hpp"

namespace attnpool::program {

/// --kernel and what belongs to it, as text; it is checked when the command runs.
struct KernelOptions {
  std::string shape = "gaussian", alpha, order = "0", empty = "nan";
  bool product = false;
};

/// Adds --kernel, --alpha and --product. Returns them.
std::vector<CLI::Option*> add_kernel_options(CLI::App& command, KernelOptions& options);
/// Adds --order and --empty. Returns them.
std::vector<CLI::Option*> add_order_options(CLI::App& command, KernelOptions& options);

/// All of them for that many x columns. Throws UsageError.
Smoothing checked_smoothing(const KernelOptions& options, std::size_t x_columns);

/// Refuses what gradient descent does not know: other kernels than the gaussian, and orders above 0.
void check_descent(const KernelOptions& options, const Smoothing& smoothing);

/// "gaussian kernel", "product of epanechnikov kernels, order 1".
std::string text_of(const Smoothing& smoothing);
/// Adds kernel, alpha, product, order and empty to an object for --json.
void add_json(const Smoothing& smoothing, nlohmann::ordered_json& object);

}  // namespace attnpool::program
