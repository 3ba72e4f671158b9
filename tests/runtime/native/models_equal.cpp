// Random networks give the same numbers with every set of kernels and any number of threads.
#include <set>
#include <vector>

#include "blobs.h"
#include "licrt.h"
#include "numbers.h"

namespace {

struct Output {
  std::vector<int32_t> indexes, means;
  bool operator==(const Output&) const = default;
};

struct Sizes {
  size_t height, width, crop_height, crop_width;
};

Output run(const Blob& blob, const NetworkShape& shape, const char* cpu, const std::vector<int32_t>& symbols,
           const Sizes& sizes, unsigned threads, uint32_t point) {
  licrt_network* network = nullptr;
  char reason[200];
  const licrt_status made =
      licrt_network_create(blob.bytes.data(), blob.bytes.size(), cpu, &network, reason, sizeof reason);
  EXPECT(made == LICRT_OK, "%s: %s", cpu, reason);
  const size_t plane = sizes.crop_height * sizes.crop_width;
  Output output{std::vector<int32_t>(shape.index_channels * plane, -1),
                std::vector<int32_t>(shape.mean_channels * plane, -1)};
  const licrt_status status =
      licrt_network_run(network, symbols.data(), sizes.height, sizes.width, sizes.crop_height, sizes.crop_width,
                        threads, point, output.indexes.data(), output.means.data());
  EXPECT(status == LICRT_OK, "%s: %s", cpu, licrt_status_message(status));
  licrt_network_destroy(network);
  return output;
}

// A size that the network has an output for, and a crop of that.
Sizes pick_sizes(Numbers& numbers, const Blob& blob) {
  licrt_network* network = nullptr;
  char reason[200];
  const licrt_status made =
      licrt_network_create(blob.bytes.data(), blob.bytes.size(), "scalar", &network, reason, sizeof reason);
  EXPECT(made == LICRT_OK, "%s", reason);
  Sizes sizes{static_cast<size_t>(numbers.between(1, 12)), static_cast<size_t>(numbers.between(1, 30)), 0, 0};
  size_t height, width;
  while (licrt_network_output_size(network, sizes.height, sizes.width, &height, &width) != LICRT_OK) {
    ++sizes.height, ++sizes.width;
  }
  licrt_network_destroy(network);
  sizes.crop_height = static_cast<size_t>(numbers.between(1, std::min<int64_t>(height, 40)));
  sizes.crop_width = static_cast<size_t>(numbers.between(1, std::min<int64_t>(width, 40)));
  return sizes;
}

}  // namespace

int main() {
  Numbers numbers(3);
  std::set<int32_t> indexes, means;
  for (int round = 0; round < 60; ++round) {
    NetworkShape shape;
    const Blob blob = random_network(numbers, shape);
    const Sizes sizes = pick_sizes(numbers, blob);
    std::vector<int32_t> symbols(shape.input_channels * sizes.height * sizes.width);
    for (int32_t& symbol : symbols) {  // some far outside
      const bool hostile = numbers.between(0, 20) == 0;
      symbol = static_cast<int32_t>(numbers.signed_bits(hostile ? 31 : shape.input_bits - shape.input_shift));
    }
    const auto point = static_cast<uint32_t>(numbers.between(0, shape.points - 1));
    const Output expected = run(blob, shape, "scalar", symbols, sizes, 1, point);
    for (size_t i = 0; licrt_kernels(i) != nullptr; ++i) {
      for (const unsigned threads : {1u, 3u}) {
        const Output found = run(blob, shape, licrt_kernels(i), symbols, sizes, threads, point);
        EXPECT(found == expected, "%s, network %d, %u threads", licrt_kernels(i), round, threads);
      }
    }
    indexes.insert(expected.indexes.begin(), expected.indexes.end());
    means.insert(expected.means.begin(), expected.means.end());
  }
  EXPECT(indexes.size() >= 60 && means.size() >= 5000, "%zu indexes, %zu means", indexes.size(), means.size());
  for (size_t i = 0; licrt_kernels(i) != nullptr; ++i) std::printf("%s ", licrt_kernels(i));
  std::puts("ok");
}
