// The reference: what every other set of kernels must equal.
#include "kernels_portable.h"

namespace licrt {

const Kernels kScalarKernels = {
    .name = "scalar",
    .positions = 4,
    .pair = 1,
    .sum32 = sum_window<int32_t, 4, 1>,
    .sum64 = sum_window<int64_t, 4, 1>,
    .requantise32 = requantise<int32_t, 4>,
    .requantise64 = requantise<int64_t, 4>,
    .count32 = count_thresholds<int32_t, 4>,
    .count64 = count_thresholds<int64_t, 4>,
};

}  // namespace licrt
