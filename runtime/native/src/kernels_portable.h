// The kernels as plain loops, for the compiler to vectorise with the options of the including translation unit.
// Internal linkage on purpose: each unit keeps the copies that its own options produced.
#pragma once

#include "kernels.h"

namespace licrt {
namespace {

// run.operator()<count>() for a count of 1 to `most` that is known at run time only, so that sums stay in registers.
template <unsigned most, typename Run>
void with_count(unsigned count, const Run& run) {
  if constexpr (most > 1) {
    if (count < most) return with_count<most - 1>(count, run);
  }
  run.template operator()<most>();
}

// Where each position's window has row `row`.
template <unsigned count>
[[gnu::always_inline]] inline void begin_row(const int16_t* const* inputs, const Window& window, unsigned row,
                                             const int16_t** input) {
  for (unsigned position = 0; position < count; ++position) {
    input[position] = inputs[position] + row * window.row_step;
  }
}

// Adds the sums of the first `count` positions to what is there. No-overflow: a product is below 2^30, weights being
// above -2^15; sums are proved to fit Acc in any order, and what is there already is a part of the same proved sum.
template <typename Acc, unsigned block, unsigned pair>
void accumulate_window(const int16_t* const* inputs, unsigned count, const Window& window, const int16_t* weights,
                       Acc* sums) {
  for (unsigned position = 0; position < count; ++position) {
    Acc acc[block];
    for (unsigned channel = 0; channel < block; ++channel) acc[channel] = sums[position * block + channel];
    const int16_t* weight = weights;
    for (unsigned row = 0; row < window.rows; ++row) {
      const int16_t* const input = inputs[position] + row * window.row_step;
      for (unsigned k = 0; k < window.run; k += pair, weight += block * pair) {
        for (unsigned channel = 0; channel < block; ++channel) {
          for (unsigned i = 0; i < pair; ++i) acc[channel] += input[k + i] * weight[channel * pair + i];
        }
      }
    }
    for (unsigned channel = 0; channel < block; ++channel) sums[position * block + channel] = acc[channel];
  }
}

template <typename Acc, unsigned block, unsigned positions, unsigned pair>
void sum_window(const int16_t* const* inputs, const Window& window, const int16_t* weights, Acc* sums) {
  for (unsigned i = 0; i < positions * block; ++i) sums[i] = 0;
  accumulate_window<Acc, block, pair>(inputs, positions, window, weights, sums);
}

// No-overflow: sum + addend fits Acc by the proof; values to be activated have at most 16 bits, so 41 * value fits.
template <typename Acc, unsigned block, unsigned positions>
void requantise(const Acc* sums, const Requantisation& how, int32_t* values) {
  Acc addend[block], shift[block];
  for (unsigned channel = 0; channel < block; ++channel) {
    addend[channel] = static_cast<Acc>(how.addend[channel]);
    shift[channel] = static_cast<Acc>(how.shift[channel]);
  }
  const Acc lowest = how.lowest, highest = how.highest;
  for (unsigned position = 0; position < positions; ++position) {
    for (unsigned channel = 0; channel < block; ++channel) {
      Acc value = (sums[position * block + channel] + addend[channel]) >> shift[channel];
      value = value < lowest ? lowest : value;
      value = value > highest ? highest : value;
      values[position * block + channel] = static_cast<int32_t>(value);
    }
  }
  if (how.activation == 1) {
    for (unsigned i = 0; i < positions * block; ++i) values[i] = values[i] < 0 ? 0 : values[i];
  } else if (how.activation == 2) {
    for (unsigned i = 0; i < positions * block; ++i) {
      values[i] = values[i] < 0 ? (41 * values[i] + 2048) >> 12 : values[i];
    }
  }
}

// `bytes` is the size of a vector register.
template <typename Acc, unsigned block, unsigned positions, unsigned bytes>
void count_thresholds(const Acc* sums, const Acc* thresholds, unsigned count, int32_t* indexes) {
  typedef Acc Vector __attribute__((vector_size(bytes), may_alias));
  constexpr unsigned width = bytes / sizeof(Acc);
  for (unsigned channel = 0; channel < block; channel += width) {
    Vector sum[positions], reached[positions] = {};
    for (unsigned position = 0; position < positions; ++position) {
      sum[position] = *reinterpret_cast<const Vector*>(sums + position * block + channel);
    }
    for (unsigned t = 0; t < count; ++t) {
      const Vector threshold = *reinterpret_cast<const Vector*>(thresholds + t * block + channel);
      for (unsigned position = 0; position < positions; ++position) {
        reached[position] -= sum[position] >= threshold;  // lanes where it holds are -1
      }
    }
    for (unsigned position = 0; position < positions; ++position) {
      for (unsigned lane = 0; lane < width; ++lane) {
        indexes[position * block + channel + lane] = static_cast<int32_t>(reached[position][lane]);
      }
    }
  }
}

}  // namespace
}  // namespace licrt
