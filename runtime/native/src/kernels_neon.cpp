// The kernels of ARMv8-A without extensions: smlal for the sums.
#include "kernels_smlal.h"

namespace licrt {
namespace {

void accumulate32_neon(const int16_t* const* inputs, unsigned count, const Window& window, const int16_t* weights,
                       int32_t* sums) {
  with_count<kPositions>(count, [&]<unsigned n>() { accumulate_smlal<n>(inputs, window, weights, sums); });
}

void sum32_neon(const int16_t* const* inputs, const Window& window, const int16_t* weights, int32_t* sums) {
  __builtin_memset(sums, 0, kPositions * kBlock * sizeof *sums);
  accumulate_smlal<kPositions>(inputs, window, weights, sums);
}

}  // namespace

extern const Kernels kNeonKernels;
const Kernels kNeonKernels = {
    .name = "neon",
    .block = kBlock,
    .positions = kPositions,
    .pair = 1,
    .sum32 = sum32_neon,
    .sum64 = sum_window<int64_t, kBlock, kPositions, 1>,
    .accumulate32 = accumulate32_neon,
    .requantise32 = requantise<int32_t, kBlock, kPositions>,
    .requantise64 = requantise<int64_t, kBlock, kPositions>,
    .count32 = count_thresholds<int32_t, kBlock, kPositions, 16>,
    .count64 = count_thresholds<int64_t, kBlock, kPositions, 16>,
};

}  // namespace licrt
