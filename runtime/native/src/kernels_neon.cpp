// The kernels of ARMv8-A without extensions: smlal for the sums.
#include "kernels_portable.h"
#include "kernels_smlal.h"

namespace licrt {

extern const Kernels kNeonKernels;
const Kernels kNeonKernels = {
    .name = "neon",
    .block = kBlock,
    .positions = kPositions,
    .pair = 1,
    .sum32 = sum32_smlal,
    .sum64 = sum_window<int64_t, kBlock, kPositions, 1>,
    .requantise32 = requantise<int32_t, kBlock, kPositions>,
    .requantise64 = requantise<int64_t, kBlock, kPositions>,
    .count32 = count_thresholds<int32_t, kBlock, kPositions, 16>,
    .count64 = count_thresholds<int64_t, kBlock, kPositions, 16>,
};

}  // namespace licrt
