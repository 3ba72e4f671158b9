#include "plan.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

namespace licrt {
namespace {

// weight = 256 * high + low, low in -128...127.
int low_plane(int weight) { return static_cast<int8_t>(weight & 0xff); }
int high_plane(int weight) { return (weight - low_plane(weight)) / 256; }

// Whether 32 bits hold every partial sum of `part(weight)` times an input of input_bits, for all channels.
template <typename Part>
bool fits_32_bits(const LayerSpec& layer, uint32_t input_bits, Part part) {
  const size_t row = layer.weight.size() / layer.out;
  for (size_t first = 0; first < layer.weight.size(); first += row) {
    int64_t sum = 0;
    for (size_t i = first; i < first + row; ++i) sum += std::abs(part(layer.weight[i]));
    if (sum << (input_bits - 1) > INT32_MAX) return false;
  }
  return true;
}

Summation choose_summation(const LayerSpec& layer, uint32_t input_bits) {
  if (fits_32_bits(layer, input_bits, [](int weight) { return weight; })) return Summation::kNarrow;
  const bool planes = fits_32_bits(layer, input_bits, low_plane) && fits_32_bits(layer, input_bits, high_plane);
  return planes ? Summation::kPlanes : Summation::kWide;
}

Block make_block(const LayerSpec& layer, uint32_t first, uint32_t count, bool index_head, bool last) {
  Block block{};
  block.first = first;
  block.count = count;
  block.index_head = index_head;
  block.requantisation = make_requantisation(layer, layer.bias.data(), first, count, last);
  return block;
}

// acc >= threshold is sum >= threshold - bias. Where that difference does not fit Acc, its nearest value does as well,
// because the proof keeps sums strictly inside.
template <typename Acc>
AlignedArray<Acc> pack_thresholds(const HeadsSpec& heads, const LayerSpec& layer, const Block& block, unsigned width) {
  const size_t count = heads.threshold_count;
  AlignedArray<Acc> packed(heads.rate_points * count * width);
  for (size_t point = 0; point < heads.rate_points; ++point) {
    for (size_t channel = 0; channel < block.count; ++channel) {
      const int64_t bias = layer.bias[block.first + channel];
      const size_t row = (point * heads.index_channels + block.first + channel) * count;
      for (size_t t = 0; t < count; ++t) {
        Acc threshold;
        if (__builtin_sub_overflow(heads.thresholds[row + t], bias, &threshold)) {
          threshold = bias > 0 ? std::numeric_limits<Acc>::min() : std::numeric_limits<Acc>::max();
        }
        packed.data()[(point * count + t) * width + channel] = threshold;
      }
    }
  }
  return packed;
}

// Step is negative for a transposed convolution, where later inputs meet earlier taps.
Axis make_axis(const LayerSpec& layer, unsigned kernel, unsigned phase) {
  if (layer.kind != Kind::kTransposed) return {-static_cast<int>(layer.padding), kernel, 0, 1};
  const unsigned lowest = (phase + layer.padding) % layer.stride;  // the smallest tap that meets an input value
  const unsigned taps = kernel > lowest ? (kernel - lowest - 1) / layer.stride + 1 : 0;
  const int in = static_cast<int>((phase + layer.padding - lowest) / layer.stride);
  if (taps == 0) return {in, 0, 0, 0};
  return {in - static_cast<int>(taps - 1), taps, static_cast<int>(lowest + (taps - 1) * layer.stride),
          -static_cast<int>(layer.stride)};
}

std::vector<Phase> make_phases(const LayerSpec& spec, const Layer& layer, const Kernels& kernels) {
  const bool transposed = spec.kind == Kind::kTransposed;
  const unsigned out_step = transposed ? spec.stride : 1;
  std::vector<Phase> phases;
  for (unsigned y = 0; y < out_step; ++y) {
    for (unsigned x = 0; x < out_step; ++x) {
      const Axis vertical = make_axis(spec, spec.kernel_h, y);
      const Axis horizontal = make_axis(spec, spec.kernel_w, x);
      Phase phase = make_window(spec, layer.blocks, layer.summation, vertical, horizontal, 0, spec.in, kernels);
      phase.in_step = transposed ? 1 : spec.stride;
      phase.out_y = y;
      phase.out_x = x;
      phase.out_step = out_step;
      phases.push_back(std::move(phase));
    }
  }
  return phases;
}

}  // namespace

Requantisation make_requantisation(const LayerSpec& layer, const int32_t* bias, uint32_t first, uint32_t count,
                                   bool last) {
  Requantisation how{};
  how.lowest = -(1 << (layer.output_bits - 1));
  how.highest = (1 << (layer.output_bits - 1)) - 1;
  how.activation = static_cast<uint32_t>(last ? Activation::kNone : layer.activation);
  for (uint32_t channel = 0; channel < kMaxBlock; ++channel) {
    const bool used = channel < count;
    const unsigned shift = used ? layer.shift[first + channel] : 1;
    how.shift[channel] = shift;
    how.addend[channel] = (used ? bias[first + channel] : 0) + (int64_t{1} << (shift - 1));
  }
  return how;
}

std::vector<Block> make_blocks(const LayerSpec& layer, const HeadsSpec* heads, unsigned width) {
  const uint32_t index_end = heads ? heads->index_channels : 0;  // a block never has channels of both heads
  std::vector<Block> blocks;
  for (uint32_t first = 0; first < index_end; first += width) {
    blocks.push_back(make_block(layer, first, std::min(width, index_end - first), true, true));
    if (layer.accumulator_bits == 32) {
      blocks.back().thresholds32 = pack_thresholds<int32_t>(*heads, layer, blocks.back(), width);
    } else {
      blocks.back().thresholds64 = pack_thresholds<int64_t>(*heads, layer, blocks.back(), width);
    }
  }
  for (uint32_t first = index_end; first < layer.out; first += width) {
    blocks.push_back(make_block(layer, first, std::min(width, layer.out - first), false, heads != nullptr));
  }
  return blocks;
}

Phase make_window(const LayerSpec& layer, const std::vector<Block>& blocks, Summation summation, const Axis& vertical,
                  const Axis& horizontal, uint32_t first_channel, uint32_t channels, const Kernels& kernels) {
  Phase phase{};
  phase.in_y = vertical.in;
  phase.in_x = horizontal.in;
  phase.in_step = phase.out_step = phase.row_step = 1;
  phase.rows = vertical.taps;
  phase.columns = horizontal.taps;
  const unsigned planes = summation == Summation::kPlanes ? 2 : 1;
  const uint32_t pixel = padded_pixel(channels, kernels);
  const size_t weights = size_t{phase.rows} * phase.columns * pixel * kernels.block;
  phase.plane_size = weights + kernels.tail;
  phase.weights = AlignedArray<int16_t>(blocks.size() * planes * phase.plane_size);
  int16_t* plane = phase.weights.data();
  for (const Block& block : blocks) {
    for (unsigned number = 0; number < planes; ++number, plane += phase.plane_size) {
      for (unsigned channel = 0; channel < block.count; ++channel) {
        size_t k = 0;
        for (unsigned row = 0; row < phase.rows; ++row) {
          for (unsigned column = 0; column < phase.columns; ++column, k += pixel) {
            const auto tap_y = static_cast<size_t>(vertical.first_tap + vertical.step * static_cast<int>(row));
            const auto tap_x = static_cast<size_t>(horizontal.first_tap + horizontal.step * static_cast<int>(column));
            const size_t first = (block.first + channel) * size_t{layer.in} + first_channel;
            for (size_t in = 0; in < channels; ++in) {
              const int weight = layer.weight[((first + in) * layer.kernel_h + tap_y) * layer.kernel_w + tap_x];
              const int part = planes == 1 ? weight : number == 0 ? high_plane(weight) : low_plane(weight);
              const size_t group = (k + in) / kernels.pair * kernels.block + channel;
              plane[group * kernels.pair + (k + in) % kernels.pair] = static_cast<int16_t>(part);
            }
          }
        }
      }
      if (kernels.arrange != nullptr && summation != Summation::kWide) kernels.arrange(plane, weights);
    }
  }
  return phase;
}

Plan make_plan(const NetworkSpec& network, const Kernels& kernels) {
  Plan plan{};
  plan.kernels = &kernels;
  plan.input_bits = network.input_bits;
  plan.input_shift = network.input_shift;
  plan.input_offset = network.input_offset;
  plan.index_channels = network.heads.index_channels;
  plan.mean_channels = network.heads.mean_channels;
  plan.threshold_count = network.heads.threshold_count;
  plan.rate_points = network.heads.rate_points;
  uint32_t bits = network.input_bits;
  for (const LayerSpec& spec : network.layers) {
    Layer layer{};
    layer.spec = spec;
    layer.spec.weight.clear();
    layer.spec.weight.shrink_to_fit();
    layer.pixel = padded_pixel(spec.in, kernels);
    layer.summation = choose_summation(spec, bits);
    layer.blocks = make_blocks(spec, &spec == &network.layers.back() ? &network.heads : nullptr, kernels.block);
    layer.phases = make_phases(spec, layer, kernels);
    bits = spec.output_bits;
    plan.layers.push_back(std::move(layer));
  }
  return plan;
}

}  // namespace licrt
