// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// Vectors of float32 and int32, as wide as the registers of one instruction set (ISA).
//
// Every source is compiled once for each ISA into a library of its own, `_layers_ISA.so`, of which
// Python loads the best that the processor runs (hma_ros/runtime/compiled.py). Arithmetic is
// written in the vector extensions of GCC and Clang; `simd_ISA.h` adds what they lack: int8 dot
// products, float16, masks, transposition.
#ifndef SIMD_H_
#define SIMD_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace hma
{

#if defined(__AVX512VNNI__)
constexpr int kLanes = 16;
#elif defined(__AVXVNNI__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef float Vector __attribute__((vector_size(4 * kLanes)));
typedef int32_t Ints __attribute__((vector_size(4 * kLanes)));

// Channels of the widest head of attention.
constexpr int kWidestHead = 64;

inline int whole_vectors(int count) {return (count + kLanes - 1) / kLanes * kLanes;}

// Cached keys and values may be float16.
struct Half
{
  uint16_t bits;
};

inline Vector fill(float value) {return value - Vector{};}
inline Ints fill_int(int32_t value) {return value - Ints{};}
inline Ints as_ints(Vector value) {return (Ints)value;}
inline Vector as_vector(Ints value) {return (Vector)value;}
inline Vector load(const float * from)
{
  Vector value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}
inline void store(float * to, Vector value) {std::memcpy(to, &value, sizeof(value));}
template<typename Number>
inline Ints load_ints(const Number * from)
{
  Ints value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}
inline Vector to_float(Ints value) {return __builtin_convertvector(value, Vector);}
// If one operand is NaN, the second is returned, as on x86.
inline Vector least(Vector a, Vector b) {return a < b ? a : b;}
inline Vector most(Vector a, Vector b) {return a > b ? a : b;}
inline Ints most(Ints a, Ints b) {return a > b ? a : b;}
inline Vector magnitude(Vector value) {return as_vector(as_ints(value) & fill_int(0x7fffffff));}
// a * b + c, rounded once where the processor can; -ffp-contract=fast
inline Vector multiply_add(Vector a, Vector b, Vector c) {return a * b + c;}
// c - a * b
inline Vector multiply_subtract(Vector a, Vector b, Vector c) {return c - a * b;}

// Operands of one lane of a dot-product instruction: as many as fill 32 bits.
template<typename Number>
constexpr int kGroup = sizeof(int32_t) / sizeof(Number);

template<typename Number>
inline int32_t group_of(const Number * numbers)
{
  int32_t group;
  std::memcpy(&group, numbers, sizeof(group));
  return group;
}

// Prefetch a cache line into L1, or into L2.
inline void prefetch_near(const void * line) {__builtin_prefetch(line, 0, 3);}
inline void prefetch_far(const void * line) {__builtin_prefetch(line, 0, 2);}

}  // namespace hma

#if defined(__AVX512VNNI__)
#include "simd_avx512.h"
#elif defined(__AVXVNNI__)
#include "simd_avxvnni.h"
#else
#include "simd_four.h"
#endif

#endif  // SIMD_H_
