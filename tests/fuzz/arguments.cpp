// The program by its arguments. The bytes choose words from a list, or spell words of their own; files are some good and
// bad ones in an empty directory of its own. An exit code of 1 (a failure inside) is a fault.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "targets.hpp"

// The program itself, its main() under another name.
#define main attnpool_main
#include "main.cpp"
#undef main

namespace attnpool::fuzz {
namespace {

constexpr std::array words = {"fit",         "predict", "weights",   "info",      "--x",         "x",
                              "--y",         "y",       "x,y",       "--model",   "m.json",      "n.json",
                              "--data",      "d.csv",   "e.csv",     "a.npy",     "0",           "1",
                              "--at",        "--grid",  "5",         "--w",       "--bandwidth", "0.5",
                              "1e300",       "-1",      "--out",     "o.csv",     "o.npy",       "--leave-one-out",
                              "--json",      "--quiet", "--threads", "2",         "--epochs",    "--lr",
                              "--tolerance", "--seed",  "--loss",    "half-sum",  "mean",        "--precision",
                              "float",       "double",  "--w0",      "1,2",       "nan",         "",
                              "-",           "--help",  "--version", "--explain", "1e-300",      "--no-leave-one-out"};

/// An empty directory with the files that the words name, and no standard streams that matter.
const std::filesystem::path& workplace() {
  static const std::filesystem::path directory = [] {
    std::string name = (std::filesystem::temp_directory_path() / "attnpool-fuzz-XXXXXX").string();
    require(mkdtemp(name.data()) != nullptr && chdir(name.c_str()) == 0, "a directory to work in");
    std::atexit([] { std::filesystem::remove_all(workplace()); });
    std::ofstream("d.csv") << "x,y\n1,2\n2,3\n4,5\n6,1\n";
    std::ofstream("e.csv") << "x,y\n1,2\n2\n";
    std::ofstream npy("a.npy", std::ios::binary);
    const std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }\n";
    npy << "\x93NUMPY\x01" << '\0' << static_cast<char>(header.size()) << '\0' << header << std::string(16, '\0');
    return std::filesystem::path(name);
  }();
  return directory;
}

/// No picture (a child process each), no demo (a second each), no path out of the directory, and no number so large that
/// the work would be long.
bool is_allowed(const std::string& word) {
  return word != "demo" && word.rfind("--pl", 0) != 0 && word.find('/') == word.npos && word.find("..") == word.npos &&
         std::count_if(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; }) < 5;
}

}  // namespace

void arguments(const std::uint8_t* data, std::size_t size) {
  workplace();
  std::vector<std::string> line = {"attnpool"};
  for (std::size_t i = 0; i < size && line.size() < 30; ++i) {
    std::string word;
    if (data[i] < 0xc0) {
      word = words[data[i] % words.size()];
    } else {
      for (std::size_t left = data[i] & 0x3f; left > 0 && i + 1 < size && data[i + 1] != 0; --left)
        word += static_cast<char>(data[++i]);
    }
    if (is_allowed(word)) line.push_back(word);
  }
  std::vector<char*> argv;
  for (std::string& word : line) argv.push_back(word.data());
  argv.push_back(nullptr);

  // Its words go nowhere, and standard input is empty; a fault of ours must still be seen.
  const int nowhere = open("/dev/null", O_RDWR), out = dup(1), err = dup(2), in = dup(0);
  for (const int stream : {0, 1, 2}) dup2(nowhere, stream);
  const int code = attnpool_main(static_cast<int>(line.size()), argv.data());
  std::fflush(nullptr);
  dup2(in, 0), dup2(out, 1), dup2(err, 2);
  for (const int file : {nowhere, out, err, in}) close(file);
  if (code == 1 || code < 0 || code > 6)
    for (const std::string& word : line) std::fprintf(stderr, "'%s' ", word.c_str());
  require(code != 1 && code >= 0 && code <= 6, "the exit codes of --help, and no failure inside");
  for (const auto& entry : std::filesystem::directory_iterator(workplace()))
    require(!entry.path().filename().string().ends_with(".tmp"), "no temporary file is left");
}

}  // namespace attnpool::fuzz
