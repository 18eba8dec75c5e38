// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
#include "trunk.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "functions.h"
#include "int8_attention.h"
#include "no_denormals.h"

namespace hma
{
Trunk::Trunk(const Facts & facts)
: facts_(facts), layers_(facts.layers), pool_(facts.threads), workspaces_(facts.threads)
{
  // 2 ** x is faster than exp(x).
  facts_.scale *= kLogTwoOfE;
}

void Workspace::count(Kind kind)
{
  const auto now = std::chrono::steady_clock::now();
  spent[kind] += std::chrono::duration<double>(now - since).count();
  since = now;
}

Seconds Trunk::spent()
{
  Seconds total{};
  for (Workspace & work : workspaces_) {
    for (int kind = 0; kind < kKinds; ++kind) {
      total[kind] += work.spent[kind];
    }
    work.spent = {};
  }
  return total;
}

bool Trunk::run(const Call & call)
{
  call_ = &call;
  for (Workspace & work : workspaces_) {
    work.is_finite = true;
  }
  if (attention_ == nullptr) {
    attention_ = make_space();
    line_up();
  }
  attention_->resize(call.batch * call.rows);
  pool_.run([this](int member) {run_thread(member);});
  return std::all_of(
    workspaces_.begin(), workspaces_.end(),
    [](const Workspace & work) {return work.is_finite;});
}

std::unique_ptr<SpatialAttention> Trunk::make_space() const
{
  const auto [tokens, heads, scale] = std::tuple(facts_.tokens, facts_.heads, facts_.scale);
  if (layers_.front().matrices[kSpaceMade].is_int8()) {
    return std::make_unique<Int8Attention>(tokens, heads, depth(), scale);
  }
  return std::make_unique<Float32Attention>(tokens, heads, depth(), scale);
}

// In the order of a block in run_layer; after it comes the next block.
void Trunk::line_up()
{
  layers_.front().matrices[kSpaceMade].precede(layers_.front().matrices[kSpaceOut]);
  for (int index = 0; index < facts_.layers; ++index) {
    std::vector<Matrix *> order;
    for (int place = kSpaceOut; place < kMatrices; ++place) {
      if (layers_[index].matrices[place].depth() > 0) {
        order.push_back(&layers_[index].matrices[place]);
      }
    }
    if (index + 1 < facts_.layers) {
      order.push_back(&layers_[index + 1].matrices[kSpaceMade]);
    }
    for (size_t n = 0; n < order.size(); ++n) {
      order[n]->precede(*order[(n + 1) % order.size()]);
    }
  }
}

void Trunk::run_thread(int member) noexcept
{
  const NoDenormals guard;
  Workspace & work = workspaces_[member];
  work.since = std::chrono::steady_clock::now();
  const size_t tokens = static_cast<size_t>(call_->batch) * share(member).count;
  sized(work.x, tokens * call_->rows * facts_.width);
  for (int context = 0; context < call_->batch; ++context) {
    each_block(
      member, context, [&](const Block & block) {
        fetch(block, work);
        make(0, block, work);
      });
  }
  wait(work);
  for (int index = 0; index < facts_.layers; ++index) {
    for (int context = 0; context < call_->batch; ++context) {
      run_layer(index, member, context);
    }
    wait(work);
  }
  for (int context = 0; context < call_->batch; ++context) {
    each_block(member, context, [&](const Block & block) {save(block, work);});
  }
}

void Trunk::run_layer(int index, int member, int context)
{
  Workspace & work = workspaces_[member];
  const Layer & layer = layers_[index];
  mix_tokens(index, member, context);
  each_block(
    member, context, [&](const Block & block) {
      add_mixed(layer, block, work);
      inject(index, block, work);
      over_rows(index, block, work);
      over_channels(index, block, work);
      if (index + 1 < facts_.layers) {
        make(index + 1, block, work);
      }
    });
}

void Trunk::wait(Workspace & work)
{
  work.count(kRest);
  pool_.barrier().wait();
  work.count(kWaiting);
}

Trunk::Share Trunk::share(int member) const
{
  const int first = begin_of(facts_.tokens, member, pool_.size());
  return {first, begin_of(facts_.tokens, member + 1, pool_.size()) - first};
}

template<typename Work>
void Trunk::each_block(int member, int context, const Work & work) const
{
  const auto [begin, size] = share(member);
  const int most = std::max(1, kBlockRows / call_->rows);
  const int blocks = (size + most - 1) / most;
  for (int index = 0; index < blocks; ++index) {
    const int before = begin_of(size, index, blocks);
    const int count = begin_of(size, index + 1, blocks) - before;
    work(Block{context, begin + before, count, before, context * size + before});
  }
}

// Head by head, so that keys and values are read once for all blocks.
void Trunk::mix_tokens(int index, int member, int context)
{
  Workspace & work = workspaces_[member];
  const int width = facts_.width;
  sized(work.mixed, static_cast<size_t>(share(member).count) * call_->rows * width);
  work.count(kRest);
  for (int r = 0; r < call_->rows; ++r) {
    for (int head = 0; head < facts_.heads; ++head) {
      each_block(
        member, context, [&](const Block & block) {
          attention_->mix(
            {index % 2, context * call_->rows + r, block.first, block.count}, head, work.scores,
            mixed(block, work) + static_cast<size_t>(r) * block.count * width);
        });
    }
  }
  work.count(kAttention);
}

}  // namespace hma
