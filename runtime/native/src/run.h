// Running a planned network.
#pragma once

#include <cstddef>
#include <cstdint>

#include "image.h"

namespace licrt {

// Size of the output for an input of that size; {0, 0} where a layer would have no output or one above kMaxSide.
Size output_size(const Plan& plan, Size input);

// As licrt_network_run. REQUIRES: 1 <= crop <= output_size, threads >= 1, point < rate_points.
void run_plan(const Plan& plan, const int32_t* symbols, Size input, Size crop, unsigned threads, uint32_t point,
              int32_t* indexes, int32_t* means);

}  // namespace licrt
