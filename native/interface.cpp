// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// What Python calls, see hma_ros/runtime/compiled.py; there sizes and places are checked. What puts
// something returns whether there was memory for it.
#include <algorithm>
#include <exception>
#include <memory>

#include "trunk.h"

using hma::Call;
using hma::Facts;
using hma::Matrix;
using hma::Trunk;

extern "C" {

// Whether Python's idea of what it hands over is that of this build.
int hma_agrees(int version, int facts_size, int call_size)
{
  return version == 2 && facts_size == sizeof(Facts) && call_size == sizeof(Call);
}

// Returns null without memory or threads.
Trunk * hma_open(const Facts * facts)
{
  try {
    return std::make_unique<Trunk>(*facts).release();
  } catch (const std::exception &) {
    return nullptr;
  }
}

void hma_close(Trunk * trunk) {delete trunk;}

int hma_put_real(
  Trunk * trunk, int layer, int place, int depth, int columns, const float * values,
  const float * bias)
{
  try {
    trunk->layer(layer).matrices.at(place) = Matrix(depth, columns, values, bias);
    return 1;
  } catch (const std::exception &) {
    return 0;
  }
}

int hma_put_whole(
  Trunk * trunk, int layer, int place, int depth, int columns, const int8_t * numbers,
  const float * scale, const float * bias)
{
  try {
    trunk->layer(layer).matrices.at(place) = Matrix(depth, columns, numbers, scale, bias);
    return 1;
  } catch (const std::exception &) {
    return 0;
  }
}

int hma_put_norm(
  Trunk * trunk, int layer, int place, int width, const float * weight, const float * bias)
{
  try {
    hma::Norm & norm = trunk->layer(layer).norms.at(place);
    norm.weight.assign(weight, weight + width);
    norm.bias.assign(bias, bias + width);
    return 1;
  } catch (const std::exception &) {
    return 0;
  }
}

// Returns 0 when done, 1 without memory, 2 where what is kept is not finite.
int hma_run(Trunk * trunk, const Call * call)
{
  try {
    return trunk->run(*call) ? 0 : 2;
  } catch (const std::exception &) {
    return 1;
  }
}

// kinds: room for kKinds numbers
void hma_spent(Trunk * trunk, double * kinds)
{
  const hma::Seconds spent = trunk->spent();
  std::copy(spent.begin(), spent.end(), kinds);
}
}  // extern "C"
