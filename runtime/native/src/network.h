// An integer network as docs/integer-net.md defines it, read from its blob and proved; nothing here is laid out for
// speed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "blob.h"

namespace licrt {

inline constexpr uint32_t kMaxLayers = 64;
inline constexpr uint32_t kMaxChannels = 4096;
inline constexpr uint32_t kMaxThresholds = 255;
inline constexpr uint32_t kMaxRatePoints = 256;

enum class Kind : uint32_t { kConvolution = 0, kTransposed = 1, kSubpixel = 2 };
enum class Activation : uint32_t { kNone = 0, kRelu = 1, kLeakyRelu = 2 };

struct LayerSpec {
  Kind kind;
  uint32_t in, out, kernel_h, kernel_w, stride, padding, output_padding, upscale;
  uint32_t weight_bits, accumulator_bits;
  Activation activation;
  uint32_t output_bits;
  std::vector<int16_t> weight;  // [out][in][kernel_h][kernel_w]
  std::vector<int32_t> bias;    // [out]
  std::vector<uint8_t> shift;   // [out]

  // Channels that the next layer reads.
  uint32_t handed_on() const { return out / (upscale * upscale); }
};

// What becomes of the last layer's channels: the first are an index head, the others a mean head.
struct HeadsSpec {
  uint32_t index_channels, mean_channels, threshold_count, rate_points;
  std::vector<int64_t> thresholds;  // [rate_points][index_channels][threshold_count]
};

struct NetworkSpec {
  uint32_t input_channels, input_bits, input_shift;
  std::vector<int32_t> input_offset;  // [input_channels]
  std::vector<LayerSpec> layers;
  HeadsSpec heads;
};

// Reads and proves a network, up to the end of the blob. Throws InvalidNetwork where it breaks a rule; allocates no
// more than a few times the blob's size.
NetworkSpec parse_network(Reader reader);

// Reads and proves 1 to kMaxLayers layers, each of which takes in what the one before hands on; `count` is the number
// that the blob gives. Throws InvalidNetwork.
std::vector<LayerSpec> read_layers(Reader& reader, uint32_t count, uint32_t channels, uint32_t bits);

// Reads one layer, not yet proved. Throws InvalidNetwork.
LayerSpec read_layer(Reader& reader, uint32_t most_output_bits);

// Section 3 for inputs of input_bits, with another bias where that is not null. Throws InvalidNetwork.
void prove(const LayerSpec& layer, uint32_t input_bits, const int32_t* bias = nullptr);

// Reads the heads that follow the layer `last`. Throws InvalidNetwork.
HeadsSpec read_heads(Reader& reader, const LayerSpec& last);

// Largest height or width of any layer, so that no size calculation can overflow.
inline constexpr size_t kMaxSide = size_t{1} << 20;

// Height (or width) of what a layer hands on for an input of `side`; 0 where there is none or it is above kMaxSide.
// REQUIRES: side <= kMaxSide.
size_t output_side(const LayerSpec& layer, size_t side, uint32_t kernel);

}  // namespace licrt
