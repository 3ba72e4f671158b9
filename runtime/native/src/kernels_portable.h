// The kernels as plain loops, for the compiler to vectorise with the options of the including translation unit.
// Internal linkage on purpose: each unit keeps the copies that its own options produced.
#pragma once

#include "kernels.h"

namespace licrt {
namespace {

// No-overflow: a product is below 2^30, weights being above -2^15; sums are proved to fit Acc in any order.
template <typename Acc, unsigned positions, unsigned pair>
void sum_window(const int16_t* const* inputs, const Window& window, const int16_t* weights, Acc* sums) {
  for (unsigned position = 0; position < positions; ++position) {
    Acc acc[kBlock] = {};
    const int16_t* weight = weights;
    for (unsigned row = 0; row < window.rows; ++row) {
      const int16_t* const input = inputs[position] + row * window.row_step;
      for (unsigned k = 0; k < window.run; k += pair, weight += kBlock * pair) {
        for (unsigned channel = 0; channel < kBlock; ++channel) {
          for (unsigned i = 0; i < pair; ++i) acc[channel] += input[k + i] * weight[channel * pair + i];
        }
      }
    }
    for (unsigned channel = 0; channel < kBlock; ++channel) sums[position * kBlock + channel] = acc[channel];
  }
}

// No-overflow: acc + rounding fits Acc by the proof; values to be activated have at most 16 bits, so 41 * value fits.
template <typename Acc, unsigned positions>
void requantise(const Acc* acc, const Requantisation& how, int32_t* values) {
  Acc rounding[kBlock], shift[kBlock];
  for (unsigned channel = 0; channel < kBlock; ++channel) {
    rounding[channel] = static_cast<Acc>(how.rounding[channel]);
    shift[channel] = static_cast<Acc>(how.shift[channel]);
  }
  const Acc lowest = how.lowest, highest = how.highest;
  for (unsigned position = 0; position < positions; ++position) {
    for (unsigned channel = 0; channel < kBlock; ++channel) {
      Acc value = (acc[position * kBlock + channel] + rounding[channel]) >> shift[channel];
      value = value < lowest ? lowest : value;
      value = value > highest ? highest : value;
      values[position * kBlock + channel] = static_cast<int32_t>(value);
    }
  }
  if (how.activation == 1) {
    for (unsigned i = 0; i < positions * kBlock; ++i) values[i] = values[i] < 0 ? 0 : values[i];
  } else if (how.activation == 2) {
    for (unsigned i = 0; i < positions * kBlock; ++i) {
      values[i] = values[i] < 0 ? (41 * values[i] + 2048) >> 12 : values[i];
    }
  }
}

template <typename Acc, unsigned positions>
void count_thresholds(const Acc* acc, const Acc* thresholds, unsigned count, int32_t* indexes) {
  for (unsigned position = 0; position < positions; ++position) {
    Acc reached[kBlock] = {};
    for (unsigned t = 0; t < count; ++t) {
      for (unsigned channel = 0; channel < kBlock; ++channel) {
        reached[channel] += acc[position * kBlock + channel] >= thresholds[t * kBlock + channel];
      }
    }
    for (unsigned channel = 0; channel < kBlock; ++channel) {
      indexes[position * kBlock + channel] = static_cast<int32_t>(reached[channel]);
    }
  }
}

}  // namespace
}  // namespace licrt
