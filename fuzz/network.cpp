// Integer networks from strangers: every set of kernels refuses a blob for the same reason, or gives the same numbers,
// with any number of threads and whatever is cropped away.
//
// Input: height, width, crop_height, crop_width, threads, rate point (a byte each), seed of the symbols (4), the blob.
#include <memory>

#include "blob.h"
#include "blobs.h"

namespace {

constexpr size_t kFront = 10;
constexpr double kMostCost = 1 << 24;

struct Destroy {
  void operator()(licrt_network* network) const { licrt_network_destroy(network); }
};
using Handle = std::unique_ptr<licrt_network, Destroy>;

Made make_network(const Input& input, const char* cpu, Handle& handle) {
  licrt_network* network = nullptr;
  const Made made = make([&](char* reason, size_t size) {
    return licrt_network_create(input.rest(), input.left(), cpu, &network, reason, size);
  });
  handle.reset(network);
  EXPECT((network != nullptr) == (made.status == LICRT_OK), "status %d", made.status);
  return made;
}

struct Output {
  std::vector<int32_t> indexes, means;
  bool operator==(const Output& other) const { return indexes == other.indexes && means == other.means; }
};

struct Size {
  size_t height, width;
};

struct Run {
  licrt_network_info info;
  std::vector<int32_t> symbols;
  Size input;
  uint32_t point;

  Output operator()(const licrt_network* network, Size crop, unsigned threads) const {
    const size_t plane = crop.height * crop.width;
    Output output{std::vector<int32_t>(info.index_channels * plane), std::vector<int32_t>(info.mean_channels * plane)};
    const licrt_status status =
        licrt_network_run(network, symbols.data(), input.height, input.width, crop.height, crop.width, threads, point,
                          output.indexes.data(), output.means.data());
    EXPECT(status == LICRT_OK, "%s", licrt_status_message(status));
    return output;
  }
};

std::vector<int32_t> cropped(const std::vector<int32_t>& values, Size size, Size crop) {
  std::vector<int32_t> some;
  for (size_t i = 0; i < values.size(); ++i) {
    if (i / size.width % size.height < crop.height && i % size.width < crop.width) some.push_back(values[i]);
  }
  return some;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const Size from{input.between(1, 9), input.between(1, 9)};
  const uint32_t crop_height = input.byte(), crop_width = input.byte(), threads = input.between(1, 4);
  const uint32_t point = input.byte();
  Numbers numbers(input.word());

  Handle scalar;
  const std::vector<const char*> kernels = all_kernels();
  const Made made = make_network(input, kernels[0], scalar);
  Run run{{}, {}, from, 0};
  Size to{0, 0}, crop{0, 0};
  Output expected, part;
  bool runs = false;
  if (scalar != nullptr) {
    licrt_network_describe(scalar.get(), &run.info);
    run.point = point % run.info.rate_points;
    run.symbols.resize(run.info.input_channels * from.height * from.width);
    for (int32_t& symbol : run.symbols) symbol = static_cast<int32_t>(numbers.signed_bits(31));
    runs = licrt_network_output_size(scalar.get(), from.height, from.width, &to.height, &to.width) == LICRT_OK;
  }
  if (runs) {
    const Cost cost = cost_of(input.rest(), input.left(), from.height, from.width);
    const auto ends = static_cast<double>(std::max(from.height * from.width, to.height * to.width));
    EXPECT(cost.positions <= std::max(4096.0, 16 * ends), "%f positions for %f", cost.positions, ends);
    runs = cost.multiplications < kMostCost;
  }
  if (runs) {
    expected = run(scalar.get(), to, 1);
    crop = {1 + crop_height % to.height, 1 + crop_width % to.width};
    part = {cropped(expected.indexes, to, crop), cropped(expected.means, to, crop)};
    EXPECT(run(scalar.get(), crop, threads) == part, "what is cropped away is seen");
    for (const int32_t index : expected.indexes) {
      EXPECT(0 <= index && static_cast<uint32_t>(index) <= run.info.threshold_count, "%d", index);
    }
    for (const int32_t mean : expected.means) EXPECT(-(1 << 23) <= mean && mean < 1 << 23, "%d", mean);
  }
  for (size_t i = 1; i < kernels.size(); ++i) {
    Handle network;
    const Made here = make_network(input, kernels[i], network);
    EXPECT(here == made, "%s: '%s' instead of '%s'", kernels[i], here.reason.c_str(), made.reason.c_str());
    if (runs) EXPECT(run(network.get(), to, threads) == expected, "%s gives other numbers", kernels[i]);
    if (runs) EXPECT(run(network.get(), crop, 1) == part, "%s gives other numbers", kernels[i]);
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t capacity, unsigned seed) {
  return mutate_blob(data, size, capacity, seed, kFront, [](Numbers& numbers) {
    NetworkShape shape{};
    return random_network(numbers, shape).bytes;
  });
}
