// An integer network as docs/integer-net.md defines it, read from its blob and proved; nothing here is laid out for
// speed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

namespace licrt {

// Why a blob is refused, in one line.
struct InvalidNetwork : std::runtime_error {
  using std::runtime_error::runtime_error;
};

enum class Kind : uint32_t { kConvolution = 0, kTransposed = 1 };
enum class Activation : uint32_t { kNone = 0, kRelu = 1, kLeakyRelu = 2 };

struct LayerSpec {
  Kind kind;
  uint32_t in, out, kernel_h, kernel_w, stride, padding, output_padding;
  uint32_t weight_bits, accumulator_bits;
  Activation activation;
  uint32_t output_bits;
  std::vector<int16_t> weight;  // [out][in][kernel_h][kernel_w]
  std::vector<int32_t> bias;    // [out]
  std::vector<uint8_t> shift;   // [out]
};

struct NetworkSpec {
  uint32_t input_channels, input_bits, input_shift;
  std::vector<int32_t> input_offset;  // [input_channels]
  std::vector<LayerSpec> layers;
  uint32_t index_channels, mean_channels, threshold_count;
  std::vector<int64_t> thresholds;  // [index_channels][threshold_count]
};

// Reads and proves a blob. Throws InvalidNetwork where it breaks a rule; allocates no more than a few times its size.
NetworkSpec parse_network(const uint8_t* blob, size_t size);

// Largest height or width of any layer, so that no size calculation can overflow.
inline constexpr size_t kMaxSide = size_t{1} << 20;

// Height (or width) of a layer's output for an input of `side`; 0 where there is none or it is above kMaxSide.
// REQUIRES: side <= kMaxSide.
size_t output_side(const LayerSpec& layer, size_t side, uint32_t kernel);

}  // namespace licrt
