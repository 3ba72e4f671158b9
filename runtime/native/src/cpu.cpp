#include "cpu.h"

#include <cstring>

namespace licrt {

#ifdef LICRT_X86_64
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512VnniKernels;
#endif

std::vector<const Kernels*> available_kernels() {
  std::vector<const Kernels*> kernels{&kScalarKernels};
#ifdef LICRT_X86_64
  // Reads CPUID, and XGETBV for whether the operating system saves the registers.
  __builtin_cpu_init();
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  if (__builtin_cpu_supports("avx2")) kernels.push_back(&kAvx2Kernels);
  if (avx512 && __builtin_cpu_supports("avx512vnni")) kernels.push_back(&kAvx512VnniKernels);
#endif
  return kernels;
}

const Kernels* find_kernels(const char* name) {
  const auto kernels = available_kernels();
  if (name == nullptr || *name == '\0') return kernels.back();
  for (const Kernels* candidate : kernels) {
    if (std::strcmp(name, candidate->name) == 0) return candidate;
  }
  return nullptr;
}

}  // namespace licrt
