#include "report.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace bench {

std::string cpu_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(std::min(line.size(), line.find(": ") + 2));
#if defined(__aarch64__)
  return "AArch64";
#else
  return "unknown";
#endif
}

std::string date() {
  char text[16];
  const std::time_t now = std::time(nullptr);
  std::strftime(text, sizeof text, "%F", std::gmtime(&now));
  return text;
}

double median(std::vector<double> x) {
  std::sort(x.begin(), x.end());
  return (x[(x.size() - 1) / 2] + x[x.size() / 2]) / 2;
}

std::string in_units(double seconds) {
  char text[32];
  const double scale = seconds < 1e-3 ? 1e6 : seconds < 1 ? 1e3 : 1;
  std::snprintf(text, sizeof text, "%.3g %s", seconds * scale, scale == 1e6 ? "us" : scale == 1e3 ? "ms" : "s");
  return text;
}

JsonFile::JsonFile(const std::string& path) : path_(path) {
  if (path.empty()) return;
  file_.open(path);
  if (!file_) throw std::runtime_error("cannot write " + path);
}

void JsonFile::write(const nlohmann::json& json) {
  if (path_.empty()) return;
  file_ << json.dump(1) << '\n';
  if (!file_.flush()) throw std::runtime_error("could not write " + path_);
}

}  // namespace bench
