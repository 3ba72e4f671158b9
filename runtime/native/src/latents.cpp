#include "latents.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

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
int32_t Dequantiser::operator()(int32_t symbol, int32_t index, int32_t mean) const {
  if (multiplier == 0) return symbol * (1 << fraction) + mean;
  if (symbol == 0) return mean;
  const int64_t scaled = std::abs(symbol) * multiplier + offset[index] + (int64_t{1} << (shift - 1));
  const auto magnitude = static_cast<int32_t>(std::clamp<int64_t>(scaled >> shift, 0, kMaxMagnitude));
  return symbol < 0 ? mean - magnitude : mean + magnitude;
}

licrt_status LatentSource::code(const size_t* places, size_t count, uint32_t first_channel, uint32_t channels,
                                const int32_t* indexes, const int32_t* means, int32_t* symbols) {
  const float unit = std::ldexp(1.0f, -static_cast<int>(fraction_));
  for (size_t channel = 0; channel < channels; ++channel) {
    const float* const latent = latent_ + (first_channel + channel) * plane_;
    for (size_t position = 0; position < count; ++position) {
      const size_t i = position * channels + channel;
      const float residual = (latent[places[position]] - static_cast<float>(means[i]) * unit) * gain_;
      symbols[i] = round_to_even(std::clamp<float>(residual, -kMaxSymbol, kMaxSymbol));
    }
  }
  symbols_ = std::copy_n(symbols, count * channels, symbols_);
  indexes_ = std::copy_n(indexes, count * channels, indexes_);
  return LICRT_OK;
}

licrt_status PayloadSource::code(const size_t*, size_t count, uint32_t, uint32_t channels, const int32_t* indexes,
                                 const int32_t*, int32_t* symbols) {
  const licrt_status status = decoder_.next(tables_, indexes, count * channels, symbols);
  if (status != LICRT_OK) return status;
  uint32_t largest = 0;
  for (size_t i = 0; i < count * channels; ++i) {
    const auto symbol = static_cast<uint32_t>(symbols[i]);
    largest = std::max(largest, symbols[i] < 0 ? 0 - symbol : symbol);
  }
  return largest <= kMaxSymbol ? LICRT_OK : LICRT_CORRUPT;
}

}  // namespace licrt
