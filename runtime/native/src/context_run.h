// Running a planned context model.
#pragma once

#include "context_plan.h"
#include "image.h"
#include "latents.h"

namespace licrt {

// Visits all positions of all groups in coding order: predicts, takes the symbols from `source`, and writes
// y_hat[latent_channels][height][width]. `features` is [feature_channels][height][width]. Stops where the source fails.
// REQUIRES: a size of 1...kMaxSide each way, threads >= 1.
licrt_status run_context(const ContextPlan& plan, const int32_t* features, Size size, unsigned threads,
                         const Dequantiser& dequantiser, uint32_t point, SymbolSource& source, int32_t* y_hat);

}  // namespace licrt
