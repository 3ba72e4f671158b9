// What a layer reads, and which positions it computes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "plan.h"

namespace licrt {

struct Size {
  size_t height, width;
};

// Values [y][x][channel] with a border of zeros as wide as the windows of the layer reach.
struct Image {
  AlignedArray<int16_t> values;
  size_t pixel = 0;  // values from one pixel to the next
  size_t row = 0;
  size_t origin = 0;  // of pixel (0, 0)

  int16_t* at(ptrdiff_t y, ptrdiff_t x) {
    return values.data() + static_cast<ptrdiff_t>(origin) + y * static_cast<ptrdiff_t>(row) +
           x * static_cast<ptrdiff_t>(pixel);
  }
};

// How many outputs of a phase lie in an output of that size, {0, 0} if none.
Size phase_size(const Phase& phase, Size output);

// An image of zeros for a layer that reads `input` pixels and computes `output`.
Image make_image(const Layer& layer, Size input, Size output);

// An image of zeros of so many values per pixel, with a border as wide on all sides.
Image make_image(size_t pixel, Size size, size_t border);

// Section 1 of docs/integer-net.md: symbols [channel][y][x] to saturated fixed-point values.
void fill_input(const Plan& plan, const int32_t* symbols, Size size, Image& image);

}  // namespace licrt
