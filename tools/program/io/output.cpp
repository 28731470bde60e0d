#include "io/output.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "base/errors.hpp"
#include "base/number.hpp"

namespace attnpool::program {
namespace {

template <class Format, std::size_t N>
Format format_of(const std::string& option, const std::string& path,
                 const std::array<std::pair<const char*, Format>, N>& endings) {
  std::string known;
  for (const auto& [ending, format] : endings) {
    if (path.ends_with(ending)) return format;
    known += (known.empty() ? "" : ending == endings.back().first ? " or " : ", ") + std::string(ending);
  }
  throw UsageError(option + ": " + in_quotes(path) + " ends in none of " + known + ", which say what is written");
}

bool is_special(const std::string& path) {
  struct stat status = {};
  return path == "-" || (stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode));
}

std::string gigabytes(double bytes) { return to_short_text(bytes / 1e9, 4) + " GB"; }

}  // namespace

TableFormat table_format(const std::string& option, const std::string& path) {
  constexpr std::array<std::pair<const char*, TableFormat>, 3> endings = {
      {{".csv", TableFormat::csv}, {".tsv", TableFormat::tsv}, {".npy", TableFormat::npy}}};
  return is_special(path) ? TableFormat::csv : format_of(option, path, endings);
}

PictureFormat picture_format(const std::string& option, const std::string& path) {
  constexpr std::array<std::pair<const char*, PictureFormat>, 3> endings = {
      {{".png", PictureFormat::png}, {".svg", PictureFormat::svg}, {".pdf", PictureFormat::pdf}}};
  return is_special(path) ? PictureFormat::png : format_of(option, path, endings);
}

void require_space(const std::string& path, double bytes) {
  if (is_special(path)) return;
  const std::size_t slash = path.find_last_of('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  struct statvfs status = {};
  if (statvfs(folder.c_str(), &status) != 0) return;  // opening the file will say why
  const double available = static_cast<double>(status.f_bavail) * static_cast<double>(status.f_frsize);
  if (bytes > available) {
    throw OutputError("cannot write " + printable(path) + ": it would take at least " + gigabytes(bytes) + "; " +
                      gigabytes(available) + " are free there");
  }
}

void require_memory(const std::string& what, double bytes) {
  const double available = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  if (bytes > available) {
    throw OutputError(what + " would take " + gigabytes(bytes) + " of memory; this machine has " +
                      gigabytes(available));
  }
}

}  // namespace attnpool::program
