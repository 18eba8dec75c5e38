// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// AVX-512 with VNNI: 32 registers of sixteen lanes.
#ifndef SIMD_AVX512_H_
#define SIMD_AVX512_H_

#include <immintrin.h>

#include "simd.h"
#include "simd_groups.h"

namespace hma
{

constexpr const char * kIsa = "avx512vnni";
// Register tiles of the micro-kernels: vectors of columns (NR), and rows (MR) of a tile with all of
// them or with half of them, of float32, int16 and int8.
constexpr int kTileVectors = 4;
constexpr int kTileRows = 6, kNarrowTileRows = 12, kByteTileRows = 6;
// Subtracted from stored uint8 rows, see int_kernel.
constexpr int kByteOffset = 0;

inline Vector load(const Half * from)
{
  return (Vector)_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(from)));
}
inline void store(Half * to, Vector value)
{
  constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  _mm256_storeu_si256(reinterpret_cast<__m256i *>(to), _mm512_cvtps_ph(value, kNearest));
}
// Mask of the lanes from `place` that are below `count`.
using Mask = __mmask16;
inline Mask mask(int place, int count)
{
  const int left = count - place;
  return left >= kLanes ? 0xffff : left <= 0 ? 0 : static_cast<Mask>((1u << left) - 1u);
}
inline Vector load(const float * from, Mask those) {return _mm512_maskz_loadu_ps(those, from);}
inline Vector load(const Half * from, Mask those)
{
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(those, from));
}
inline Vector load_or(const float * from, Mask those, float other)
{
  return _mm512_mask_loadu_ps(fill(other), those, from);
}
inline Vector only(Vector value, Mask those) {return _mm512_maskz_mov_ps(those, value);}
inline void store(float * to, Vector value, Mask those)
{
  _mm512_mask_storeu_ps(to, those, value);
}
inline void store_lanes(float * to, Vector value, int first, int count)
{
  store(to, value, static_cast<Mask>(mask(0, count) << first));
}
// Whether all magnitudes are at most so large.
inline bool are_within(Vector value, float bound)
{
  return _mm512_cmp_ps_mask(magnitude(value), fill(bound), _CMP_NLE_UQ) == 0;
}
// Transpose.
inline void transpose(Vector (& lines)[kLanes])
{
  Vector pairs[kLanes], fours[kLanes];
  for (int i = 0; i < kLanes; i += 2) {
    pairs[i] = _mm512_unpacklo_ps(lines[i], lines[i + 1]);
    pairs[i + 1] = _mm512_unpackhi_ps(lines[i], lines[i + 1]);
  }
  for (int i = 0; i < kLanes; i += 4) {
    for (int half = 0; half < 2; ++half) {
      const __m512d above = _mm512_castps_pd(pairs[i + half]);
      const __m512d below = _mm512_castps_pd(pairs[i + half + 2]);
      fours[i + 2 * half] = _mm512_castpd_ps(_mm512_unpacklo_pd(above, below));
      fours[i + 2 * half + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(above, below));
    }
  }
  // Quarters of fours[4 * i + j] are columns j, 4 + j, 8 + j, 12 + j of lines 4 * i to 4 * i + 3.
  for (int j = 0; j < 4; ++j) {
    const Vector upper_even = _mm512_shuffle_f32x4(fours[j], fours[4 + j], 0x88);
    const Vector upper_odd = _mm512_shuffle_f32x4(fours[j], fours[4 + j], 0xdd);
    const Vector lower_even = _mm512_shuffle_f32x4(fours[8 + j], fours[12 + j], 0x88);
    const Vector lower_odd = _mm512_shuffle_f32x4(fours[8 + j], fours[12 + j], 0xdd);
    lines[j] = _mm512_shuffle_f32x4(upper_even, lower_even, 0x88);
    lines[4 + j] = _mm512_shuffle_f32x4(upper_odd, lower_odd, 0x88);
    lines[8 + j] = _mm512_shuffle_f32x4(upper_even, lower_even, 0xdd);
    lines[12 + j] = _mm512_shuffle_f32x4(upper_odd, lower_odd, 0xdd);
  }
}
// The sum of each vector.
inline Vector sums(const Vector (& lines)[kLanes])
{
  Vector halves[8], quarters[4], eighths[2];
  for (int i = 0; i < 8; ++i) {
    const Vector first = lines[2 * i], second = lines[2 * i + 1];
    halves[i] = _mm512_unpacklo_ps(first, second) + _mm512_unpackhi_ps(first, second);
  }
  for (int i = 0; i < 4; ++i) {
    const __m512d first = _mm512_castps_pd(halves[2 * i]);
    const __m512d second = _mm512_castps_pd(halves[2 * i + 1]);
    quarters[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(first, second)) +
      _mm512_castpd_ps(_mm512_unpackhi_pd(first, second));
  }
  const auto fold = [](Vector first, Vector second) {
      return _mm512_shuffle_f32x4(first, second, 0x88) + _mm512_shuffle_f32x4(first, second, 0xdd);
    };
  for (int i = 0; i < 2; ++i) {
    eighths[i] = fold(quarters[2 * i], quarters[2 * i + 1]);
  }
  return fold(eighths[0], eighths[1]);
}
inline float sum(Vector value) {return _mm512_reduce_add_ps(value);}
inline float least_of(Vector value) {return _mm512_reduce_min_ps(value);}
inline float most_of(Vector value) {return _mm512_reduce_max_ps(value);}
inline int32_t sum(Ints value) {return _mm512_reduce_add_epi32((__m512i)value);}
inline int32_t most_of(Ints value) {return _mm512_reduce_max_epi32((__m512i)value);}

inline Ints nearest(Vector value) {return (Ints)_mm512_cvtps_epi32(value);}
inline Vector rounded(Vector value) {return _mm512_roundscale_ps(value, 8);}
// x * 2 ** power, power integral
inline Vector scale_by_power(Vector x, Vector power) {return _mm512_scalef_ps(x, power);}
// 1 / x: an estimate and one Newton step, faster than division.
inline Vector inverse(Vector x)
{
  const Vector guess = _mm512_rcp14_ps(x);
  return guess * (Vector)_mm512_fnmadd_ps(x, guess, fill(2.0f));
}

// Saturate four vectors to uint8 and store `count`.
inline void store_bytes(uint8_t * out, const Ints (& whole)[4], int count)
{
  // Where the quarters of registers, packed in pairs, belong.
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m512i bytes = _mm512_packus_epi16(
    _mm512_packs_epi32((__m512i)whole[0], (__m512i)whole[1]),
    _mm512_packs_epi32((__m512i)whole[2], (__m512i)whole[3]));
  const __mmask64 those = count >= 4 * kLanes ? ~0ull : (1ull << count) - 1;
  _mm512_mask_storeu_epi8(out, those, _mm512_permutexvar_epi32(order, bytes));
}
// The lowest bytes.
inline void store_low_bytes(void * out, Ints value)
{
  _mm_storeu_si128(static_cast<__m128i *>(out), _mm512_cvtepi32_epi8((__m512i)value));
}
// Saturated to 16 bits.
inline void store_shorts(int16_t * out, Ints value)
{
  _mm256_storeu_si256(
    reinterpret_cast<__m256i *>(out), _mm512_cvtsepi32_epi16((__m512i)value));
}
// Store to every second place; the others are untouched.
inline void store_every_second(int16_t * out, Ints value, bool is_second)
{
  if (is_second) {
    _mm512_mask_storeu_epi16(out, 0xaaaaaaaau, _mm512_slli_epi32((__m512i)value, 16));
  } else {
    _mm512_mask_storeu_epi16(out, 0x55555555u, (__m512i)value);
  }
}

// sum += the products of each group; written out, as GCC 12 keeps copies of every sum.
inline void add_products(Ints & sum, Group<uint8_t> row, Group<uint8_t> column)
{
  asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(row.all), "v"(column.all));
}
inline void add_products(Ints & sum, Group<int16_t> row, Group<int16_t> column)
{
  asm("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(row.all), "v"(column.all));
}

}  // namespace hma

#endif  // SIMD_AVX512_H_
