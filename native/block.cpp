// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// One layer for a block of tokens.
#include <algorithm>

#include "functions.h"
#include "trunk.h"

namespace hma
{
namespace
{

template<typename Kept>
constexpr float kLargest = sizeof(Kept) == sizeof(Half) ? 65504.0f : 3.402823466e38f;

}  // namespace

float * Trunk::place(float * rows, const Block & block, int row) const
{
  const size_t index = static_cast<size_t>(block.context) * call_->rows + row;
  return rows + (index * facts_.tokens + block.first) * facts_.width;
}

void Trunk::fetch(const Block & block, Workspace & work) const
{
  const size_t size = static_cast<size_t>(block.count) * facts_.width;
  for (int r = 0; r < call_->rows; ++r) {
    std::copy_n(place(call_->x, block, r), size, x(block, work) + r * size);
  }
}

// The newest row alone is completed in the last layer.
void Trunk::save(const Block & block, Workspace & work) const
{
  const size_t size = static_cast<size_t>(block.count) * facts_.width;
  const int last = call_->rows - 1;
  std::copy_n(x(block, work) + last * size, size, place(call_->x, block, last));
}

float * Trunk::x(const Block & block, Workspace & work) const
{
  return work.x.data() + static_cast<size_t>(block.place) * call_->rows * facts_.width;
}

void Trunk::product(
  const Matrix & matrix, const float * rows, int count, Workspace & work,
  const Target & target) const
{
  if (matrix.is_int8()) {
    work.quantized.take(rows, count, matrix.depth());
  }
  work.count(kRest);
  matrix.multiply(rows, work.quantized, count, target);
  work.count(kProducts);
}

const float * Trunk::normed(const Norm & norm, const float * x, int rows, Workspace & work) const
{
  if (norm.weight.empty()) {
    return x;
  }
  float * normed = sized(work.normed, static_cast<size_t>(rows) * facts_.width);
  norm.apply(x, rows, facts_.width, normed);
  return normed;
}

float * Trunk::attention_inputs(
  const Matrix & matrix, const Norm & norm, const float * x, int rows, Workspace & work) const
{
  const int stride = 3 * facts_.width;
  float * made = sized(work.made, static_cast<size_t>(rows) * stride);
  product(matrix, x, rows, work, {made, stride, false});
  if (!norm.weight.empty()) {
    for (int m = 0; m < rows; ++m) {
      float * row = made + static_cast<size_t>(m) * stride;
      norm.apply(row, 2 * facts_.heads, depth(), row);
    }
  }
  return made;
}

// Queries, keys and values of tokens, for attention within their rows; those of a layer in the
// place of those two before: a slower thread still reads the ones between.
void Trunk::make(int index, const Block & block, Workspace & work) const
{
  const Layer & layer = layers_[index];
  const int rows = count(block);
  const float * normed_x = normed(layer.norms[kBeforeSpace], x(block, work), rows, work);
  const float * made = attention_inputs(
    layer.matrices[kSpaceMade], layer.norms[kInSpace], normed_x, rows, work);
  for (int r = 0; r < call_->rows; ++r) {
    attention_->put(
      {index % 2, block.context * call_->rows + r, block.first, block.count},
      made + static_cast<size_t>(r) * block.count * 3 * facts_.width);
  }
}

float * Trunk::mixed(const Block & block, Workspace & work) const
{
  return work.mixed.data() + static_cast<size_t>(block.before) * call_->rows * facts_.width;
}

void Trunk::add_mixed(const Layer & layer, const Block & block, Workspace & work) const
{
  const Target target{x(block, work), facts_.width, true};
  product(layer.matrices[kSpaceOut], mixed(block, work), count(block), work, target);
}

void Trunk::inject(int index, const Block & block, Workspace & work) const
{
  const int width = facts_.width, rows = count(block);
  float * to = x(block, work);
  if (call_->added != nullptr) {
    for (int m = 0; m < rows; ++m) {
      const size_t row = static_cast<size_t>(block.context) * call_->rows + m / block.count;
      for (int k = 0; k < width; k += kLanes) {
        float * place = to + static_cast<size_t>(m) * width + k;
        store(place, load(place) + load(call_->added + row * width + k));
      }
    }
  }
  if (call_->modulation != nullptr) {
    modulate_block(index, block, work);
  }
}

void Trunk::modulate_block(int index, const Block & block, Workspace & work) const
{
  const int width = facts_.width, rows = count(block);
  const Matrix & out = layers_[index].matrices[kInject];
  const bool is_gated = out.depth() > 0;
  float * to = x(block, work);
  float * normed = sized(work.normed, static_cast<size_t>(rows) * width);
  Norm().apply(to, rows, width, normed, kModulatedEpsilon);
  for (int r = 0; r < call_->rows; ++r) {
    const size_t row = static_cast<size_t>(block.context) * call_->rows + r;
    const float * gates = call_->modulation + (row * facts_.layers + index) * 2 * width;
    float * first = normed + static_cast<size_t>(r) * block.count * width;
    for (int t = 0; t < block.count; ++t) {
      adjust(first + t * width, gates + width, is_gated ? 1.0f : 0.0f, gates, width);
    }
  }
  if (is_gated) {
    product(out, normed, rows, work, {to, width, true});
    return;
  }
  for (size_t k = 0; k < static_cast<size_t>(rows) * width; k += kLanes) {
    store(to + k, load(to + k) + load(normed + k));
  }
}

// Rotary embedding of each head of a row.
void Trunk::turn(float * rows, const float * rotation) const
{
  const int half = depth() / 2;
  for (int head = 0; head < facts_.heads; ++head, rows += depth()) {
    for (int d = 0; d < half; ++d) {
      const float first = rows[d], second = rows[half + d];
      rows[d] = first * rotation[d] - second * rotation[half + d];
      rows[half + d] = second * rotation[d] + first * rotation[half + d];
    }
  }
}

void Trunk::over_rows(int index, const Block & block, Workspace & work) const
{
  const int width = facts_.width, rows = count(block);
  const Layer & layer = layers_[index];
  float * made = attention_inputs(
    layer.matrices[kTimeMade], layer.norms[kInTime],
    normed(layer.norms[kBeforeTime], x(block, work), rows, work), rows, work);
  for (int m = 0; m < rows; ++m, made += 3 * width) {
    if (call_->rotation != nullptr) {
      const float * rotation = call_->rotation + m / block.count * (depth() / 2 * 2);
      turn(made, rotation);
      turn(made + width, rotation);
    }
    for (int k = 0; k < width; k += kLanes) {
      store(made + k, load(made + k) * fill(facts_.scale));
    }
  }
  sized(work.mixed_rows, static_cast<size_t>(rows) * width);
  work.count(kRest);
  if (facts_.is_half) {
    mix_block<Half>(index, block, work);
  } else {
    mix_block<float>(index, block, work);
  }
  work.count(kAttention);
  const int before = first_needed(index) * block.count;
  const size_t place = static_cast<size_t>(before) * width;
  product(
    layer.matrices[kTimeOut], work.mixed_rows.data() + place, rows - before, work,
    {x(block, work) + place, width, true});
}

template<typename Kept>
void Trunk::mix_block(int index, const Block & block, Workspace & work) const
{
  const int rows = call_->rows, width = facts_.width;
  const size_t size = static_cast<size_t>(facts_.tokens) * width;
  const size_t stride = 2 * facts_.layers * size;
  const Kept * past = static_cast<const Kept *>(call_->past) +
    block.context * call_->slots * stride + 2 * index * size;
  Kept * kept = static_cast<Kept *>(call_->kept) + block.context * rows * stride + 2 * index * size;
  const size_t scores = static_cast<size_t>(rows) * (call_->slots + rows);
  const size_t own = call_->is_own ? scores : 0;
  const Biases biases{call_->bias + index * facts_.heads * own, own};
  work.own.queries.resize(rows), work.own.keys.resize(rows), work.own.values.resize(rows);
  work.out.resize(rows);
  for (int t = 0; t < block.count; ++t) {
    const size_t first = static_cast<size_t>(block.first + t) * width;
    for (int r = 0; r < rows; ++r) {
      const size_t m = static_cast<size_t>(r) * block.count + t;
      const float * made = work.made.data() + m * 3 * width;
      work.own.queries[r] = made;
      work.own.keys[r] = made + width;
      work.own.values[r] = made + 2 * width;
      work.out[r] = work.mixed_rows.data() + m * width;
      for (int what = 0; what < 2; ++what) {
        Kept * place = kept + r * stride + what * size + first;
        for (int k = 0; k < width; k += kLanes) {
          const Vector value = load(made + (1 + what) * width + k);
          work.is_finite = work.is_finite && are_within(value, kLargest<Kept>);
          store(place + k, value);
        }
      }
    }
    const PastSteps<Kept> those{past + first, past + size + first, call_->slots, stride};
    mix_rows(
      work.own, those, first_needed(index), facts_.heads, depth(), biases, work.scores.scores,
      work.out);
  }
}

void Trunk::over_channels(int index, const Block & block, Workspace & work) const
{
  const Layer & layer = layers_[index];
  const int width = facts_.width, hidden = facts_.hidden;
  const int before = first_needed(index) * block.count, rows = count(block) - before;
  float * to = x(block, work) + static_cast<size_t>(before) * width;
  const float * normed_x = normed(layer.norms[kBeforeChannels], to, rows, work);
  const size_t size = static_cast<size_t>(rows) * hidden;
  float * made = sized(work.made, size);
  product(layer.matrices[kChannelsIn], normed_x, rows, work, {made, hidden, false});
  // NaN would be lost in int8.
  const bool is_rough = layer.matrices[kChannelsOut].is_int8();
  for (size_t k = 0; k < size; k += kLanes) {
    const Vector value = load(made + k);
    store(made + k, is_rough ? rough_gelu(value) : gelu(value));
  }
  product(layer.matrices[kChannelsOut], made, rows, work, {to, width, true});
}

}  // namespace hma
