// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
#include "whole_space.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "tiles.h"

namespace hma
{
namespace
{

constexpr float kMostNumber = 127.0f;
// Queries have no sign: their zero is here.
constexpr int kZero = 128;
// Of values: 2 ** kBits and below.
constexpr int kBits = 9;
// Values below this are nothing: powers of them would not be finite.
constexpr float kLeastValue = 0x1p-40f;
// Tokens that attend at a time: their scores stay in the nearest cache.
constexpr int kQueries = 12;

// The largest size of some numbers; as bits, infinity is above all of them and what is not a number
// above that.
inline float largest(const float * numbers, int count)
{
  __m512i most = _mm512_setzero_si512();
  for (int k = 0; k < count; k += kLanes) {
    const Vector size = _mm512_abs_ps(load(numbers + k, mask(k, count)));
    most = _mm512_max_epu32(most, _mm512_castps_si512(size));
  }
  return std::bit_cast<float>(_mm512_reduce_max_epu32(most));
}

// Not finite where `most` is not, and so are scores of it.
inline float scale_of(float most)
{
  return std::max(most / kMostNumber, std::numeric_limits<float>::min());
}

inline __m512i rounded(const float * from, int place, int count, Vector inverse)
{
  return _mm512_cvtps_epi32(load(from + place, mask(place, count)) * inverse);
}

}  // namespace

WholeSpace::WholeSpace(int tokens, int heads, int depth, float scale)
: Space(tokens, heads, depth, scale),
  power_of_weights_(
    std::log2(std::min(std::floor(0x1p31f / (1 << kBits) / tokens) - 1.0f, 32767.0f))) {}

void WholeSpace::resize(int rows)
{
  const size_t places = line(rows, 0);
  if (places <= scales_.size()) {
    return;
  }
  queries_.assign(places * wide_, 0);
  scales_.assign(places, 0.0f);
  for (Past & past : past_) {
    // What stays behind the last token is never attended to.
    past.keys.assign(places * wide_, 0);
    past.scale.assign(places, 0.0f);
    past.offset.assign(places, 0);
    past.values.assign(places * wide_, 0);
    past.power.assign(places, kNever);
    past.inverse.assign(places, 0.0f);
  }
}

void WholeSpace::put(int turn, int row, int first, int count, const float * made)
{
  for (int t = first; t < first + count; ++t) {
    for (int head = 0; head < heads_; ++head, made += depth_) {
      put_query(line(row, head) + t, made);
      put_key(past_[turn], line(row, head), t, made + width());
      put_value(past_[turn], line(row, head), t, made + 2 * width());
    }
    made += 2 * width();
  }
}

void WholeSpace::put_query(size_t place, const float * query)
{
  const float scale = scale_of(largest(query, depth_));
  const Vector inverse = fill(1.0f / scale);
  uint8_t * out = queries_.data() + place * wide_;
  for (int d = 0; d < depth_; d += kLanes) {
    const __m512i number =
      _mm512_add_epi32(rounded(query, d, depth_, inverse), _mm512_set1_epi32(kZero));
    _mm_storeu_si128(reinterpret_cast<__m128i *>(out + d), _mm512_cvtepi32_epi8(number));
  }
  scales_[place] = scale * scale_;
}

void WholeSpace::put_key(Past & past, size_t line, int token, const float * key) const
{
  constexpr int group = kGroup<int8_t>;
  const float scale = scale_of(largest(key, depth_));
  const Vector inverse = fill(1.0f / scale);
  const int panel = token / kPanel * kPanel;
  int8_t * column = past.keys.data() + (line + panel) * wide_ + (token - panel) * group;
  __m512i sum = _mm512_setzero_si512();
  for (int d = 0; d < depth_; d += kLanes) {
    const __m512i number = rounded(key, d, depth_, inverse);
    sum = _mm512_add_epi32(sum, number);
    int8_t numbers[kLanes];
    _mm_storeu_si128(reinterpret_cast<__m128i *>(numbers), _mm512_cvtepi32_epi8(number));
    for (int k = 0; k < kLanes; k += group, column += group * kPanel) {
      std::memcpy(column, numbers + k, group);
    }
  }
  past.scale[line + token] = scale;
  past.offset[line + token] = -kZero * _mm512_reduce_add_epi32(sum);
}

void WholeSpace::put_value(Past & past, size_t line, int token, const float * value) const
{
  const float most = largest(value, depth_);
  const bool is_finite = std::isfinite(most);
  const int power = is_finite ? std::ilogb(std::max(most, kLeastValue)) + 1 - kBits : 0;
  // What is not finite is all that it is mixed to.
  const float inverse = is_finite ? std::ldexp(1.0f, -power) : std::nanf("");
  // Two tokens side by side: the other may be put by another thread.
  const bool is_second = token % 2 != 0;
  int16_t * out = past.values.data() + (line + token / 2 * 2) * wide_;
  for (int d = 0; d < depth_; d += kLanes, out += 2 * kLanes) {
    const __m512i number = rounded(value, d, depth_, fill(inverse));
    if (is_second) {
      _mm512_mask_storeu_epi16(out, 0xaaaaaaaau, _mm512_slli_epi32(number, 16));
    } else {
      _mm512_mask_storeu_epi16(out, 0x55555555u, number);
    }
  }
  past.power[line + token] = static_cast<float>(power);
  past.inverse[line + token] = inverse;
}

// scores: [count][padded], powers of two to which values of one scale would be mixed.
void WholeSpace::score(
  const Past & past, size_t line, int first, int count, float * scores) const
{
  const uint8_t * queries = queries_.data() + (line + first) * wide_;
  // None of these is written, which the compiler cannot know.
  const float * own = scales_.data() + line + first;
  const float * scales = past.scale.data() + line, * powers = past.power.data() + line;
  const int32_t * offsets = past.offset.data() + line;
  const int8_t * keys = past.keys.data() + line * wide_;
  const int wide = wide_, padded = padded_;
  each_tile(
    count, padded_, kPanel,
    [=]<int ROWS, int VECTORS>(int row, int column) {
      __m512i sums[ROWS][VECTORS];
#pragma GCC unroll 6
      for (int r = 0; r < ROWS; ++r) {
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; ++v) {
          sums[r][v] = _mm512_loadu_si512(offsets + column + v * kLanes);
        }
      }
      whole_sums(
        queries + row * wide, wide, keys + static_cast<size_t>(column) * wide, wide, kPanel,
        nullptr, sums);
#pragma GCC unroll 4
      for (int v = 0; v < VECTORS; ++v) {
        const size_t n = column + v * kLanes;
        const Vector scale = load(scales + n), power = load(powers + n);
#pragma GCC unroll 6
        for (int r = 0; r < ROWS; ++r) {
          const Vector number = _mm512_cvtepi32_ps(sums[r][v]) * fill(own[row + r]);
          store(scores + (row + r) * padded + n, multiply_add(number, scale, power));
        }
      }
    });
}

// weights: a row of [panel][kQueries][kPanel]; returns what mixed numbers are multiplied with.
float WholeSpace::soften(
  const Past & past, size_t line, const float * scores, int16_t * weights) const
{
  Vector most = load(scores);
  for (int n = kLanes; n < padded_; n += kLanes) {
    most = _mm512_max_ps(most, load(scores + n));
  }
  const Vector shift = fill(_mm512_reduce_max_ps(most) - power_of_weights_);
  const float * inverse = past.inverse.data() + line;
  Vector total = fill(0.0f);
  for (int n = 0; n < padded_; n += kPanel, weights += kQueries * kPanel) {
#pragma GCC unroll 4
    for (int v = 0; v < kPanel; v += kLanes) {
      const Vector weight = rough_power_of_two(load(scores + n + v) - shift);
      total = multiply_add(weight, load(inverse + n + v), total);
      _mm256_storeu_si256(
        reinterpret_cast<__m256i *>(weights + v),
        _mm512_cvtepi32_epi16(_mm512_cvtps_epi32(weight)));
    }
  }
  return 1.0f / sum(total);
}

void WholeSpace::mix(
  int turn, int row, int head, int first, int count, ScoreRoom & room, float * out) const
{
  const Past & past = past_[turn];
  const size_t start = line(row, head), size = static_cast<size_t>(kQueries) * padded_;
  room.scores.resize(std::max(room.scores.size(), size));
  room.weights.resize(std::max(room.weights.size(), size));
  out += head * depth_;
  for (int done = 0; done < count; done += kQueries) {
    const int some = std::min(kQueries, count - done);
    float shares[kQueries];
    int32_t mixed[kQueries * kPanel];
    score(past, start, first + done, some, room.scores.data());
    for (int m = 0; m < some; ++m) {
      shares[m] = soften(
        past, start, room.scores.data() + static_cast<size_t>(m) * padded_,
        room.weights.data() + m * kPanel);
    }
    mix_values(past, start, room.weights.data(), some, mixed);
    for (int m = 0; m < some; ++m, out += width()) {
      for (int d = 0; d < depth_; d += kLanes) {
        const Vector number = _mm512_cvtepi32_ps(_mm512_loadu_si512(mixed + m * wide_ + d));
        store(out + d, number * fill(shares[m]), mask(d, depth_));
      }
    }
  }
}

// mixed: [count][wide]
void WholeSpace::mix_values(
  const Past & past, size_t line, const int16_t * weights, int count, int32_t * mixed) const
{
  std::fill_n(mixed, static_cast<size_t>(count) * wide_, 0);
  const int16_t * values = past.values.data() + line * wide_;
  for (int first = 0; first < padded_; first += kPanel) {
    each_tile(
      count, wide_, wide_, [&]<int ROWS, int VECTORS>(int m, int d) {
        __m512i sums[ROWS][VECTORS];
        int32_t * place = mixed + m * wide_ + d;
#pragma GCC unroll 12
        for (int r = 0; r < ROWS; ++r) {
#pragma GCC unroll 4
          for (int v = 0; v < VECTORS; ++v) {
            sums[r][v] = _mm512_loadu_si512(place + r * wide_ + v * kLanes);
          }
        }
        whole_sums(
          weights + m * kPanel, kPanel, values, kPanel, wide_, nullptr, sums);
#pragma GCC unroll 12
        for (int r = 0; r < ROWS; ++r) {
#pragma GCC unroll 4
          for (int v = 0; v < VECTORS; ++v) {
            _mm512_storeu_si512(place + r * wide_ + v * kLanes, sums[r][v]);
          }
        }
      });
    weights += kQueries * kPanel, values += kPanel * wide_;
  }
}

}  // namespace hma
