// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
#include "denoiser.h"

#include "functions.h"

namespace hma
{
namespace
{

// Shift, scale and gate per block; shift and scale of the output.
constexpr int kGateParts = 3, kEndParts = 2;

}  // namespace

Denoiser::Denoiser(const DenoiserFacts & facts)
: facts_(facts), matrices_(1 + facts.blocks * kPlaces + 2), norms_(facts.blocks),
  pool_(facts.threads), workspaces_(facts.threads)
{
  const size_t size = static_cast<size_t>(kBlockRows) * facts.width;
  for (Workspace & work : workspaces_) {
    for (Numbers<float> * numbers : {&work.condition, &work.x, &work.normed, &work.hidden}) {
      numbers->resize(size);
    }
    work.gates.resize(kGateParts * size);
  }
}

void Denoiser::run(const DenoiserCall & call)
{
  call_ = &call;
  if (!is_ready_) {
    prepare();
  }
  // Equal blocks, the same number for each thread.
  const int turns = (call.rows + kBlockRows * pool_.size() - 1) / (kBlockRows * pool_.size());
  const int blocks = turns * pool_.size();
  next_ = 0;
  pool_.run(
    [&](int member) {
      for (int index = next_++; index < blocks; index = next_++) {
        const int first = begin_of(call.rows, index, blocks);
        const int count = begin_of(call.rows, index + 1, blocks) - first;
        if (count > 0) {
          compute(first, count, workspaces_[member]);
        }
      }
    });
}

// Allocates all that is ever needed: a thread has no way to report that it ran out of memory.
void Denoiser::prepare()
{
  for (size_t n = 0; n < matrices_.size(); ++n) {
    matrices_[n].precede(matrices_[(n + 1) % matrices_.size()]);
  }
  for (Workspace & work : workspaces_) {
    if (is_int8()) {
      work.quantized_condition.reserve(kBlockRows, facts_.width);
      work.quantized.reserve(kBlockRows, facts_.width);
    }
  }
  is_ready_ = true;
}

void Denoiser::compute(int first, int count, Workspace & work) const
{
  tell(first, count, work);
  const float * x = call_->x + static_cast<size_t>(first) * facts_.in;
  product(matrices_.front(), x, count, work, {work.x.data(), facts_.width, false});
  for (int block = 0; block < facts_.blocks; ++block) {
    pass(block, count, work);
  }
  read_out(first, count, work);
}

// The input of all gates.
void Denoiser::tell(int first, int count, Workspace & work) const
{
  const int width = facts_.width;
  const float * condition = call_->condition + static_cast<size_t>(first) * width;
  for (int m = 0; m < count; ++m) {
    for (int k = 0; k < width; k += kLanes) {
      const size_t place = static_cast<size_t>(m) * width + k;
      store(work.condition.data() + place, silu(load(condition + place) + load(call_->time + k)));
    }
  }
  if (is_int8()) {
    work.quantized_condition.take(work.condition.data(), count, width);
  }
}

void Denoiser::make_gates(const Matrix & matrix, int parts, int count, Workspace & work) const
{
  matrix.multiply(
    work.condition.data(), work.quantized_condition, count,
    {work.gates.data(), parts * facts_.width, false});
}

void Denoiser::pass(int block, int count, Workspace & work) const
{
  const int width = facts_.width;
  make_gates(of_block(block, kGates), kGateParts, count, work);
  norms_[block].apply(work.x.data(), count, width, work.normed.data(), kModulatedEpsilon);
  modulate(work.normed.data(), count, width, work.gates.data(), kGateParts * width);
  product(
    of_block(block, kFirst), work.normed.data(), count, work, {work.hidden.data(), width, false});
  for (int k = 0; k < count * width; k += kLanes) {
    store(work.hidden.data() + k, silu(load(work.hidden.data() + k)));
  }
  product(
    of_block(block, kSecond), work.hidden.data(), count, work, {work.normed.data(), width, false});
  for (int m = 0; m < count; ++m) {
    const float * gate =
      work.gates.data() + (static_cast<size_t>(m) * kGateParts + 2) * width;
    for (int k = 0; k < width; k += kLanes) {
      float * x = work.x.data() + static_cast<size_t>(m) * width + k;
      const Vector more = load(work.normed.data() + static_cast<size_t>(m) * width + k);
      store(x, multiply_add(load(gate + k), more, load(x)));
    }
  }
}

void Denoiser::read_out(int first, int count, Workspace & work) const
{
  const int width = facts_.width;
  make_gates(matrices_[matrices_.size() - 2], kEndParts, count, work);
  Norm().apply(work.x.data(), count, width, work.normed.data(), kModulatedEpsilon);
  modulate(work.normed.data(), count, width, work.gates.data(), kEndParts * width);
  float * said = call_->said + static_cast<size_t>(first) * facts_.out;
  product(matrices_.back(), work.normed.data(), count, work, {said, facts_.out, false});
}

void Denoiser::product(
  const Matrix & matrix, const float * rows, int count, Workspace & work,
  const Target & target) const
{
  if (matrix.is_int8()) {
    work.quantized.take(rows, count, matrix.depth());
  }
  matrix.multiply(rows, work.quantized, count, target);
}

}  // namespace hma
