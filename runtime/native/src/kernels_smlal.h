// smlal, which every 64-bit ARM processor has: 4 products of 16 bits, added to 4 accumulators in one instruction.
#pragma once

#include <arm_neon.h>

#include "kernels_portable.h"

namespace licrt {
namespace {

// 16 accumulators, 4 inputs (of the 16 registers that smlal takes a lane from) and 2 weights of the 32 registers.
constexpr unsigned kBlock = 16;
constexpr unsigned kPositions = 4;

// Sums of `count` positions.
template <unsigned count>
using Accumulators = int32x4_t[count][kBlock / 4];

// Adds input k + lane of every position times its weights; `values` holds inputs k to k + 7.
template <int lane, unsigned count>
[[gnu::always_inline]] inline void add_products(Accumulators<count>& acc, const int16x8_t* values,
                                                const int16_t* weights) {
  const int16x8_t low = vld1q_s16(weights + lane * kBlock);
  const int16x8_t high = vld1q_s16(weights + lane * kBlock + 8);
#pragma GCC unroll 4
  for (unsigned position = 0; position < count; ++position) {
    acc[position][0] = vmlal_laneq_s16(acc[position][0], vget_low_s16(low), values[position], lane);
    acc[position][1] = vmlal_high_laneq_s16(acc[position][1], low, values[position], lane);
    acc[position][2] = vmlal_laneq_s16(acc[position][2], vget_low_s16(high), values[position], lane);
    acc[position][3] = vmlal_high_laneq_s16(acc[position][3], high, values[position], lane);
  }
}

// Kernels::accumulate32 for weights in the order of a `pair` of 1. No-overflow: sums are proved to fit in any order.
template <unsigned count>
void accumulate_smlal(const int16_t* const* inputs, const Window& window, const int16_t* weights, int32_t* sums) {
  Accumulators<count> acc;
  for (unsigned i = 0; i < count * kBlock; i += 4) acc[i / kBlock][i % kBlock / 4] = vld1q_s32(sums + i);
  for (unsigned row = 0; row < window.rows; ++row) {
    const int16_t* input[count];
    begin_row<count>(inputs, window, row, input);
    int16x8_t values[count];
    unsigned k = 0;
    for (; k + 8 <= window.run; k += 8, weights += 8 * kBlock) {
      for (unsigned position = 0; position < count; ++position) values[position] = vld1q_s16(input[position] + k);
      add_products<0, count>(acc, values, weights);
      add_products<1, count>(acc, values, weights);
      add_products<2, count>(acc, values, weights);
      add_products<3, count>(acc, values, weights);
      add_products<4, count>(acc, values, weights);
      add_products<5, count>(acc, values, weights);
      add_products<6, count>(acc, values, weights);
      add_products<7, count>(acc, values, weights);
    }
    for (; k < window.run; ++k, weights += kBlock) {
      for (unsigned position = 0; position < count; ++position) values[position] = vdupq_n_s16(input[position][k]);
      add_products<0, count>(acc, values, weights);
    }
  }
  for (unsigned i = 0; i < count * kBlock; i += 4) vst1q_s32(sums + i, acc[i / kBlock][i % kBlock / 4]);
}

}  // namespace
}  // namespace licrt
