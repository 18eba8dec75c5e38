// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// Attention of a token over rows.
#ifndef HISTORY_H_
#define HISTORY_H_

#include <cstddef>
#include <vector>

#include "memory.h"
#include "simd.h"

namespace hma
{

// A token's queries, and its own keys and values, in rows that are computed; [rows] pointers to
// float[heads][depth], queries scaled for powers of two.
struct OwnRows
{
  std::vector<const float *> queries, keys, values;
};

// Its kept ones: [slots][heads][depth], slots `stride` numbers apart.
template<typename Kept>
struct KeptRows
{
  const Kept * keys;
  const Kept * values;
  int slots;
  size_t stride;
};

// Of each head [rows][slots + rows], which is added to the scores; the next one's is `stride`
// numbers on.
struct Biases
{
  const float * first;
  size_t stride;
};

// Mix the rows of one token into those from `first` on. out: [rows] pointers to
// float[heads][depth].
template<typename Kept>
void mix_rows(
  const OwnRows & own, const KeptRows<Kept> & kept, int first, int heads, int depth,
  const Biases & biases, Numbers<float> & scores, const std::vector<float *> & out);

}  // namespace hma

#endif  // HISTORY_H_
