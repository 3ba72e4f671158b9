// A network laid out for its kernels: weights packed in the order in which they are read, channels in blocks, and
// every transposed convolution taken apart into plain ones.
#pragma once

#include <vector>

#include "aligned.h"
#include "kernels.h"
#include "network.h"

namespace licrt {

// Up to Kernels::block output channels of one layer; those beyond `count` have weight 0.
struct Block {
  uint32_t first, count;
  bool index_head;
  Requantisation requantisation;
  // Where index_head, one of the two: what a sum has to reach before its bias is added.
  AlignedArray<int32_t> thresholds32;  // [rate_points][count][Kernels::block]
  AlignedArray<int64_t> thresholds64;
};

// One axis of a window: it begins at input `in` and meets the taps first_tap + step * j for j < taps.
struct Axis {
  int in;
  unsigned taps;
  int first_tap, step;
};

// The outputs (out_y + out_step * m, out_x + out_step * n) for m, n >= 0, as a convolution whose window for m, n begins
// at input (in_y + in_step * m, in_x + in_step * n). A convolution is one phase, a transposed one stride^2 of them, in
// which only the taps that meet an input value are left.
struct Phase {
  int in_y, in_x;
  unsigned in_step;
  unsigned out_y, out_x, out_step;
  unsigned rows, columns;
  unsigned row_step;              // input rows from one row of the window to the next
  AlignedArray<int16_t> weights;  // [block][plane][packed as Kernels::pair and arrange say]
  size_t plane_size;
};

// How a layer's sums are formed. Planes: weight = 256 * high + low with 32-bit sums of each plane, proved like the
// whole.
enum class Summation { kNarrow, kPlanes, kWide };

struct Layer {
  LayerSpec spec;  // without weights
  uint32_t pixel;  // values per input pixel: the channels, rounded up to Kernels::pair
  Summation summation;
  std::vector<Block> blocks;
  std::vector<Phase> phases;
};

struct Plan {
  const Kernels* kernels;
  uint32_t input_bits, input_shift;
  std::vector<int32_t> input_offset;
  std::vector<Layer> layers;
  uint32_t index_channels, mean_channels, threshold_count, rate_points;
};

// Values of a pixel of so many channels: a multiple of Kernels::pair.
inline uint32_t padded_pixel(uint32_t channels, const Kernels& kernels) {
  return (channels + kernels.pair - 1) / kernels.pair * kernels.pair;
}

// How the sums of these output channels become values, with the bias of that layer or another one. In the last layer
// there is no activation.
Requantisation make_requantisation(const LayerSpec& layer, const int32_t* bias, uint32_t first, uint32_t count,
                                   bool last);

// The blocks of a layer; `heads` is null for all layers but the last.
std::vector<Block> make_blocks(const LayerSpec& layer, const HeadsSpec* heads, unsigned width);

// A window that reads the input channels from `first_channel` on; step 1, and its outputs are at the origin.
Phase make_window(const LayerSpec& layer, const std::vector<Block>& blocks, Summation summation, const Axis& vertical,
                  const Axis& horizontal, uint32_t first_channel, uint32_t channels, const Kernels& kernels);

Plan make_plan(const NetworkSpec& network, const Kernels& kernels);

}  // namespace licrt
