#pragma once
#include <fstream>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

// What the tables have in common.
namespace bench {

/// What /proc/cpuinfo calls the CPU, or what it was compiled for.
std::string cpu_model();
/// Today, 2026-01-31.
std::string date();
/// Of at least one number.
double median(std::vector<double> x);
/// "1.23 ms".
std::string in_units(double seconds);

/// A file to be written at the end of long measurements, opened before them. An empty path: no file.
class JsonFile {
 public:
  /// Both throw std::runtime_error that names the path.
  explicit JsonFile(const std::string& path);
  void write(const nlohmann::json& json);

 private:
  std::string path_;
  std::ofstream file_;
};

}  // namespace bench
