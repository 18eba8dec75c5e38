// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// Spatial attention in int8.
#ifndef INT8_ATTENTION_H_
#define INT8_ATTENTION_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "spatial_attention.h"

namespace hma
{

// Scales are per token and head. Queries and keys have 8 bits, values 10, softmax weights 15.
class Int8Attention : public SpatialAttention
{
public:
  using SpatialAttention::SpatialAttention;
  void resize(int rows) override;
  void put(const Tokens & some, const float * made) override;

private:
  static constexpr int kQueries = 12;

  struct KeysValues
  {
    Numbers<int8_t> keys;      // [row][head][panel][wide / 4][kPanel][4]
    Numbers<float> scale;      // [row][head][padded], of a key
    Numbers<int32_t> offset;   // [row][head][padded], correction for the zero point of queries
    Numbers<int16_t> values;   // [row][head][padded / 2][wide][2]
    Numbers<float> power;      // [row][head][padded]: value = 2 ** power * number
    Numbers<float> inverse;    // [row][head][padded]: 2 ** -power
  };

  int queries() const override {return kQueries;}
  void mix_unscaled(
    const Tokens & some, int head, ScoreBuffer & work, float * mixed,
    float * shares) const override;
  void put_query(size_t place, const float * query);
  void put_key(KeysValues & tokens, size_t line, int token, const float * key) const;
  void put_value(KeysValues & tokens, size_t line, int token, const float * value) const;
  void score(const KeysValues & tokens, size_t line, int first, int count, float * scores) const;
  float softmax(
    const KeysValues & tokens, size_t line, const float * scores, int16_t * weights) const;
  void mix_values(
    const KeysValues & tokens, size_t line, const int16_t * weights, int count,
    float * mixed) const;

  Numbers<uint8_t> queries_;  // [row][head][padded][wide]
  Numbers<float> scales_;     // [row][head][padded], of a query
  std::array<KeysValues, 2> sides_;
};

}  // namespace hma

#endif  // INT8_ATTENTION_H_
