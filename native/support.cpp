// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// Runs on any processor of the architecture, while the rest is for those that this accepts. CMake
// defines HMA_ISA_*; no other header of the package may be included here.
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

// pip compiles all files alike.
extern "C"
#if defined(__x86_64__)
__attribute__((target("arch=x86-64")))
#endif
int hma_is_supported()
{
#if defined(HMA_ISA_AVX512VNNI)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni") &&
         __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
         __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c") &&
         __builtin_cpu_supports("lzcnt") && __builtin_cpu_supports("movbe");
#elif defined(HMA_ISA_AVXVNNI)
  __builtin_cpu_init();
  // By its bit: not all compilers know it by name.
  unsigned a = 7, b, c = 1, d;
  asm("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  if ((a & 1u << 4) == 0) {
    return 0;
  }
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
         __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("f16c") && __builtin_cpu_supports("lzcnt") &&
         __builtin_cpu_supports("movbe");
#elif defined(HMA_ISA_NEON)
  // HWCAP_ATOMICS, HWCAP_FPHP, HWCAP_ASIMDHP, HWCAP_ASIMDRDM, HWCAP_ASIMDDP
  constexpr unsigned long kAll = 1ul << 8 | 1ul << 9 | 1ul << 10 | 1ul << 12 | 1ul << 20;
  return (getauxval(AT_HWCAP) & kAll) == kAll;
#else
  return 1;
#endif
}
