// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
#ifndef NO_DENORMALS_H_
#define NO_DENORMALS_H_

#include <cstdint>

namespace hma
{

// Flushes denormals to zero during its lifetime: tiny attention weights would be a hundred times
// slower.
class NoDenormals
{
public:
#if defined(__x86_64__)
  NoDenormals() : before_(__builtin_ia32_stmxcsr())
  {
    constexpr unsigned kZerosOut = 0x8000, kZerosIn = 0x0040;
    __builtin_ia32_ldmxcsr(before_ | kZerosOut | kZerosIn);
  }
  ~NoDenormals() {__builtin_ia32_ldmxcsr(before_);}
  NoDenormals(const NoDenormals &) = delete;
  NoDenormals & operator=(const NoDenormals &) = delete;

private:
  const unsigned before_;
#elif defined(__aarch64__)
  NoDenormals()
  {
    asm volatile("mrs %0, fpcr" : "=r"(before_));
    asm volatile("msr fpcr, %0" :: "r"(before_ | 1u << 24));
  }
  ~NoDenormals() {asm volatile("msr fpcr, %0" :: "r"(before_));}
  NoDenormals(const NoDenormals &) = delete;
  NoDenormals & operator=(const NoDenormals &) = delete;

private:
  uint64_t before_;
#endif
};

}  // namespace hma

#endif  // NO_DENORMALS_H_
