// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
#include "int8_attention.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "functions.h"
#include "micro_kernel.h"

namespace hma
{
namespace
{

constexpr float kMostNumber = 127.0f;
// Queries are unsigned: their zero point.
constexpr int32_t kZero = 128;
// Values: magnitudes up to 2 ** kBits.
constexpr int kBits = 9;
// The largest weight is two to this, rounding aside, and at most 2 ** 15. Weights times values
// are summed in 32 bits for kTokens tokens: 2 ** (15 + kBits) * kTokens is below 2 ** 31.
constexpr float kPowerOfWeights = 14.999f;
// Lower bound of a maximum: the scale of all zeros would not be finite.
constexpr float kLeastValue = 0x1p-40f;

// The largest magnitude; compared as bits, infinity is above all numbers and NaN above infinity.
inline float largest(const float * numbers, int count)
{
  Ints bits = {};
  for (int k = 0; k < count; k += kLanes) {
    bits = most(bits, as_ints(magnitude(load(numbers + k, mask(k, count)))));
  }
  return std::bit_cast<float>(most_of(bits));
}

// Not finite if `most` is not, and neither are its scores.
inline float scale_of(float most)
{
  return std::max(most / kMostNumber, std::numeric_limits<float>::min());
}

inline Ints quantized(const float * from, int place, int count, Vector inverse)
{
  return nearest(load(from + place, mask(place, count)) * inverse);
}

}  // namespace

void Int8Attention::resize(int rows)
{
  const size_t places = line(rows, 0);
  if (places <= scales_.size()) {
    return;
  }
  queries_.assign(places * wide_, 0);
  for (KeysValues & tokens : sides_) {
    // Padding behind the last token is never attended to.
    tokens.keys.assign(places * wide_, 0);
    tokens.scale.assign(places, 0.0f);
    tokens.offset.assign(places, 0);
    tokens.values.assign(places * wide_, 0);
    tokens.power.assign(places, kNever);
    tokens.inverse.assign(places, 0.0f);
  }
  // Last: its size says how much is allocated.
  scales_.assign(places, 0.0f);
}

void Int8Attention::put(const Tokens & some, const float * made)
{
  KeysValues & side = sides_[some.side];
  for (int t = some.first; t < some.first + some.count; ++t) {
    for (int head = 0; head < heads_; ++head, made += depth_) {
      const size_t start = line(some.row, head);
      put_query(start + t, made);
      put_key(side, start, t, made + width());
      put_value(side, start, t, made + 2 * width());
    }
    made += 2 * width();
  }
}

void Int8Attention::put_query(size_t place, const float * query)
{
  const float scale = scale_of(largest(query, depth_));
  const Vector inverse = fill(1.0f / scale);
  uint8_t * out = queries_.data() + place * wide_;
  for (int d = 0; d < depth_; d += kLanes) {
    store_low_bytes(out + d, quantized(query, d, depth_, inverse) + (kZero - kByteOffset));
  }
  scales_[place] = scale * scale_;
}

void Int8Attention::put_key(KeysValues & tokens, size_t line, int token, const float * key) const
{
  constexpr int group = kGroup<int8_t>;
  const float scale = scale_of(largest(key, depth_));
  const Vector inverse = fill(1.0f / scale);
  const int panel = token / kPanel * kPanel;
  int8_t * column = tokens.keys.data() + (line + panel) * wide_ + (token - panel) * group;
  Ints sums = {};
  for (int d = 0; d < depth_; d += kLanes) {
    const Ints number = quantized(key, d, depth_, inverse);
    sums += number;
    int8_t numbers[kLanes];
    store_low_bytes(numbers, number);
    for (int k = 0; k < kLanes; k += group, column += group * kPanel) {
      std::memcpy(column, numbers + k, group);
    }
  }
  tokens.scale[line + token] = scale;
  // Unsigned: non-finite values overflow, and their scale turns the scores into NaN.
  const uint32_t total = sum(sums);
  tokens.offset[line + token] = static_cast<int32_t>(-total * (kZero - kByteOffset));
}

void Int8Attention::put_value(
  KeysValues & tokens, size_t line, int token, const float * value) const
{
  const float most = largest(value, depth_);
  const bool is_finite = std::isfinite(most);
  const int power = is_finite ? std::ilogb(std::max(most, kLeastValue)) + 1 - kBits : 0;
  // A non-finite value makes the whole output non-finite.
  const float inverse = is_finite ? std::ldexp(1.0f, -power) : std::nanf("");
  // Tokens are interleaved in pairs: another thread may write the other.
  const bool is_second = token % 2 != 0;
  int16_t * out = tokens.values.data() + (line + token / 2 * 2) * wide_;
  for (int d = 0; d < depth_; d += kLanes, out += 2 * kLanes) {
    store_every_second(out, quantized(value, d, depth_, fill(inverse)), is_second);
  }
  tokens.power[line + token] = static_cast<float>(power);
  tokens.inverse[line + token] = inverse;
}

// scores: [count][padded], powers of two to which values of one scale would be mixed.
void Int8Attention::score(
  const KeysValues & tokens, size_t line, int first, int count, float * scores) const
{
  const uint8_t * queries = queries_.data() + (line + first) * wide_;
  // Read only, which the compiler cannot know.
  const float * own = scales_.data() + line + first;
  const float * scales = tokens.scale.data() + line, * powers = tokens.power.data() + line;
  const int32_t * offsets = tokens.offset.data() + line;
  const int8_t * keys = tokens.keys.data() + line * wide_;
  const int wide = wide_, padded = padded_;
  each_tile<kByteTileRows>(
    count, padded_, kPanel,
    [=]<int ROWS, int VECTORS>(int row, int column) {
      Ints sums[ROWS][VECTORS];
#pragma GCC unroll 6
      for (int r = 0; r < ROWS; ++r) {
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; ++v) {
          sums[r][v] = load_ints(offsets + column + v * kLanes);
        }
      }
      int_kernel(
        queries + row * wide, wide, keys + static_cast<size_t>(column) * wide, wide, kPanel,
        nullptr, sums);
#pragma GCC unroll 4
      for (int v = 0; v < VECTORS; ++v) {
        const size_t n = column + v * kLanes;
        const Vector scale = load(scales + n), power = load(powers + n);
#pragma GCC unroll 6
        for (int r = 0; r < ROWS; ++r) {
          const Vector number = to_float(sums[r][v]) * fill(own[row + r]);
          store(scores + (row + r) * padded + n, multiply_add(number, scale, power));
        }
      }
    });
}

// weights: [padded / kTokens][kQueries][kTokens]; returns the factor of the output.
float Int8Attention::softmax(
  const KeysValues & tokens, size_t line, const float * scores, int16_t * weights) const
{
  Vector highest = load(scores);
  for (int n = kLanes; n < padded_; n += kLanes) {
    highest = most(highest, load(scores + n));
  }
  const Vector shift = fill(most_of(highest) - kPowerOfWeights);
  const float * inverse = tokens.inverse.data() + line;
  Vector total = fill(0.0f);
  for (int n = 0; n < padded_; n += kTokens, weights += kQueries * kTokens) {
#pragma GCC unroll 4
    for (int v = 0; v < kTokens; v += kLanes) {
      const Vector weight = rough_power_of_two(load(scores + n + v) - shift);
      total = multiply_add(weight, load(inverse + n + v), total);
      store_shorts(weights + v, nearest(weight));
    }
  }
  return 1.0f / sum(total);
}

void Int8Attention::mix_unscaled(
  const Tokens & some, int head, ScoreBuffer & work, float * mixed, float * shares) const
{
  const KeysValues & side = sides_[some.side];
  const size_t start = line(some.row, head), size = static_cast<size_t>(kQueries) * padded_;
  work.scores.resize(std::max(work.scores.size(), size));
  work.weights.resize(std::max(work.weights.size(), size));
  score(side, start, some.first, some.count, work.scores.data());
  for (int m = 0; m < some.count; ++m) {
    shares[m] = softmax(
      side, start, work.scores.data() + static_cast<size_t>(m) * padded_,
      work.weights.data() + m * kTokens);
  }
  mix_values(side, start, work.weights.data(), some.count, mixed);
}

// mixed: [count][wide]
void Int8Attention::mix_values(
  const KeysValues & tokens, size_t line, const int16_t * weights, int count, float * mixed) const
{
  std::fill_n(mixed, static_cast<size_t>(count) * wide_, 0.0f);
  const int16_t * values = tokens.values.data() + line * wide_;
  for (int first = 0; first < padded_; first += kTokens) {
    each_tile<kTileRows>(
      count, wide_, wide_, [&]<int ROWS, int VECTORS>(int m, int d) {
        Ints sums[ROWS][VECTORS] = {};
        int_kernel(
          weights + m * kTokens, kTokens, values + panel_place(d, kTokens, wide_, 2), kTokens,
          wide_, nullptr, sums);
        float * place = mixed + m * wide_ + d;
#pragma GCC unroll 12
        for (int r = 0; r < ROWS; ++r, place += wide_) {
#pragma GCC unroll 4
          for (int v = 0; v < VECTORS; ++v) {
            store(place + v * kLanes, load(place + v * kLanes) + to_float(sums[r][v]));
          }
        }
      });
    weights += kQueries * kTokens, values += kTokens * wide_;
  }
}

}  // namespace hma
