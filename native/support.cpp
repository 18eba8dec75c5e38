// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// Compiled for any processor, while the rest is for those that this accepts.

extern "C" int hma_is_supported()
{
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("fma");
}
