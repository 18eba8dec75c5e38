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

// Make room for a matrix, of whole numbers or not.
int hma_matrix(Trunk * trunk, int layer, int place, int depth, int columns, int is_whole)
{
  try {
    trunk->layer(layer).matrices.at(place) = Matrix(depth, columns, is_whole != 0);
    return 1;
  } catch (const std::exception &) {
    return 0;
  }
}

// Set columns [first, first + count); bias may be null. values: [depth][count].
void hma_put_real(
  Trunk * trunk, int layer, int place, int first, int count, const float * values,
  const float * bias)
{
  Matrix & matrix = trunk->layer(layer).matrices[place];
  matrix.put(values, first, count);
  if (bias != nullptr) {
    matrix.put_bias(bias, first, count);
  }
}

void hma_put_whole(
  Trunk * trunk, int layer, int place, int first, int count, const int8_t * values,
  const float * scale, const float * bias)
{
  Matrix & matrix = trunk->layer(layer).matrices[place];
  matrix.put(values, scale, first, count);
  if (bias != nullptr) {
    matrix.put_bias(bias, first, count);
  }
}

int hma_norm(Trunk * trunk, int layer, int place, int width, const float * weight, const float * bias)
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

// A thread that runs out of memory ends the process: what threads work in is small.
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
