#include "network.h"

#include <algorithm>
#include <cstdlib>
#include <string>

namespace licrt {
namespace {

constexpr uint32_t kMagic = 0x54454e4c;
constexpr uint32_t kVersion = 2;
constexpr uint32_t kMaxKernel = 15;
constexpr uint32_t kMaxStride = 8;

}  // namespace

LayerSpec read_layer(Reader& reader, uint32_t most_output_bits) {
  LayerSpec layer{};
  layer.kind = static_cast<Kind>(expect_in("kind", reader.word(), 0, 2));
  const bool transposed = layer.kind == Kind::kTransposed, subpixel = layer.kind == Kind::kSubpixel;
  layer.in = expect_in("in", reader.word(), 1, kMaxChannels);
  layer.out = expect_in("out", reader.word(), 1, kMaxChannels);
  layer.kernel_h = expect_in("kernel_h", reader.word(), 1, kMaxKernel);
  layer.kernel_w = expect_in("kernel_w", reader.word(), 1, kMaxKernel);
  layer.stride = expect_in("stride", reader.word(), 1, kMaxStride);
  layer.padding = expect_in("padding", reader.word(), 0, std::min(layer.kernel_h, layer.kernel_w) - 1);
  layer.output_padding = expect_in("output_padding", reader.word(), 0, transposed ? layer.stride - 1 : 0);
  layer.upscale = expect_in("upscale", reader.word(), subpixel ? 2 : 1, subpixel ? 4 : 1);
  expect(layer.out % (layer.upscale * layer.upscale) == 0, "out is not a multiple of upscale * upscale");
  layer.weight_bits = reader.word();
  expect(layer.weight_bits == 8 || layer.weight_bits == 16, "weight_bits is neither 8 nor 16");
  layer.accumulator_bits = reader.word();
  expect(layer.accumulator_bits == 32 || layer.accumulator_bits == 64, "accumulator_bits is neither 32 nor 64");
  layer.activation = static_cast<Activation>(expect_in("activation", reader.word(), 0, 2));
  layer.output_bits = expect_in("output_bits", reader.word(), 2, most_output_bits);
  const uint64_t weights = uint64_t{layer.out} * layer.in * layer.kernel_h * layer.kernel_w;
  layer.weight =
      layer.weight_bits == 8 ? reader.array<int8_t, int16_t>(weights) : reader.array<int16_t, int16_t>(weights);
  const int lowest = layer.weight_bits == 8 ? INT8_MIN : INT16_MIN;
  expect(*std::min_element(layer.weight.begin(), layer.weight.end()) > lowest, "a weight is not symmetric");
  layer.bias = reader.array<int32_t>(layer.out);
  layer.shift = reader.array<uint8_t>(layer.out);
  for (const uint8_t shift : layer.shift) expect_in("shift", shift, 1, layer.accumulator_bits - 2);
  return layer;
}

// The sum is below 2^50 by the limits on channels and kernels, and 2^(s-1) is at most 2^61.
void prove(const LayerSpec& layer, uint32_t input_bits, const int32_t* bias) {
  const uint64_t limit = uint64_t{1} << (layer.accumulator_bits - 1);
  const size_t row = layer.weight.size() / layer.out;
  if (bias == nullptr) bias = layer.bias.data();
  for (size_t channel = 0; channel < layer.out; ++channel) {
    uint64_t sum = 0;
    for (size_t i = 0; i < row; ++i) sum += static_cast<uint64_t>(std::abs(int{layer.weight[channel * row + i]}));
    const auto magnitude = static_cast<uint64_t>(std::abs(int64_t{bias[channel]}));
    const uint64_t rounding = uint64_t{1} << (layer.shift[channel] - 1);
    if ((sum << (input_bits - 1)) + magnitude + rounding >= limit) {
      throw InvalidNetwork("channel " + std::to_string(channel) + " can overflow");
    }
  }
}

std::vector<LayerSpec> read_layers(Reader& reader, uint32_t count, uint32_t channels, uint32_t bits) {
  expect_in("layer_count", count, 1, kMaxLayers);
  std::vector<LayerSpec> layers;
  for (uint32_t number = 0; number < count; ++number) {
    const bool last = number + 1 == count;
    try {
      layers.push_back(read_layer(reader, last ? 24 : 16));
      const LayerSpec& layer = layers.back();
      expect(layer.in == channels, "in is not the number of channels that arrive");
      expect(!last || layer.kind != Kind::kSubpixel, "the last layer is a sub-pixel convolution");
      prove(layer, bits);
      channels = layer.handed_on();
      bits = layer.output_bits;
    } catch (const InvalidNetwork& error) {
      throw InvalidNetwork("layer " + std::to_string(number) + ": " + error.what());
    }
  }
  return layers;
}

HeadsSpec read_heads(Reader& reader, const LayerSpec& last) {
  HeadsSpec heads{};
  heads.index_channels = expect_in("index_channels", reader.word(), 0, last.out);
  heads.mean_channels = reader.word();
  expect(heads.mean_channels == last.out - heads.index_channels, "the heads are not the last layer's channels");
  const bool any = heads.index_channels != 0;
  heads.threshold_count = expect_in("threshold_count", reader.word(), any ? 1 : 0, any ? kMaxThresholds : 0);
  heads.rate_points = expect_in("rate_points", reader.word(), 1, kMaxRatePoints);
  const uint64_t count = uint64_t{heads.rate_points} * heads.index_channels * heads.threshold_count;
  heads.thresholds = last.accumulator_bits == 64 ? reader.array<int64_t>(count) : reader.array<int32_t, int64_t>(count);
  for (size_t first = 0; first < count; first += heads.threshold_count) {
    const auto row = heads.thresholds.begin() + static_cast<ptrdiff_t>(first);
    expect(std::is_sorted(row, row + heads.threshold_count), "the thresholds of a channel decrease");
  }
  return heads;
}

NetworkSpec parse_network(Reader reader) {
  expect(reader.word() == kMagic, "the blob does not begin with LNET");
  expect_in("version", reader.word(), kVersion, kVersion);
  const uint32_t layer_count = expect_in("layer_count", reader.word(), 1, kMaxLayers);
  NetworkSpec network{};
  network.input_channels = expect_in("input_channels", reader.word(), 1, kMaxChannels);
  network.input_bits = expect_in("input_bits", reader.word(), 2, 16);
  network.input_shift = expect_in("input_shift", reader.word(), 0, 15);
  network.input_offset = reader.array<int32_t>(network.input_channels);
  network.layers = read_layers(reader, layer_count, network.input_channels, network.input_bits);
  network.heads = read_heads(reader, network.layers.back());
  reader.expect_end("the network");
  return network;
}

size_t output_side(const LayerSpec& layer, size_t side, uint32_t kernel) {
  const size_t padded = side + 2 * size_t{layer.padding};
  size_t output = 0;
  if (layer.kind != Kind::kTransposed) {
    output = padded < kernel ? 0 : ((padded - kernel) / layer.stride + 1) * layer.upscale;
  } else if (side != 0) {
    const size_t whole = (side - 1) * layer.stride + kernel + layer.output_padding;
    output = whole > 2 * size_t{layer.padding} ? whole - 2 * size_t{layer.padding} : 0;
  }
  return output <= kMaxSide ? output : 0;
}

}  // namespace licrt
