// smlal, which every 64-bit ARM processor has: 4 products of 16 bits, added to 4 accumulators in one instruction.
#pragma once

#include <arm_neon.h>

#include "kernels.h"

namespace licrt {
namespace {

// 16 accumulators, 4 inputs (of the 16 registers that smlal takes a lane from) and 2 weights of the 32 registers.
constexpr unsigned kBlock = 16;
constexpr unsigned kPositions = 4;

typedef int32x4_t Accumulators[kPositions][kBlock / 4];

// Adds input k + lane of every position times its weights; `values` holds inputs k to k + 7.
template <int lane>
[[gnu::always_inline]] inline void add_products(Accumulators& acc, const int16x8_t* values, const int16_t* weights) {
  const int16x8_t low = vld1q_s16(weights + lane * kBlock);
  const int16x8_t high = vld1q_s16(weights + lane * kBlock + 8);
#pragma GCC unroll 4
  for (unsigned position = 0; position < kPositions; ++position) {
    acc[position][0] = vmlal_laneq_s16(acc[position][0], vget_low_s16(low), values[position], lane);
    acc[position][1] = vmlal_high_laneq_s16(acc[position][1], low, values[position], lane);
    acc[position][2] = vmlal_laneq_s16(acc[position][2], vget_low_s16(high), values[position], lane);
    acc[position][3] = vmlal_high_laneq_s16(acc[position][3], high, values[position], lane);
  }
}

[[gnu::always_inline]] inline void store(const Accumulators& acc, int32_t* sums) {
  for (unsigned position = 0; position < kPositions; ++position) {
    for (unsigned part = 0; part < kBlock / 4; ++part) {
      vst1q_s32(sums + position * kBlock + 4 * part, acc[position][part]);
    }
  }
}

// Weights in the order of a `pair` of 1. No-overflow: sums are proved to fit in any order.
inline void sum32_smlal(const int16_t* const* inputs, const Window& window, const int16_t* weights, int32_t* sums) {
  Accumulators acc = {};
  for (unsigned row = 0; row < window.rows; ++row) {
    const int16_t* input[kPositions];
    for (unsigned position = 0; position < kPositions; ++position) {
      input[position] = inputs[position] + row * window.row_step;
    }
    int16x8_t values[kPositions];
    unsigned k = 0;
    for (; k + 8 <= window.run; k += 8, weights += 8 * kBlock) {
      for (unsigned position = 0; position < kPositions; ++position) values[position] = vld1q_s16(input[position] + k);
      add_products<0>(acc, values, weights);
      add_products<1>(acc, values, weights);
      add_products<2>(acc, values, weights);
      add_products<3>(acc, values, weights);
      add_products<4>(acc, values, weights);
      add_products<5>(acc, values, weights);
      add_products<6>(acc, values, weights);
      add_products<7>(acc, values, weights);
    }
    for (; k < window.run; ++k, weights += kBlock) {
      for (unsigned position = 0; position < kPositions; ++position) values[position] = vdupq_n_s16(input[position][k]);
      add_products<0>(acc, values, weights);
    }
  }
  store(acc, sums);
}

}  // namespace
}  // namespace licrt
