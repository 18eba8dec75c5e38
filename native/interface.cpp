// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// The C interface, called from hma_ros/runtime/compiled.py. Sizes are checked in hma_ros/runtime,
// where descriptions and arrays come in.
#include <algorithm>
#include <exception>
#include <memory>
#include <stdexcept>

#include "denoiser.h"
#include "trunk.h"

using hma::Call;
using hma::Denoiser;
using hma::DenoiserCall;
using hma::DenoiserFacts;
using hma::Facts;
using hma::Matrix;
using hma::Norm;
using hma::Trunk;

namespace
{

// Returns null without memory or threads.
template<typename Opened, typename Sizes>
Opened * open(const Sizes & facts)
{
  try {
    return std::make_unique<Opened>(facts).release();
  } catch (const std::exception &) {
    return nullptr;
  }
}

// Returns whether there was memory for it.
template<typename Work>
int done(const Work & work)
{
  try {
    work();
    return 1;
  } catch (const std::exception &) {
    return 0;
  }
}

// Returns null if the index is out of range.
template<typename Work>
auto found(const Work & work) -> decltype(&work())
{
  try {
    return &work();
  } catch (const std::out_of_range &) {
    return nullptr;
  }
}

}  // namespace

extern "C" {

// Whether Python's structures have the layout of this build.
int hma_agrees(
  int version, int facts_size, int call_size, int denoiser_facts_size, int denoiser_call_size)
{
  return version == 4 && facts_size == sizeof(Facts) && call_size == sizeof(Call) &&
         denoiser_facts_size == sizeof(DenoiserFacts) &&
         denoiser_call_size == sizeof(DenoiserCall);
}

int hma_put_real(
  Matrix * matrix, int depth, int columns, const float * values, const float * bias)
{
  return done([&] {*matrix = Matrix(depth, columns, values, bias);});
}

int hma_put_whole(
  Matrix * matrix, int depth, int columns, const int8_t * numbers, const float * scale,
  const float * bias)
{
  return done([&] {*matrix = Matrix(depth, columns, numbers, scale, bias);});
}

int hma_put_norm(Norm * norm, int width, const float * weight, const float * bias)
{
  return done(
    [&] {
      norm->weight.assign(weight, weight + width);
      norm->bias.assign(bias, bias + width);
    });
}

Trunk * hma_open(const Facts * facts) {return open<Trunk>(*facts);}

void hma_close(Trunk * trunk) {delete trunk;}

Matrix * hma_matrix(Trunk * trunk, int layer, int place)
{
  return found([&]() -> Matrix & {return trunk->layer(layer).matrices.at(place);});
}

Norm * hma_norm(Trunk * trunk, int layer, int place)
{
  return found([&]() -> Norm & {return trunk->layer(layer).norms.at(place);});
}

// Returns 0 on success, 1 without memory, 2 if keys or values are not finite.
int hma_run(Trunk * trunk, const Call * call)
{
  bool is_finite = true;
  return done([&] {is_finite = trunk->run(*call);}) ? (is_finite ? 0 : 2) : 1;
}

// kinds: kKinds numbers, out
void hma_spent(Trunk * trunk, double * kinds)
{
  const hma::Seconds spent = trunk->spent();
  std::copy(spent.begin(), spent.end(), kinds);
}

Denoiser * hma_open_denoiser(const DenoiserFacts * facts) {return open<Denoiser>(*facts);}

void hma_close_denoiser(Denoiser * denoiser) {delete denoiser;}

Matrix * hma_denoiser_matrix(Denoiser * denoiser, int index)
{
  return found([&]() -> Matrix & {return denoiser->matrix(index);});
}

Norm * hma_denoiser_norm(Denoiser * denoiser, int block)
{
  return found([&]() -> Norm & {return denoiser->norm(block);});
}

// Returns whether there was memory for it.
int hma_denoise(Denoiser * denoiser, const DenoiserCall * call)
{
  return done([&] {denoiser->run(*call);});
}
}  // extern "C"
