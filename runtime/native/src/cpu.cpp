#include "cpu.h"

#include <cstring>

#if defined(LICRT_AARCH64) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace licrt {

#ifdef LICRT_X86_64
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512VnniKernels;
#endif
#ifdef LICRT_AARCH64
extern const Kernels kNeonKernels;
extern const Kernels kNeonDotKernels;
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
#ifdef LICRT_AARCH64
  kernels.push_back(&kNeonKernels);
#endif
#if defined(LICRT_AARCH64) && defined(__linux__)
  constexpr unsigned long kDotProduct = 1ul << 20;  // HWCAP_ASIMDDP, by value because old headers lack it
  if (getauxval(AT_HWCAP) & kDotProduct) kernels.push_back(&kNeonDotKernels);
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
