// vpmaddwd: 16 products of 16 bits and 8 sums of two at once, all exact because no weight is -2^15.
#include <immintrin.h>

#include "kernels_portable.h"

namespace licrt {
namespace {

// 12 accumulators, 2 weights and 1 input fill the 16 registers.
constexpr unsigned kBlock = 16;
constexpr unsigned kPositions = 6;

__m256i load_weights(const int16_t* weights) { return _mm256_load_si256(reinterpret_cast<const __m256i*>(weights)); }
__m256i load_weights(const int8_t* weights) {
  return _mm256_cvtepi8_epi16(_mm_load_si128(reinterpret_cast<const __m128i*>(weights)));
}

// The sums of `count` positions, on top of what they hold where `add`.
template <unsigned count, bool add, typename Weight>
void sum_positions(const int16_t* const* inputs, const Window& window, const Weight* weights, int32_t* sums) {
  auto* const out = reinterpret_cast<__m256i*>(sums);
  __m256i acc[count][2];
  for (unsigned position = 0; position < count; ++position) {
    for (unsigned half = 0; half < 2; ++half) {
      acc[position][half] = add ? _mm256_load_si256(out + 2 * position + half) : _mm256_setzero_si256();
    }
  }
  for (unsigned row = 0; row < window.rows; ++row) {
    const int16_t* input[count];
    begin_row<count>(inputs, window, row, input);
    for (unsigned k = 0; k < window.run; k += 2, weights += 2 * kBlock) {
      const __m256i low = load_weights(weights);
      const __m256i high = load_weights(weights + kBlock);
#pragma GCC unroll 6
      for (unsigned position = 0; position < count; ++position) {
        int32_t two;
        __builtin_memcpy(&two, input[position] + k, sizeof two);
        const __m256i value = _mm256_set1_epi32(two);
        acc[position][0] = _mm256_add_epi32(acc[position][0], _mm256_madd_epi16(value, low));
        acc[position][1] = _mm256_add_epi32(acc[position][1], _mm256_madd_epi16(value, high));
      }
    }
  }
  for (unsigned position = 0; position < count; ++position) {
    _mm256_store_si256(out + 2 * position, acc[position][0]);
    _mm256_store_si256(out + 2 * position + 1, acc[position][1]);
  }
}

template <typename Weight>
void accumulate(const int16_t* const* inputs, unsigned count, const Window& window, const Weight* weights,
                int32_t* sums) {
  with_count<kPositions>(count, [&]<unsigned n>() { sum_positions<n, true>(inputs, window, weights, sums); });
}

}  // namespace

extern const Kernels kAvx2Kernels;
const Kernels kAvx2Kernels = {
    .name = "avx2",
    .block = kBlock,
    .positions = kPositions,
    .pair = 2,
    .sum32 = sum_positions<kPositions, false, int16_t>,
    .sum64 = sum_window<int64_t, kBlock, kPositions, 2>,
    .accumulate32 = accumulate<int16_t>,
    .accumulate8 = accumulate<int8_t>,
    .requantise32 = requantise<int32_t, kBlock, kPositions>,
    .requantise64 = requantise<int64_t, kBlock, kPositions>,
    .count32 = count_thresholds<int32_t, kBlock, kPositions, 32>,
    .count64 = count_thresholds<int64_t, kBlock, kPositions, 32>,
};

}  // namespace licrt
