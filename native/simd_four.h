// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// Four lanes: ARM with dot products, or any processor by vector extensions alone.
#ifndef SIMD_FOUR_H_
#define SIMD_FOUR_H_

#ifdef __ARM_FEATURE_DOTPROD
#include <arm_neon.h>
#endif

#include <algorithm>

#include "simd.h"

namespace hma
{

#ifdef __ARM_FEATURE_DOTPROD
constexpr const char * kIsa = "neon";
// 32 registers.
constexpr int kTileVectors = 4;
constexpr int kTileRows = 6, kNarrowTileRows = 12, kByteTileRows = 6;
// The instruction multiplies signed bytes with signed ones.
constexpr int kByteOffset = 128;
#else
constexpr const char * kIsa = "generic";
// 16 registers.
constexpr int kTileVectors = 2;
constexpr int kTileRows = 4, kNarrowTileRows = 8, kByteTileRows = 2;
constexpr int kByteOffset = 0;
#endif

typedef uint16_t Shorts __attribute__((vector_size(2 * kLanes)));
typedef uint8_t Bytes __attribute__((vector_size(kLanes)));

inline Ints choose(Ints those, Ints one, Ints other) {return (those & one) | (~those & other);}

// Correct up to 2 ** 22: adding 1.5 * 2 ** 23 rounds to an integer.
inline Ints nearest(Vector value)
{
#ifdef __ARM_FEATURE_DOTPROD
  return (Ints)vcvtnq_s32_f32(value);
#else
  // The sum is read as bits: -ffast-math may not simplify it.
  return as_ints(value + 12582912.0f) - 0x4b400000;
#endif
}
inline Vector rounded(Vector value)
{
#ifdef __ARM_FEATURE_DOTPROD
  return (Vector)vrndnq_f32(value);
#else
  // Larger ones are integral.
  return magnitude(value) < 4194304.0f ? to_float(nearest(value)) : value;
#endif
}

inline Vector load(const Half * from)
{
#ifdef __ARM_FEATURE_DOTPROD
  return (Vector)vcvt_f32_f16(vld1_f16(reinterpret_cast<const float16_t *>(from)));
#else
  Shorts bits;
  std::memcpy(&bits, from, sizeof(bits));
  const Ints all = __builtin_convertvector(bits, Ints), size = all & 0x7fff;
  const Ints larger = (size << 13) + (112 << 23);
  const Ints normal = choose(size < 0x7c00, larger, larger + (112 << 23));  // inf or NaN
  const Ints tiny = as_ints(to_float(size) * 0x1p-24f);
  return as_vector(choose(size < 0x400, tiny, normal) | (all & 0x8000) << 16);
#endif
}
// Of a number up to the largest float16.
inline void store(Half * to, Vector value)
{
#ifdef __ARM_FEATURE_DOTPROD
  vst1_f16(reinterpret_cast<float16_t *>(to), vcvt_f16_f32(value));
#else
  const Ints all = as_ints(value), size = all & 0x7fffffff;
  const Ints normal = (size - (112 << 23) + 0xfff + (size >> 13 & 1)) >> 13;
  const Ints tiny = nearest(as_vector(size) * 0x1p24f);
  const Ints half = choose(size < 113 << 23, tiny, normal) | (all >> 16 & 0x8000);
  const Shorts bits = __builtin_convertvector(half, Shorts);
  std::memcpy(to, &bits, sizeof(bits));
#endif
}
// The number of selected lanes.
struct Mask
{
  int count;
};
inline Mask mask(int place, int count) {return {std::clamp(count - place, 0, kLanes)};}
template<typename Number>
inline Vector load(const Number * from, Mask those)
{
  if (those.count == kLanes) {
    return load(from);
  }
  Number some[kLanes] = {};
  std::copy_n(from, those.count, some);
  return load(some);
}
inline Vector load_or(const float * from, Mask those, float other)
{
  float all[kLanes] = {other, other, other, other};
  std::copy_n(from, those.count, all);
  return load(all);
}
inline Vector only(Vector value, Mask those)
{
  const Ints lane = {0, 1, 2, 3};
  return as_vector(as_ints(value) & (lane < those.count));
}
inline void store_lanes(float * to, Vector value, int first, int count)
{
  float all[kLanes];
  store(all, value);
  std::copy_n(all + first, count, to + first);
}
inline void store(float * to, Vector value, Mask those)
{
  if (those.count == kLanes) {
    return store(to, value);
  }
  store_lanes(to, value, 0, those.count);
}
inline float least_of(Vector value)
{
  return std::min(std::min(value[0], value[1]), std::min(value[2], value[3]));
}
inline float most_of(Vector value)
{
  return std::max(std::max(value[0], value[1]), std::max(value[2], value[3]));
}
inline int32_t most_of(Ints value)
{
  return std::max(std::max(value[0], value[1]), std::max(value[2], value[3]));
}
inline float sum(Vector value) {return (value[0] + value[1]) + (value[2] + value[3]);}
inline int32_t sum(Ints value)
{
  // Unsigned: it may overflow, see Int8Attention::put_key.
  uint32_t total = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    total += static_cast<uint32_t>(value[lane]);
  }
  return static_cast<int32_t>(total);
}
inline bool are_within(Vector value, float bound)
{
  const Ints is_within = magnitude(value) <= fill(bound);
  return (is_within[0] & is_within[1] & is_within[2] & is_within[3]) != 0;
}
// Transpose.
inline void transpose(Vector (& lines)[kLanes])
{
  const Vector a = lines[0], b = lines[1], c = lines[2], d = lines[3];
  for (int j = 0; j < kLanes; ++j) {
    lines[j] = Vector{a[j], b[j], c[j], d[j]};
  }
}
// The sum of each vector.
inline Vector sums(const Vector (& lines)[kLanes])
{
#ifdef __ARM_FEATURE_DOTPROD
  return (Vector)vpaddq_f32(vpaddq_f32(lines[0], lines[1]), vpaddq_f32(lines[2], lines[3]));
#else
  return Vector{sum(lines[0]), sum(lines[1]), sum(lines[2]), sum(lines[3])};
#endif
}
// x * 2 ** power, power integral; 0 below the smallest normal number.
inline Vector scale_by_power(Vector x, Vector power)
{
  const Ints is_tiny = power < fill(-126.0f);
  const Ints exponent = nearest(as_vector(choose(is_tiny, Ints{}, as_ints(power)))) + 127;
  return x * as_vector((exponent << 23) & ~is_tiny);
}
inline Vector inverse(Vector x) {return 1.0f / x;}

// Saturate four vectors to uint8, subtract kByteOffset, store `count`.
inline void store_bytes(uint8_t * out, const Ints (& whole)[4], int count)
{
  uint8_t all[4 * kLanes];
  for (int v = 0; v < 4; ++v) {
    const Ints low = choose(whole[v] > 0, whole[v], Ints{});
    const Bytes bytes =
      __builtin_convertvector(choose(low > 255, fill_int(255), low) - kByteOffset, Bytes);
    std::memcpy(all + v * kLanes, &bytes, sizeof(bytes));
  }
  std::copy_n(all, std::min(count, 4 * kLanes), out);
}
// The lowest bytes.
inline void store_low_bytes(void * out, Ints value)
{
  const Bytes bytes = __builtin_convertvector(value, Bytes);
  std::memcpy(out, &bytes, sizeof(bytes));
}
// Saturated to 16 bits; numbers are not negative.
inline void store_shorts(int16_t * out, Ints value)
{
  const Shorts bits =
    __builtin_convertvector(choose(value > 32767, fill_int(32767), value), Shorts);
  std::memcpy(out, &bits, sizeof(bits));
}
// Store to every second place; the others are untouched.
inline void store_every_second(int16_t * out, Ints value, bool is_second)
{
  for (int lane = 0; lane < kLanes; ++lane) {
    out[2 * lane + is_second] = static_cast<int16_t>(value[lane]);
  }
}

// A row's group in every lane, and a vector of columns' groups, as add_products takes them.
#ifdef __ARM_FEATURE_DOTPROD
template<typename Number>
struct RowGroup
{
  Ints all;
};
template<typename Number>
inline RowGroup<Number> spread(const Number * group) {return {fill_int(group_of(group))};}

template<typename Row>
struct ColumnGroups;
template<>
struct ColumnGroups<uint8_t>
{
  Ints all;
};
template<>
struct ColumnGroups<int16_t>
{
  int16x4_t even, odd;
};
template<typename Row, typename Column>
inline ColumnGroups<Row> columns_of(const Column * groups)
{
  if constexpr (sizeof(Row) == 1) {
    return {load_ints(groups)};
  } else {
    const int16x4x2_t both = vld2_s16(groups);
    return {both.val[0], both.val[1]};
  }
}
inline void add_products(Ints & sum, RowGroup<uint8_t> row, ColumnGroups<uint8_t> column)
{
  sum = (Ints)vdotq_s32(
    (int32x4_t)sum, vreinterpretq_s8_s32((int32x4_t)row.all),
    vreinterpretq_s8_s32((int32x4_t)column.all));
}
inline void add_products(Ints & sum, RowGroup<int16_t> row, ColumnGroups<int16_t> column)
{
  const int16x4_t both = vget_low_s16(vreinterpretq_s16_s32((int32x4_t)row.all));
  sum = (Ints)vmlal_lane_s16((int32x4_t)sum, column.even, both, 0);
  sum = (Ints)vmlal_lane_s16((int32x4_t)sum, column.odd, both, 1);
}
#else
template<typename Number>
struct Group
{
  Ints parts[kGroup<Number>];
};
template<typename Number>
inline Group<Number> spread(const Number * group)
{
  Group<Number> spread;
  for (int part = 0; part < kGroup<Number>; ++part) {
    spread.parts[part] = fill_int(group[part]);
  }
  return spread;
}
// Shifted up and down again, which keeps the sign. The first of a group is its lowest.
template<typename Row, typename Column>
inline Group<Row> columns_of(const Column * groups)
{
  constexpr int bits = 8 * sizeof(Column), group = kGroup<Column>;
  const Ints all = load_ints(groups);
  Group<Row> columns;
  for (int part = 0; part < group; ++part) {
    columns.parts[part] = (all << (group - 1 - part) * bits) >> (group - 1) * bits;
  }
  return columns;
}
template<typename Number>
inline void add_products(Ints & sum, const Group<Number> & row, const Group<Number> & column)
{
  for (int part = 0; part < kGroup<Number>; ++part) {
    sum += row.parts[part] * column.parts[part];
  }
}
#endif

}  // namespace hma

#endif  // SIMD_FOUR_H_
