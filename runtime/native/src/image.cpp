#include "image.h"

#include <algorithm>

namespace licrt {
namespace {

// Outputs of a phase along one axis.
size_t phase_length(size_t output, unsigned first, unsigned step) {
  return output > first ? (output - first - 1) / step + 1 : 0;
}

// Zeros before and after one axis of an image.
struct Border {
  size_t before = 0, after = 0;

  void include(int first, unsigned step, size_t count, unsigned taps, size_t side) {
    const ptrdiff_t last = first + static_cast<ptrdiff_t>(step * (count - 1)) + std::max(taps, 1u) - 1;
    before = std::max(before, static_cast<size_t>(std::max(-first, 0)));
    after = std::max(after, static_cast<size_t>(std::max(last + 1 - static_cast<ptrdiff_t>(side), ptrdiff_t{0})));
  }
};

}  // namespace

Size phase_size(const Phase& phase, Size output) {
  const size_t height = phase_length(output.height, phase.out_y, phase.out_step);
  const size_t width = phase_length(output.width, phase.out_x, phase.out_step);
  return height == 0 || width == 0 ? Size{0, 0} : Size{height, width};
}

Image make_image(const Layer& layer, Size input, Size output) {
  Border vertical, horizontal;
  for (const Phase& phase : layer.phases) {
    const Size size = phase_size(phase, output);
    if (size.height == 0) continue;
    vertical.include(phase.in_y, phase.in_step, size.height, phase.rows, input.height);
    horizontal.include(phase.in_x, phase.in_step, size.width, phase.columns, input.width);
  }
  Image image;
  image.pixel = layer.pixel;
  image.row = (horizontal.before + input.width + horizontal.after) * image.pixel;
  image.origin = vertical.before * image.row + horizontal.before * image.pixel;
  image.values = AlignedArray<int16_t>((vertical.before + input.height + vertical.after) * image.row);
  return image;
}

Image make_image(size_t pixel, Size size, size_t border) {
  Image image;
  image.pixel = pixel;
  image.row = (size.width + 2 * border) * pixel;
  image.origin = border * (image.row + pixel);
  image.values = AlignedArray<int16_t>((size.height + 2 * border) * image.row);
  return image;
}

void fill_input(const Plan& plan, const int32_t* symbols, Size size, Image& image) {
  const int64_t highest = (int64_t{1} << (plan.input_bits - 1)) - 1;
  for (size_t channel = 0; channel < plan.input_offset.size(); ++channel) {
    for (size_t y = 0; y < size.height; ++y) {
      int16_t* pixel = image.at(static_cast<ptrdiff_t>(y), 0) + channel;
      for (size_t x = 0; x < size.width; ++x, pixel += image.pixel) {
        const int64_t value = int64_t{*symbols++} * (int64_t{1} << plan.input_shift) + plan.input_offset[channel];
        *pixel = static_cast<int16_t>(std::clamp(value, -highest - 1, highest));
      }
    }
  }
}

}  // namespace licrt
