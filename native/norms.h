// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// Normalization and softmax of rows.
#ifndef NORMS_H_
#define NORMS_H_

#include <vector>

#include "memory.h"
#include "simd.h"

namespace hma
{

// out = row with mean 0 and standard deviation 1.
void normalise(const float * row, int width, float epsilon, float * out);

// row = row * (least + scale) + shift
void adjust(float * row, const float * scale, float least, const float * shift, int width);

// adaLN in place: row * (1 + scale) + shift. A row of gates is shift, then scale, `width` each;
// rows of gates are `stride` numbers apart.
void modulate(float * rows, int count, int width, const float * gates, int stride);

// Epsilon of norms before a modulation.
constexpr float kModulatedEpsilon = 1e-6f;

struct Norm
{
  Numbers<float> weight, bias;  // empty where there is none

  // out = rows of `width` numbers, normalized, then times weight plus bias where there are any.
  void apply(
    const float * rows, int count, int width, float * out, float epsilon = 1e-5f) const;
};

// Base-2 softmax without the division: scores become 2 ** (score - max) in place; returns 1 / sum.
// Entries up to the next multiple of 16 are kNever.
float softmax(float * scores, int count);

}  // namespace hma

#endif  // NORMS_H_
