// attnpool_fuzz_replay DIRECTORY: feeds every file of DIRECTORY/<target>/ to its target, with any compiler.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "targets.hpp"

int main(int argc, char** argv) {
  using namespace attnpool::fuzz;
  const struct {
    const char* name;
    void (*run)(const std::uint8_t*, std::size_t);
  } targets[] = {{"routines", routines}, {"npy", npy}, {"csv", csv}, {"model", model}, {"arguments", arguments}};
  if (argc != 2) {
    std::cerr << "usage: attnpool_fuzz_replay DIRECTORY\n";
    return 2;
  }
  const std::filesystem::path corpus = std::filesystem::absolute(argv[1]);
  for (const auto& [name, run] : targets) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(corpus / name)) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    if (files.empty()) {
      std::cerr << "no files for " << name << '\n';
      return 1;
    }
    for (const auto& file : files) {
      std::ifstream in(file, std::ios::binary);
      const std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
      std::cerr << name << '/' << file.filename().string() << '\n';  // the last one named is the one that broke it
      run(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    }
    std::cerr << name << ": " << files.size() << " files\n";
  }
  return 0;
}
