// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// Attention of a token over timesteps.
#ifndef TEMPORAL_ATTENTION_H_
#define TEMPORAL_ATTENTION_H_

#include <cstddef>
#include <vector>

#include "memory.h"
#include "simd.h"

namespace hma
{

// Queries, keys and values of a token in the rows being computed: [rows] pointers to
// float[heads][depth]; queries are scaled for a base-2 softmax.
struct OwnRows
{
  std::vector<const float *> queries, keys, values;
};

// The KV cache of a token: [slots][heads][depth], slots `stride` numbers apart.
template<typename Kept>
struct PastSteps
{
  const Kept * keys;
  const Kept * values;
  int slots;
  size_t stride;
};

// Added to the scores of each head: [rows][slots + rows], heads `stride` numbers apart.
struct Biases
{
  const float * first;
  size_t stride;
};

// Attention output of one token in the rows from `first` on. out: [rows] pointers to
// float[heads][depth].
template<typename Kept>
void mix_rows(
  const OwnRows & own, const PastSteps<Kept> & kept, int first, int heads, int depth,
  const Biases & biases, Numbers<float> & scores, const std::vector<float *> & out);

}  // namespace hma

#endif  // TEMPORAL_ATTENTION_H_
