// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// What Python calls, see hma_ros/runtime/compiled.py. Functions that can fail return whether
// they did not, sizes and places are checked there.
#include <algorithm>
#include <exception>
#include <memory>

#include "trunk.h"

using hma::Call;
using hma::Facts;
using hma::Matrix;
using hma::Trunk;

extern "C" {

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

int hma_norm(
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

int hma_run(Trunk * trunk, const Call * call)
{
  try {
    trunk->run(*call);
    return 1;
  } catch (const std::exception &) {
    return 0;
  }
}

// kinds: room for kKinds numbers
void hma_spent(Trunk * trunk, double * kinds)
{
  const hma::Seconds spent = trunk->spent();
  std::copy(spent.begin(), spent.end(), kinds);
}
}  // extern "C"
