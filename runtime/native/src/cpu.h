// Which kernels this machine can run.
#pragma once

#include <vector>

#include "kernels.h"

namespace licrt {

// The kernels that the processor and the operating system support, slowest first; the scalar ones always.
std::vector<const Kernels*> available_kernels();

// The kernels called `name`, or the fastest ones where it is null or empty; null where this machine has none of that
// name.
const Kernels* find_kernels(const char* name);

}  // namespace licrt
