// The reference: what every other set of kernels must equal.
#include "kernels_portable.h"

namespace licrt {

const Kernels kScalarKernels = {
    .name = "scalar",
    .block = 16,
    .positions = 4,
    .pair = 1,
    .sum32 = sum_window<int32_t, 16, 4, 1>,
    .sum64 = sum_window<int64_t, 16, 4, 1>,
    .accumulate32 = accumulate_window<int32_t, 16, 1>,
    .requantise32 = requantise<int32_t, 16, 4>,
    .requantise64 = requantise<int64_t, 16, 4>,
    .count32 = count_thresholds<int32_t, 16, 4, 16>,
    .count64 = count_thresholds<int64_t, 16, 4, 16>,
};

}  // namespace licrt
