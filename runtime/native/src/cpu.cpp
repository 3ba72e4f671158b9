#include "cpu.h"

#include <cstring>

namespace licrt {

#ifdef LICRT_X86_64
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512VnniKernels;
#endif

const Kernels* find_kernels(const char* name) {
  const bool any = name == nullptr || *name == '\0';
  auto wanted = [&](const Kernels& kernels) { return any || std::strcmp(name, kernels.name) == 0; };
#ifdef LICRT_X86_64
  // Reads CPUID, and XGETBV for whether the operating system saves the registers.
  __builtin_cpu_init();
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  if (wanted(kAvx512VnniKernels) && avx512 && __builtin_cpu_supports("avx512vnni")) return &kAvx512VnniKernels;
  if (wanted(kAvx2Kernels) && __builtin_cpu_supports("avx2")) return &kAvx2Kernels;
#endif
  return wanted(kScalarKernels) ? &kScalarKernels : nullptr;
}

}  // namespace licrt
