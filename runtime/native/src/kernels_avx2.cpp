// vpmaddwd: 16 products of 16 bits and 8 sums of two at once, all exact because no weight is -2^15.
#include <immintrin.h>

#include "kernels_portable.h"

namespace licrt {
namespace {

// 12 accumulators, 2 weights and 1 input fill the 16 registers.
constexpr unsigned kBlock = 16;
constexpr unsigned kPositions = 6;

void sum32_avx2(const int16_t* const* inputs, const Window& window, const int16_t* weights, int32_t* sums) {
  __m256i acc[kPositions][2];
  for (auto& pair : acc) pair[0] = pair[1] = _mm256_setzero_si256();
  for (unsigned row = 0; row < window.rows; ++row) {
    const int16_t* input[kPositions];
    for (unsigned position = 0; position < kPositions; ++position) {
      input[position] = inputs[position] + row * window.row_step;
    }
    for (unsigned k = 0; k < window.run; k += 2, weights += 2 * kBlock) {
      const __m256i low = _mm256_load_si256(reinterpret_cast<const __m256i*>(weights));
      const __m256i high = _mm256_load_si256(reinterpret_cast<const __m256i*>(weights + kBlock));
#pragma GCC unroll 6
      for (unsigned position = 0; position < kPositions; ++position) {
        int32_t two;
        __builtin_memcpy(&two, input[position] + k, sizeof two);
        const __m256i value = _mm256_set1_epi32(two);
        acc[position][0] = _mm256_add_epi32(acc[position][0], _mm256_madd_epi16(value, low));
        acc[position][1] = _mm256_add_epi32(acc[position][1], _mm256_madd_epi16(value, high));
      }
    }
  }
  for (unsigned position = 0; position < kPositions; ++position) {
    auto* out = reinterpret_cast<__m256i*>(sums + position * kBlock);
    _mm256_store_si256(out, acc[position][0]);
    _mm256_store_si256(out + 1, acc[position][1]);
  }
}

}  // namespace

extern const Kernels kAvx2Kernels;
const Kernels kAvx2Kernels = {
    .name = "avx2",
    .block = kBlock,
    .positions = kPositions,
    .pair = 2,
    .sum32 = sum32_avx2,
    .sum64 = sum_window<int64_t, kBlock, kPositions, 2>,
    .requantise32 = requantise<int32_t, kBlock, kPositions>,
    .requantise64 = requantise<int64_t, kBlock, kPositions>,
    .count32 = count_thresholds<int32_t, kBlock, kPositions, 32>,
    .count64 = count_thresholds<int64_t, kBlock, kPositions, 32>,
};

}  // namespace licrt
