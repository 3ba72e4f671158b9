// vpdpwssd: 32 products of 16 bits and 16 sums of two, added to 16 accumulators in one instruction.
#include <immintrin.h>

#include "kernels_portable.h"

namespace licrt {
namespace {

// 24 accumulators, 2 weights and 1 input of the 32 registers.
constexpr unsigned kBlock = 32;
constexpr unsigned kPositions = 12;

__m512i load_weights(const int16_t* weights) { return _mm512_load_si512(weights); }
__m512i load_weights(const int8_t* weights) {
  return _mm512_cvtepi8_epi16(_mm256_load_si256(reinterpret_cast<const __m256i*>(weights)));
}

// The sums of `count` positions, on top of what they hold where `add`.
template <unsigned count, bool add, typename Weight>
void sum_positions(const int16_t* const* inputs, const Window& window, const Weight* weights, int32_t* sums) {
  __m512i acc[count][2];
  for (unsigned position = 0; position < count; ++position) {
    for (unsigned half = 0; half < 2; ++half) {
      const int32_t* const held = sums + position * kBlock + half * (kBlock / 2);
      acc[position][half] = add ? _mm512_load_si512(held) : _mm512_setzero_si512();
    }
  }
  for (unsigned row = 0; row < window.rows; ++row) {
    const int16_t* input[count];
    begin_row<count>(inputs, window, row, input);
    for (unsigned k = 0; k < window.run; k += 2, weights += 2 * kBlock) {
      const __m512i low = load_weights(weights);
      const __m512i high = load_weights(weights + kBlock);
#pragma GCC unroll 12
      for (unsigned position = 0; position < count; ++position) {
        int32_t two;
        __builtin_memcpy(&two, input[position] + k, sizeof two);
        const __m512i value = _mm512_set1_epi32(two);
        acc[position][0] = _mm512_dpwssd_epi32(acc[position][0], value, low);
        acc[position][1] = _mm512_dpwssd_epi32(acc[position][1], value, high);
      }
    }
  }
  for (unsigned position = 0; position < count; ++position) {
    _mm512_store_si512(sums + position * kBlock, acc[position][0]);
    _mm512_store_si512(sums + position * kBlock + kBlock / 2, acc[position][1]);
  }
}

template <typename Weight>
void accumulate(const int16_t* const* inputs, unsigned count, const Window& window, const Weight* weights,
                int32_t* sums) {
  with_count<kPositions>(count, [&]<unsigned n>() { sum_positions<n, true>(inputs, window, weights, sums); });
}

}  // namespace

extern const Kernels kAvx512VnniKernels;
const Kernels kAvx512VnniKernels = {
    .name = "avx512vnni",
    .block = kBlock,
    .positions = kPositions,
    .pair = 2,
    .sum32 = sum_positions<kPositions, false, int16_t>,
    .sum64 = sum_window<int64_t, kBlock, kPositions, 2>,
    .accumulate32 = accumulate<int16_t>,
    .accumulate8 = accumulate<int8_t>,
    .requantise32 = requantise<int32_t, kBlock, kPositions>,
    .requantise64 = requantise<int64_t, kBlock, kPositions>,
    .count32 = count_thresholds<int32_t, kBlock, kPositions, 64>,
    .count64 = count_thresholds<int64_t, kBlock, kPositions, 64>,
};

}  // namespace licrt
