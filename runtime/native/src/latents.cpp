#include "latents.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "pixels.h"

namespace licrt {
namespace {

constexpr int64_t kMaxMagnitude = (1 << 23) - 1;

// The nearest integer, the even one of two. REQUIRES: |value| <= 2^22. (Adding 1.5 * 2^23 leaves no bits for a
// fraction.)
int32_t round_to_even(float value) {
  constexpr float kShift = 12582912;
  return static_cast<int32_t>((value + kShift) - kShift);
}

}  // namespace

Dequantiser::Dequantiser(const ContextPlan& plan, uint32_t point) : fraction(plan.mean_fraction) {
  if (!plan.rates) return;
  multiplier = plan.rates->multiplier[point];
  shift = plan.rates->shift[point];
  offset = plan.rates->offset.data() + size_t{point} * plan.table_count;
}

float Dequantiser::gain() const {
  if (multiplier == 0) return 1;
  return static_cast<float>(std::ldexp(1.0 / static_cast<double>(multiplier), static_cast<int>(shift + fraction)));
}

// No-overflow: |symbol| * multiplier is at most 2^45, the offset below 2^40, and the result below 2^23 + 2^24.
void Dequantiser::apply(int32_t* symbols, const int32_t* indexes, const int32_t* means, size_t count) const {
  if (multiplier == 0) {
    const int32_t unit = 1 << fraction;
    for (size_t i = 0; i < count; ++i) symbols[i] = symbols[i] * unit + means[i];
    return;
  }
  const int64_t half = int64_t{1} << (shift - 1);
  for (size_t i = 0; i < count; ++i) {
    const int64_t scaled = (std::abs(symbols[i]) * multiplier + offset[indexes[i]] + half) >> shift;
    const auto magnitude = static_cast<int32_t>(std::clamp<int64_t>(scaled, 0, kMaxMagnitude));
    const int32_t sign = (symbols[i] > 0) - (symbols[i] < 0);
    symbols[i] = means[i] + sign * magnitude;
  }
}

void LatentSource::begin(uint32_t first_channel, uint32_t channels, Team& team) {
  channels_ = channels;
  pixels_ = AlignedArray<float>(channels * plane_);
  planes_to_pixels(team, latent_ + first_channel * plane_, channels, plane_, pixels_.data(), channels,
                   [](float value) { return value; });
}

licrt_status LatentSource::code(const size_t* places, size_t count, const int32_t* indexes, const int32_t* means,
                                int32_t* symbols) {
  const float unit = std::ldexp(1.0f, -static_cast<int>(fraction_));
  for (size_t position = 0; position < count; ++position) {
    const float* const latent = pixels_.data() + places[position] * channels_;
    const int32_t* const mean = means + position * channels_;
    int32_t* const symbol = symbols + position * channels_;
    for (size_t channel = 0; channel < channels_; ++channel) {
      const float residual = (latent[channel] - static_cast<float>(mean[channel]) * unit) * gain_;
      symbol[channel] = round_to_even(std::clamp<float>(residual, -kMaxSymbol, kMaxSymbol));
    }
  }
  symbols_ = std::copy_n(symbols, count * channels_, symbols_);
  indexes_ = std::copy_n(indexes, count * channels_, indexes_);
  return LICRT_OK;
}

licrt_status PayloadSource::code(const size_t*, size_t count, const int32_t* indexes, const int32_t*,
                                 int32_t* symbols) {
  const licrt_status status = decoder_.next(tables_, indexes, count * channels_, symbols);
  if (status != LICRT_OK) return status;
  uint32_t largest = 0;
  for (size_t i = 0; i < count * channels_; ++i) {
    const auto symbol = static_cast<uint32_t>(symbols[i]);
    largest = std::max(largest, symbols[i] < 0 ? 0 - symbol : symbol);
  }
  if (symbols_ != nullptr) {
    symbols_ = std::copy_n(symbols, count * channels_, symbols_);
    indexes_ = std::copy_n(indexes, count * channels_, indexes_);
  }
  return largest <= kMaxSymbol ? LICRT_OK : LICRT_CORRUPT;
}

}  // namespace licrt
