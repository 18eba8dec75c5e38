// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// Attention of tokens within a row, and of a token over rows.
#ifndef ATTENTION_H_
#define ATTENTION_H_

#include <cstddef>
#include <vector>

#include "products.h"
#include "vectors.h"

namespace hma
{

// Keys and values of all tokens of some rows, laid out for products.
class RowTokens
{
public:
  void resize(int rows, int tokens, int heads, int depth);

  // Put those of one token, float[heads][depth] each.
  void put(int row, int token, const float * key, const float * value);

  // Mix the tokens of a row in one head. queries, out: [count][stride], heads side by side, scaled
  // for powers of two; scores: room, grown as needed.
  void mix(
    int row, int head, const float * queries, int count, int stride,
    std::vector<float> & scores, float * out) const;

private:
  int tokens_ = 0, padded_ = 0, heads_ = 0, depth_ = 0;
  std::vector<float> keys_;    // [row][head][panel][depth][kPanel]
  std::vector<float> values_;  // [row][head][padded][whole vectors of depth]
};

// A token's queries, and its own keys and values, in rows that are computed; [rows] pointers to
// float[heads][depth], queries scaled for powers of two.
struct OwnRows
{
  std::vector<const float *> queries, keys, values;
};

// Its kept ones: [heads][slots][depth].
template<typename Kept>
struct KeptRows
{
  const Kept * keys;
  const Kept * values;
  int slots;
};

// Mix the rows of one token; bias: [rows][slots + rows] is added to the scores.
// out: [rows] pointers to float[heads][depth].
template<typename Kept>
void mix_rows(
  const OwnRows & own, const KeptRows<Kept> & kept, int heads, int depth, const float * bias,
  std::vector<float> & scores, const std::vector<float *> & out);

// In place, a row of scores, whose powers of two are weights, to these; returns one over their sum.
// Room up to a multiple of 16 is written.
float soften(float * scores, int count);

}  // namespace hma

#endif  // ATTENTION_H_
