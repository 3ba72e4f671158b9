// Random networks as the blobs of docs/integer-net.md: every kind of layer and width, sums up to the limit of the
// proof, and requantisation that neither drowns values nor saturates them all.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "numbers.h"

class Blob {
 public:
  void word(uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<uint8_t>(value >> shift));
  }

  void words(std::initializer_list<uint32_t> values) {
    for (const uint32_t value : values) word(value);
  }

  // The low `size` bytes of each, padded to a multiple of 4.
  template <typename T>
  void array(const std::vector<T>& values, size_t size) {
    for (const T value : values) {
      for (size_t byte = 0; byte < size; ++byte) bytes.push_back(static_cast<uint8_t>(int64_t{value} >> (8 * byte)));
    }
    while (bytes.size() % 4 != 0) bytes.push_back(0);
  }

  void append(const Blob& other) { bytes.insert(bytes.end(), other.bytes.begin(), other.bytes.end()); }

  std::vector<uint8_t> bytes;
};

struct LayerShape {
  uint32_t kind = 0, in, out, kernel_h = 1, kernel_w = 1, stride = 1, padding = 0, output_padding = 0, upscale = 1;
  uint32_t weight_bits, accumulator_bits = 32, activation = 0, output_bits;
};

// Which taps of a spatial layer see nothing of the same pass or a later one: section 7 of docs/integer-net.md.
enum class Mask : uint32_t { kWhole, kCheckerboard, kWavefront };

inline bool visible(Mask mask, uint32_t radius, uint32_t y, uint32_t x) {
  if (mask == Mask::kCheckerboard) return (y + x) % 2 == 1;
  if (mask == Mask::kWavefront) return y < radius || (y == radius && x < radius);
  return true;
}

// Appends a layer that reads `bits`. Returns the typical magnitude of its sums, in bits.
inline unsigned put_layer(Blob& blob, Numbers& numbers, const LayerShape& shape, unsigned bits,
                          Mask mask = Mask::kWhole) {
  const auto limit = static_cast<int64_t>((uint64_t{1} << (shape.accumulator_bits - 1)) - 1);
  const int64_t largest = (int64_t{1} << (shape.weight_bits - 1)) - 1;
  const size_t taps = size_t{shape.kernel_h} * shape.kernel_w, row = taps * shape.in;
  std::vector<int64_t> weight, bias;
  std::vector<uint32_t> shift;
  unsigned typical = 0;
  for (uint32_t channel = 0; channel < shape.out; ++channel) {
    // A quarter of the room is kept for the bias and the rounding term.
    const int64_t budget = std::min<int64_t>((limit - limit / 4) >> (bits - 1), INT32_MAX);
    const int64_t cap = std::clamp<int64_t>(2 * budget / static_cast<int64_t>(row), 1, largest);
    int64_t left = budget;
    double squares = 1;
    for (size_t i = 0; i < row; ++i) {
      const size_t tap = i % taps;
      int64_t value =
          numbers.between(0, 30) == 0 ? largest * (numbers.between(0, 1) * 2 - 1) : numbers.between(-cap, cap);
      value = std::clamp(value, -left, left);
      if (!visible(mask, shape.kernel_h / 2, static_cast<uint32_t>(tap / shape.kernel_w), tap % shape.kernel_w))
        value = 0;
      left -= std::abs(value);
      squares += static_cast<double>(value * value);
      weight.push_back(value);
    }
    const int deviation = std::ilogb(std::sqrt(squares)) + static_cast<int>(bits) - 2;
    typical = std::max<unsigned>(typical, static_cast<unsigned>(std::max(deviation, 1)));
    const int wanted = deviation + 2 - static_cast<int>(shape.output_bits) + static_cast<int>(numbers.between(0, 1));
    shift.push_back(static_cast<uint32_t>(std::clamp(wanted, 1, static_cast<int>(shape.accumulator_bits) - 5)));
    bias.push_back(numbers.signed_bits(std::min(static_cast<unsigned>(std::max(deviation, 1)), 28u)));
  }
  blob.words({shape.kind, shape.in, shape.out, shape.kernel_h, shape.kernel_w, shape.stride, shape.padding,
              shape.output_padding, shape.upscale, shape.weight_bits, shape.accumulator_bits, shape.activation,
              shape.output_bits});
  blob.array(weight, shape.weight_bits / 8);
  blob.array(bias, 4);
  blob.array(shift, 1);
  return typical;
}

inline void put_heads(Blob& blob, Numbers& numbers, uint32_t indexes, uint32_t means, uint32_t thresholds,
                      uint32_t points, unsigned typical, unsigned accumulator_bits) {
  blob.words({indexes, means, indexes == 0 ? 0 : thresholds, points});
  std::vector<int64_t> all;
  for (uint32_t channel = 0; channel < indexes * points; ++channel) {
    std::vector<int64_t> some;
    const auto limit = static_cast<int64_t>((uint64_t{1} << (accumulator_bits - 1)) - 1);
    const int64_t spread = std::min(int64_t{2} << typical, limit);
    for (uint32_t t = 0; t < thresholds; ++t) some.push_back(numbers.between(-spread, spread));
    if (numbers.between(0, 9) == 0) some.front() = -limit - 1, some.back() = limit;
    std::sort(some.begin(), some.end());
    all.insert(all.end(), some.begin(), some.end());
  }
  blob.array(all, accumulator_bits / 8);
}

struct NetworkShape {
  uint32_t input_channels, input_bits, input_shift = 0, index_channels, mean_channels, thresholds, points = 1;
};

inline Blob start_network(const NetworkShape& shape, uint32_t layers, const std::vector<int64_t>& offset) {
  Blob blob;
  blob.words({0x54454e4c, 2, layers, shape.input_channels, shape.input_bits, shape.input_shift});
  blob.array(offset, 4);
  return blob;
}

// One to three layers of any kind.
inline Blob random_network(Numbers& numbers, NetworkShape& shape) {
  const auto pick = [&](int64_t low, int64_t high) { return static_cast<uint32_t>(numbers.between(low, high)); };
  const uint32_t layers = pick(1, 3);
  shape = {pick(1, 20), pick(2, 16), 0, pick(0, 1) * pick(1, 40), pick(0, 1) * pick(1, 40), pick(1, 80), pick(1, 3)};
  if (shape.index_channels + shape.mean_channels == 0) shape.mean_channels = 1;
  shape.input_shift = pick(0, shape.input_bits - 1);
  std::vector<int64_t> offset(shape.input_channels);
  for (int64_t& value : offset) value = numbers.signed_bits(shape.input_bits);
  Blob blob = start_network(shape, layers, offset);
  uint32_t channels = shape.input_channels, bits = shape.input_bits;
  for (uint32_t number = 0; number < layers; ++number) {
    const bool last = number + 1 == layers;
    LayerShape layer{};
    layer.kind = pick(0, last ? 1 : 2);
    layer.upscale = layer.kind == 2 ? pick(2, 3) : 1;
    layer.in = channels;
    layer.out = last ? shape.index_channels + shape.mean_channels : pick(1, 40 / (layer.upscale * layer.upscale));
    if (!last) layer.out *= layer.upscale * layer.upscale;
    layer.kernel_h = pick(1, 5);
    layer.kernel_w = pick(1, 5);
    layer.stride = pick(1, 3);
    layer.padding = pick(0, std::min(layer.kernel_h, layer.kernel_w) - 1);
    layer.output_padding = layer.kind == 1 ? pick(0, layer.stride - 1) : 0;
    layer.weight_bits = pick(0, 1) * 8 + 8;
    layer.accumulator_bits = pick(0, 3) == 0 ? 64 : 32;
    layer.activation = pick(0, 2);
    layer.output_bits = pick(2, last ? 24 : 16);
    const unsigned typical = put_layer(blob, numbers, layer, bits);
    channels = layer.out / (layer.upscale * layer.upscale);
    bits = layer.output_bits;
    if (last) {
      put_heads(blob, numbers, shape.index_channels, shape.mean_channels, shape.thresholds, shape.points, typical,
                layer.accumulator_bits);
    }
  }
  return blob;
}
