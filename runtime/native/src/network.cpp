#include "network.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "bytes.h"

namespace licrt {
namespace {

constexpr uint32_t kVersion = 1;
constexpr uint32_t kMaxLayers = 64;
constexpr uint32_t kMaxChannels = 4096;
constexpr uint32_t kMaxKernel = 15;
constexpr uint32_t kMaxStride = 8;
constexpr uint32_t kMaxThresholds = 255;

void expect(bool condition, const std::string& message) {
  if (!condition) throw InvalidNetwork(message);
}

uint32_t expect_in(const char* name, uint32_t value, uint32_t low, uint32_t high) {
  expect(low <= value && value <= high, std::string(name) + " is " + std::to_string(value) + ", expected " +
                                            std::to_string(low) + " to " + std::to_string(high));
  return value;
}

class Reader {
 public:
  Reader(const uint8_t* bytes, size_t size) : next_(bytes), left_(size) {}

  uint32_t word() {
    expect(left_ >= 4, "the blob is cut short");
    const uint32_t value = load_u32(next_);
    skip(4);
    return value;
  }

  // An array of `count` integers of sizeof(Stored) bytes, and its padding. The size is checked before memory is taken:
  // count is at most 2^32, so nothing here overflows.
  template <typename Stored, typename Value>
  std::vector<Value> array(uint64_t count) {
    const uint64_t padded = (count * sizeof(Stored) + 3) / 4 * 4;
    expect(left_ >= padded, "the blob is cut short");
    std::vector<Value> values(count);
    for (size_t i = 0; i < count; ++i) values[i] = static_cast<Value>(static_cast<Stored>(load<sizeof(Stored)>(i)));
    for (uint64_t i = count * sizeof(Stored); i < padded; ++i) expect(next_[i] == 0, "padding is not zero");
    skip(padded);
    return values;
  }

  void expect_end() const { expect(left_ == 0, "bytes are left over after the network"); }

 private:
  template <size_t size>
  uint64_t load(size_t i) const {
    uint64_t value = 0;
    for (size_t byte = 0; byte < size; ++byte) value |= uint64_t{next_[i * size + byte]} << (8 * byte);
    return value;
  }

  void skip(uint64_t size) {
    next_ += size;
    left_ -= size;
  }

  const uint8_t* next_;
  uint64_t left_;
};

LayerSpec read_layer(Reader& reader, bool last) {
  LayerSpec layer{};
  layer.kind = static_cast<Kind>(expect_in("kind", reader.word(), 0, 1));
  layer.in = expect_in("in", reader.word(), 1, kMaxChannels);
  layer.out = expect_in("out", reader.word(), 1, kMaxChannels);
  layer.kernel_h = expect_in("kernel_h", reader.word(), 1, kMaxKernel);
  layer.kernel_w = expect_in("kernel_w", reader.word(), 1, kMaxKernel);
  layer.stride = expect_in("stride", reader.word(), 1, kMaxStride);
  layer.padding = expect_in("padding", reader.word(), 0, std::min(layer.kernel_h, layer.kernel_w) - 1);
  const bool transposed = layer.kind == Kind::kTransposed;
  layer.output_padding = expect_in("output_padding", reader.word(), 0, transposed ? layer.stride - 1 : 0);
  layer.weight_bits = reader.word();
  expect(layer.weight_bits == 8 || layer.weight_bits == 16, "weight_bits is neither 8 nor 16");
  layer.accumulator_bits = reader.word();
  expect(layer.accumulator_bits == 32 || layer.accumulator_bits == 64, "accumulator_bits is neither 32 nor 64");
  layer.activation = static_cast<Activation>(expect_in("activation", reader.word(), 0, 2));
  layer.output_bits = expect_in("output_bits", reader.word(), 2, last ? 24 : 16);
  const uint64_t weights = uint64_t{layer.out} * layer.in * layer.kernel_h * layer.kernel_w;
  layer.weight =
      layer.weight_bits == 8 ? reader.array<int8_t, int16_t>(weights) : reader.array<int16_t, int16_t>(weights);
  const int lowest = layer.weight_bits == 8 ? INT8_MIN : INT16_MIN;
  expect(*std::min_element(layer.weight.begin(), layer.weight.end()) > lowest, "a weight is not symmetric");
  layer.bias = reader.array<int32_t, int32_t>(layer.out);
  layer.shift = reader.array<uint8_t, uint8_t>(layer.out);
  for (const uint8_t shift : layer.shift) expect_in("shift", shift, 1, layer.accumulator_bits - 2);
  return layer;
}

// Section 3. The sum is below 2^50 by the limits on channels and kernels, and 2^(s-1) is at most 2^61.
void prove(const LayerSpec& layer, uint32_t input_bits) {
  const uint64_t limit = uint64_t{1} << (layer.accumulator_bits - 1);
  const size_t row = layer.weight.size() / layer.out;
  for (size_t channel = 0; channel < layer.out; ++channel) {
    uint64_t sum = 0;
    for (size_t i = 0; i < row; ++i) sum += static_cast<uint64_t>(std::abs(int{layer.weight[channel * row + i]}));
    const auto bias = static_cast<uint64_t>(std::abs(int64_t{layer.bias[channel]}));
    const uint64_t rounding = uint64_t{1} << (layer.shift[channel] - 1);
    expect((sum << (input_bits - 1)) + bias + rounding < limit, "channel " + std::to_string(channel) + " can overflow");
  }
}

void read_index_head(Reader& reader, const LayerSpec& last, NetworkSpec& network) {
  network.index_channels = expect_in("index_channels", reader.word(), 0, last.out);
  network.mean_channels = reader.word();
  expect(network.mean_channels == last.out - network.index_channels, "the heads are not the last layer's channels");
  const bool any = network.index_channels != 0;
  network.threshold_count = expect_in("threshold_count", reader.word(), any ? 1 : 0, any ? kMaxThresholds : 0);
  const uint64_t count = uint64_t{network.index_channels} * network.threshold_count;
  network.thresholds =
      last.accumulator_bits == 64 ? reader.array<int64_t, int64_t>(count) : reader.array<int32_t, int64_t>(count);
  for (size_t first = 0; first < count; first += network.threshold_count) {
    const auto row = network.thresholds.begin() + static_cast<ptrdiff_t>(first);
    expect(std::is_sorted(row, row + network.threshold_count), "the thresholds of a channel decrease");
  }
}

}  // namespace

NetworkSpec parse_network(const uint8_t* blob, size_t size) {
  Reader reader(blob, size);
  expect(reader.word() == 0x54454e4c, "the blob does not begin with LNET");
  expect_in("version", reader.word(), kVersion, kVersion);
  const uint32_t layer_count = expect_in("layer_count", reader.word(), 1, kMaxLayers);
  NetworkSpec network{};
  network.input_channels = expect_in("input_channels", reader.word(), 1, kMaxChannels);
  network.input_bits = expect_in("input_bits", reader.word(), 2, 16);
  network.input_shift = expect_in("input_shift", reader.word(), 0, 15);
  network.input_offset = reader.array<int32_t, int32_t>(network.input_channels);
  uint32_t channels = network.input_channels;
  uint32_t bits = network.input_bits;
  for (uint32_t number = 0; number < layer_count; ++number) {
    try {
      network.layers.push_back(read_layer(reader, number + 1 == layer_count));
      const LayerSpec& layer = network.layers.back();
      expect(layer.in == channels, "in is not the number of channels that arrive");
      prove(layer, bits);
      channels = layer.out;
      bits = layer.output_bits;
    } catch (const InvalidNetwork& error) {
      throw InvalidNetwork("layer " + std::to_string(number) + ": " + error.what());
    }
  }
  read_index_head(reader, network.layers.back(), network);
  reader.expect_end();
  return network;
}

size_t output_side(const LayerSpec& layer, size_t side, uint32_t kernel) {
  const size_t padded = side + 2 * size_t{layer.padding};
  size_t output = 0;
  if (layer.kind == Kind::kConvolution) {
    output = padded < kernel ? 0 : (padded - kernel) / layer.stride + 1;
  } else if (side != 0) {
    const size_t whole = (side - 1) * layer.stride + kernel + layer.output_padding;
    output = whole > 2 * size_t{layer.padding} ? whole - 2 * size_t{layer.padding} : 0;
  }
  return output <= kMaxSide ? output : 0;
}

}  // namespace licrt
