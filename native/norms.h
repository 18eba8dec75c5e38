// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// Norms of rows.
#ifndef NORMS_H_
#define NORMS_H_

#include <vector>

#include "memory.h"
#include "simd.h"

namespace hma
{

// out = row with mean zero and deviation one.
void normalise(const float * row, int width, float epsilon, float * out);

// row = row * (least + scale) + shift
void adjust(float * row, const float * scale, float least, const float * shift, int width);

// In place: rows are scaled by one more than `scale` says, and shifted. A row of gates is shift, then
// scale, of `width` each; the next one is `stride` numbers on.
void modulate(float * rows, int count, int width, const float * gates, int stride);

// Of norms whose rows are modulated.
constexpr float kModulatedEpsilon = 1e-6f;

struct Norm
{
  Numbers<float> weight, bias;  // empty where there is none

  // out = rows of `width` numbers with mean zero and deviation one, scaled and shifted where there
  // is something to do it by.
  void apply(
    const float * rows, int count, int width, float * out, float epsilon = 1e-5f) const;
};

// In place, a row of scores, whose powers of two are weights, to these; returns one over their sum.
// Up to a multiple of 16 there is kNever behind them.
float soften(float * scores, int count);

}  // namespace hma

#endif  // NORMS_H_
