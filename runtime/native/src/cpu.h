// Which kernels this machine can run.
#pragma once

#include "kernels.h"

namespace licrt {

// The kernels called `name`, or the fastest ones where it is null or empty. Null where there are none of that name, or
// the processor or the operating system does not support them.
const Kernels* find_kernels(const char* name);

}  // namespace licrt
