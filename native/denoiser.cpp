// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
#include "denoiser.h"

#include "functions.h"

namespace hma
{
namespace
{

// Shift, scale and gate of a block; shift and scale of the end.
constexpr int kGateParts = 3, kEndParts = 2;

}  // namespace

Denoiser::Denoiser(const DenoiserFacts & facts)
: facts_(facts), matrices_(1 + facts.blocks * kPlaces + 2), norms_(facts.blocks),
  team_(facts.threads), rooms_(facts.threads)
{
  const size_t size = static_cast<size_t>(kBlockRows) * facts.width;
  for (Room & room : rooms_) {
    for (Numbers<float> * numbers : {&room.told, &room.x, &room.normed, &room.hidden}) {
      numbers->resize(size);
    }
    room.gates.resize(kGateParts * size);
  }
}

void Denoiser::run(const DenoiserCall & call)
{
  call_ = &call;
  if (!is_ready_) {
    prepare();
  }
  // Equal blocks, as many for each thread where all are as fast.
  const int turns = (call.rows + kBlockRows * team_.size() - 1) / (kBlockRows * team_.size());
  const int blocks = turns * team_.size();
  next_ = 0;
  team_.run(
    [&](int member) {
      for (int index = next_++; index < blocks; index = next_++) {
        const int first = begin_of(call.rows, index, blocks);
        const int count = begin_of(call.rows, index + 1, blocks) - first;
        if (count > 0) {
          compute(first, count, rooms_[member]);
        }
      }
    });
}

// What depends on matrices. All that is ever needed, as a thread could not tell that it ran out of
// memory.
void Denoiser::prepare()
{
  for (size_t n = 0; n < matrices_.size(); ++n) {
    matrices_[n].precede(matrices_[(n + 1) % matrices_.size()]);
  }
  for (Room & room : rooms_) {
    if (is_whole()) {
      room.whole_told.make_room(kBlockRows, facts_.width);
      room.whole.make_room(kBlockRows, facts_.width);
    }
  }
  is_ready_ = true;
}

void Denoiser::compute(int first, int count, Room & room) const
{
  tell(first, count, room);
  const float * x = call_->x + static_cast<size_t>(first) * facts_.in;
  product(matrices_.front(), x, count, room, {room.x.data(), facts_.width, false});
  for (int block = 0; block < facts_.blocks; ++block) {
    pass(block, count, room);
  }
  read_out(first, count, room);
}

// What all gates are made of.
void Denoiser::tell(int first, int count, Room & room) const
{
  const int width = facts_.width;
  const float * condition = call_->condition + static_cast<size_t>(first) * width;
  for (int m = 0; m < count; ++m) {
    for (int k = 0; k < width; k += kLanes) {
      const size_t place = static_cast<size_t>(m) * width + k;
      store(room.told.data() + place, silu(load(condition + place) + load(call_->time + k)));
    }
  }
  if (is_whole()) {
    room.whole_told.take(room.told.data(), count, width);
  }
}

void Denoiser::make_gates(const Matrix & matrix, int parts, int count, Room & room) const
{
  matrix.multiply(
    room.told.data(), room.whole_told, count, {room.gates.data(), parts * facts_.width, false});
}

void Denoiser::pass(int block, int count, Room & room) const
{
  const int width = facts_.width;
  make_gates(of_block(block, kGates), kGateParts, count, room);
  norms_[block].apply(room.x.data(), count, width, room.normed.data(), kModulatedEpsilon);
  modulate(room.normed.data(), count, width, room.gates.data(), kGateParts * width);
  product(
    of_block(block, kFirst), room.normed.data(), count, room, {room.hidden.data(), width, false});
  for (int k = 0; k < count * width; k += kLanes) {
    store(room.hidden.data() + k, silu(load(room.hidden.data() + k)));
  }
  product(
    of_block(block, kSecond), room.hidden.data(), count, room, {room.normed.data(), width, false});
  for (int m = 0; m < count; ++m) {
    const float * gate =
      room.gates.data() + (static_cast<size_t>(m) * kGateParts + 2) * width;
    for (int k = 0; k < width; k += kLanes) {
      float * x = room.x.data() + static_cast<size_t>(m) * width + k;
      const Vector more = load(room.normed.data() + static_cast<size_t>(m) * width + k);
      store(x, multiply_add(load(gate + k), more, load(x)));
    }
  }
}

void Denoiser::read_out(int first, int count, Room & room) const
{
  const int width = facts_.width;
  make_gates(matrices_[matrices_.size() - 2], kEndParts, count, room);
  Norm().apply(room.x.data(), count, width, room.normed.data(), kModulatedEpsilon);
  modulate(room.normed.data(), count, width, room.gates.data(), kEndParts * width);
  float * said = call_->said + static_cast<size_t>(first) * facts_.out;
  product(matrices_.back(), room.normed.data(), count, room, {said, facts_.out, false});
}

void Denoiser::product(
  const Matrix & matrix, const float * rows, int count, Room & room, const Target & target) const
{
  if (matrix.is_whole()) {
    room.whole.take(rows, count, matrix.depth());
  }
  matrix.multiply(rows, room.whole, count, target);
}

}  // namespace hma
