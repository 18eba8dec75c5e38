// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// AVX2 with FMA, F16C and AVX-VNNI: 16 registers of eight lanes.
#ifndef SIMD_AVXVNNI_H_
#define SIMD_AVXVNNI_H_

#include <immintrin.h>

#include "simd.h"
#include "simd_groups.h"

namespace hma
{

constexpr int kTileVectors = 2;
constexpr int kTileRows = 6, kNarrowTileRows = 12;
constexpr const char * kIsa = "avxvnni";
constexpr int kByteTileRows = 6;
constexpr int kByteOffset = 0;

inline Vector load(const Half * from)
{
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i *>(from)));
}
inline void store(Half * to, Vector value)
{
  constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  _mm_storeu_si128(reinterpret_cast<__m128i *>(to), _mm256_cvtps_ph(value, kNearest));
}
// A mask with all bits set in selected lanes.
using Mask = Ints;
inline Mask mask(int place, int count)
{
  const Ints lane = {0, 1, 2, 3, 4, 5, 6, 7};
  return lane < fill_int(count - place);
}
inline Vector load(const float * from, Mask those)
{
  return _mm256_maskload_ps(from, (__m256i)those);
}
inline Vector load(const Half * from, Mask those)
{
  if (those[kLanes - 1]) {
    return load(from);
  }
  Half some[kLanes] = {};
  for (int lane = 0; those[lane]; ++lane) {
    some[lane] = from[lane];
  }
  return load(some);
}
inline Vector only(Vector value, Mask those) {return as_vector(as_ints(value) & those);}
inline Vector load_or(const float * from, Mask those, float other)
{
  return those ? load(from, those) : fill(other);
}
inline void store(float * to, Vector value, Mask those)
{
  _mm256_maskstore_ps(to, (__m256i)those, value);
}
inline void store_lanes(float * to, Vector value, int first, int count)
{
  store(to, value, mask(0, first + count) & ~mask(0, first));
}
inline bool are_within(Vector value, float bound)
{
  return _mm256_movemask_ps(_mm256_cmp_ps(magnitude(value), fill(bound), _CMP_NLE_UQ)) == 0;
}
// Transpose.
inline void transpose(Vector (& lines)[kLanes])
{
  Vector pairs[kLanes], fours[kLanes];
  for (int i = 0; i < kLanes; i += 2) {
    pairs[i] = _mm256_unpacklo_ps(lines[i], lines[i + 1]);
    pairs[i + 1] = _mm256_unpackhi_ps(lines[i], lines[i + 1]);
  }
  for (int i = 0; i < kLanes; i += 4) {
    for (int half = 0; half < 2; ++half) {
      const Vector above = pairs[i + half], below = pairs[i + half + 2];
      fours[i + 2 * half] = _mm256_shuffle_ps(above, below, 0x44);
      fours[i + 2 * half + 1] = _mm256_shuffle_ps(above, below, 0xee);
    }
  }
  for (int j = 0; j < 4; ++j) {
    lines[j] = _mm256_permute2f128_ps(fours[j], fours[4 + j], 0x20);
    lines[4 + j] = _mm256_permute2f128_ps(fours[j], fours[4 + j], 0x31);
  }
}
// The sum of each vector.
inline Vector sums(const Vector (& lines)[kLanes])
{
  Vector fours[2];
  for (int i = 0; i < 2; ++i) {
    const Vector * line = lines + 4 * i;
    fours[i] = _mm256_hadd_ps(_mm256_hadd_ps(line[0], line[1]), _mm256_hadd_ps(line[2], line[3]));
  }
  return (Vector)_mm256_permute2f128_ps(fours[0], fours[1], 0x20) +
         (Vector)_mm256_permute2f128_ps(fours[0], fours[1], 0x31);
}
template<typename Combine>
inline Vector fold(Vector value, const Combine & combine)
{
  value = combine(value, _mm256_permute2f128_ps(value, value, 0x01));
  value = combine(value, _mm256_permute_ps(value, 0x4e));
  return combine(value, _mm256_permute_ps(value, 0xb1));
}
inline float sum(Vector value)
{
  return fold(value, [](Vector a, Vector b) {return a + b;})[0];
}
inline float least_of(Vector value)
{
  return fold(value, [](Vector a, Vector b) {return least(a, b);})[0];
}
inline float most_of(Vector value)
{
  return fold(value, [](Vector a, Vector b) {return most(a, b);})[0];
}
inline int32_t sum(Ints value)
{
  const auto add = [](Vector a, Vector b) {return as_vector(as_ints(a) + as_ints(b));};
  return as_ints(fold(as_vector(value), add))[0];
}
inline int32_t most_of(Ints value)
{
  const auto larger = [](Vector a, Vector b) {return as_vector(most(as_ints(a), as_ints(b)));};
  return as_ints(fold(as_vector(value), larger))[0];
}

inline Ints nearest(Vector value) {return (Ints)_mm256_cvtps_epi32(value);}
inline Vector rounded(Vector value)
{
  return _mm256_round_ps(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
// x * 2 ** power, power integral; 0 below the smallest normal number.
inline Vector scale_by_power(Vector x, Vector power)
{
  const Ints exponent = (nearest(power) + 127) << 23;
  const Ints is_tiny = power < fill(-126.0f);
  return x * as_vector(exponent & ~is_tiny);
}
inline Vector inverse(Vector x)
{
  const Vector guess = _mm256_rcp_ps(x);
  return guess * multiply_subtract(x, guess, fill(2.0f));
}

inline __m256i packed_bytes(const Ints (& whole)[4])
{
  const __m256i bytes = _mm256_packus_epi16(
    _mm256_packs_epi32((__m256i)whole[0], (__m256i)whole[1]),
    _mm256_packs_epi32((__m256i)whole[2], (__m256i)whole[3]));
  return _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}
// Saturate four vectors to uint8 and store `count`.
inline void store_bytes(uint8_t * out, const Ints (& whole)[4], int count)
{
  const __m256i bytes = packed_bytes(whole);
  std::memcpy(out, &bytes, count < 4 * kLanes ? count : 4 * kLanes);
}
// The lowest bytes.
inline void store_low_bytes(void * out, Ints value)
{
  const __m256i low = (__m256i)(value & 0xff);
  const __m256i bytes = packed_bytes({(Ints)low, (Ints)low, (Ints)low, (Ints)low});
  std::memcpy(out, &bytes, kLanes);
}
// Saturated to 16 bits.
inline void store_shorts(int16_t * out, Ints value)
{
  _mm_storeu_si128(
    reinterpret_cast<__m128i *>(out),
    _mm_packs_epi32(
      _mm256_castsi256_si128((__m256i)value), _mm256_extracti128_si256((__m256i)value, 1)));
}
inline void store_every_second(int16_t * out, Ints value, bool is_second)
{
  for (int lane = 0; lane < kLanes; ++lane) {
    out[2 * lane + is_second] = static_cast<int16_t>(value[lane]);
  }
}

inline void add_products(Ints & sum, Group<int16_t> row, Group<int16_t> column)
{
  asm("%{vex%} vpdpwssd %2, %1, %0" : "+x"(sum) : "x"(row.all), "x"(column.all));
}
inline void add_products(Ints & sum, Group<uint8_t> row, Group<uint8_t> column)
{
  asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(row.all), "x"(column.all));
}

}  // namespace hma

#endif  // SIMD_AVXVNNI_H_
