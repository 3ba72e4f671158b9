// replay PATH...: runs a target over files and over the files of folders, without libFuzzer, and prints how many.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "input.h"
#include "numbers.h"

// Nothing is mutated here, but targets with a mutator of their own want to be linked.
extern "C" size_t LLVMFuzzerMutate(uint8_t*, size_t size, size_t) { return size; }

int main(int count, char** arguments) {
  std::vector<std::filesystem::path> files;
  for (int i = 1; i < count; ++i) {
    EXPECT(std::filesystem::exists(arguments[i]), "%s is missing", arguments[i]);
    if (!std::filesystem::is_directory(arguments[i])) {
      files.emplace_back(arguments[i]);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(arguments[i])) files.push_back(entry.path());
  }
  EXPECT(!files.empty(), "replay PATH...");
  std::sort(files.begin(), files.end());
  for (const auto& path : files) {
    std::ifstream file(path, std::ios::binary);
    EXPECT(file.good(), "%s cannot be read", path.c_str());
    std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    bytes.shrink_to_fit();                       // the input ends where memory does
    std::fprintf(stderr, "%s\n", path.c_str());  // which one, should it be the last
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  }
  std::printf("%zu inputs\n", files.size());
}
