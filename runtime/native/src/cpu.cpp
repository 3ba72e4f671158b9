#include "cpu.h"

#include <cstring>

namespace licrt {

#ifdef LICRT_X86_64
extern const Kernels kAvx2Kernels;
#endif

const Kernels* find_kernels(const char* name) {
  const bool any = name == nullptr || *name == '\0';
  auto wanted = [&](const Kernels& kernels) { return any || std::strcmp(name, kernels.name) == 0; };
#ifdef LICRT_X86_64
  // Reads CPUID, and XGETBV for whether the operating system saves the registers.
  __builtin_cpu_init();
  if (wanted(kAvx2Kernels) && __builtin_cpu_supports("avx2")) return &kAvx2Kernels;
#endif
  return wanted(kScalarKernels) ? &kScalarKernels : nullptr;
}

}  // namespace licrt
