// Running a planned network.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "image.h"
#include "team.h"

namespace licrt {

// Size of the output for an input of that size; {0, 0} where a layer would have no output or one above kMaxSide.
Size output_size(const Plan& plan, Size input);

// As licrt_network_run. REQUIRES: 1 <= crop <= output_size, threads >= 1, point < rate_points.
void run_plan(const Plan& plan, const int32_t* symbols, Size input, Size crop, unsigned threads, uint32_t point,
              int32_t* indexes, int32_t* means);

// Runs a plan without index head whose layers all keep the size, from what `fill` puts into its input to an image of
// its means. REQUIRES: means of at most 16 bits.
void run_features(const Plan& plan, Size size, const std::function<void(Image&)>& fill, Team& team, Image& features);

}  // namespace licrt
