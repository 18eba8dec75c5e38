// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
#include "norms.h"

#include <cmath>

#include "functions.h"

namespace hma
{

void normalise(const float * row, int width, float epsilon, float * out)
{
  Vector total = fill(0.0f), squares = fill(0.0f);
  for (int k = 0; k < width; k += kLanes) {
    total += load(row + k, mask(k, width));
  }
  const Vector mean = fill(sum(total) / width);
  for (int k = 0; k < width; k += kLanes) {
    const Mask those = mask(k, width);
    const Vector part = only(load(row + k, those) - mean, those);
    squares = multiply_add(part, part, squares);
  }
  const Vector inverse = fill(1.0f / std::sqrt(sum(squares) / width + epsilon));
  for (int k = 0; k < width; k += kLanes) {
    const Mask those = mask(k, width);
    store(out + k, (load(row + k, those) - mean) * inverse, those);
  }
}

void adjust(float * row, const float * scale, float least, const float * shift, int width)
{
  for (int k = 0; k < width; k += kLanes) {
    const Mask those = mask(k, width);
    const Vector factor = fill(least) + load(scale + k, those);
    store(row + k, multiply_add(load(row + k, those), factor, load(shift + k, those)), those);
  }
}

void modulate(float * rows, int count, int width, const float * gates, int stride)
{
  for (int m = 0; m < count; ++m, rows += width, gates += stride) {
    adjust(rows, gates + width, 1.0f, gates, width);
  }
}

void Norm::apply(const float * rows, int count, int width, float * out, float epsilon) const
{
  for (int m = 0; m < count; ++m, rows += width, out += width) {
    normalise(rows, width, epsilon, out);
    if (!weight.empty()) {
      adjust(out, weight.data(), 0.0f, bias.data(), width);
    }
  }
}

float softmax(float * scores, int count)
{
  Vector highest = load(scores);
  for (int n = kLanes; n < count; n += kLanes) {
    highest = most(highest, load(scores + n));
  }
  const Vector shift = fill(most_of(highest));
  Vector total = fill(0.0f);
  for (int n = 0; n < count; n += kLanes) {
    const Vector weight = power_of_two(load(scores + n) - shift);
    store(scores + n, weight);
    total += weight;
  }
  return 1.0f / sum(total);
}

}  // namespace hma
