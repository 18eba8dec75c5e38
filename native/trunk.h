// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// The layers of a trunk: spatial attention, action, temporal attention, MLP.
#ifndef TRUNK_H_
#define TRUNK_H_

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

#include "gemm.h"
#include "norms.h"
#include "spatial_attention.h"
#include "temporal_attention.h"
#include "thread_pool.h"

namespace hma
{

// C layout, filled by Python.
struct Facts
{
  int layers, width, heads, hidden, tokens, threads;
  int is_half;  // whether the KV cache is float16
  float scale;  // of queries
};

// One call: B contexts, R timesteps (rows) of N tokens of C numbers, P cached slots, H heads of D.
struct Call
{
  int batch, rows, slots;
  int is_own;  // whether every layer and head has a bias of its own
  float * x;                // [B][R][N][C]; the last row of them also out
  const float * added;      // [B][R][C], added to every token; may be null
  // [B][R][layers][2][C], shift first; may be null. Layers with a conditioning matrix add
  // adaLN(matrix * x); others add adaLN(x).
  const float * modulation;
  const float * rotation;   // [R][2][D / 2], cosines first; null with learned positions
  // [R][P + R], or [layers][H][R][P + R], added to base-2 scores; far below zero where a row may
  // not attend
  const float * bias;
  const void * past;        // keys and values [B][P][layers][2][N][H][D]
  void * kept;              // keys and values of these rows, [B][R][layers][2][N][H][D]
};

enum Place { kSpaceMade, kSpaceOut, kInject, kTimeMade, kTimeOut, kChannelsIn, kChannelsOut };
constexpr int kMatrices = kChannelsOut + 1;

// Kinds of work, for profiling.
enum Kind { kProducts, kAttention, kRest, kWaiting };
constexpr int kKinds = kWaiting + 1;
using Seconds = std::array<double, kKinds>;

enum NormPlace { kBeforeSpace, kInSpace, kBeforeTime, kInTime, kBeforeChannels };
constexpr int kNorms = kBeforeChannels + 1;

struct Layer
{
  std::array<Matrix, kMatrices> matrices;
  std::array<Norm, kNorms> norms;
};

// Tokens [first, first + count) of all rows of one context: rows are count tokens each. Before it
// a thread has `before` tokens of the context, and `place` of all contexts.
struct Block
{
  int context, first, count, before, place;
};

// Grow to so many numbers; never shrinks.
inline float * sized(Numbers<float> & numbers, size_t size)
{
  numbers.resize(std::max(numbers.size(), size));
  return numbers.data();
}

// Workspace of one thread.
struct Workspace
{
  Numbers<float> x, normed, made, mixed, mixed_rows;
  ScoreBuffer scores;
  QuantizedRows quantized;
  OwnRows own;
  std::vector<float *> out;
  bool is_finite = true;  // all keys and values it computed
  Seconds spent{};
  std::chrono::steady_clock::time_point since;

  // Charge the time since the last call to a kind of work.
  void count(Kind kind);
};

class Trunk
{
public:
  explicit Trunk(const Facts & facts);

  Layer & layer(int index) {return layers_.at(index);}

  // Compute rows; returns whether their keys and values are finite. Calls do not overlap.
  bool run(const Call & call);

  // Time of all threads since the last call.
  Seconds spent();

private:
  std::unique_ptr<SpatialAttention> make_space() const;
  void line_up();

  // Tokens of every row that a thread computes.
  struct Share
  {
    int first, count;
  };
  Share share(int member) const;

  // Ends the process if a thread runs out of memory: the others would wait forever.
  void run_thread(int member) noexcept;
  void wait(Workspace & work);
  template<typename Work>
  void each_block(int member, int context, const Work & work) const;
  void run_layer(int index, int member, int context);
  void fetch(const Block & block, Workspace & work) const;
  void save(const Block & block, Workspace & work) const;
  float * x(const Block & block, Workspace & work) const;
  float * place(float * rows, const Block & block, int row) const;

  void make(int index, const Block & block, Workspace & work) const;
  void mix_tokens(int index, int member, int context);
  float * mixed(const Block & block, Workspace & work) const;
  void add_mixed(const Layer & layer, const Block & block, Workspace & work) const;
  void inject(int index, const Block & block, Workspace & work) const;
  void modulate_block(int index, const Block & block, Workspace & work) const;
  void over_rows(int index, const Block & block, Workspace & work) const;
  template<typename Kept>
  void mix_block(int index, const Block & block, Workspace & work) const;
  void over_channels(int index, const Block & block, Workspace & work) const;

  // x, normalized if there is a norm.
  const float * normed(const Norm & norm, const float * x, int rows, Workspace & work) const;
  // Queries, keys and values side by side; the norm is that of queries and keys.
  float * attention_inputs(
    const Matrix & matrix, const Norm & norm, const float * x, int rows, Workspace & work) const;
  void product(
    const Matrix & matrix, const float * rows, int count, Workspace & work,
    const Target & target) const;
  void turn(float * rows, const float * rotation) const;
  // In the last layer only the newest row is completed; earlier ones only contribute keys and
  // values.
  int first_needed(int index) const {return index + 1 < facts_.layers ? 0 : call_->rows - 1;}
  int depth() const {return facts_.width / facts_.heads;}
  int count(const Block & block) const {return call_->rows * block.count;}

  Facts facts_;
  std::vector<Layer> layers_;
  ThreadPool pool_;
  std::vector<Workspace> workspaces_;
  std::unique_ptr<SpatialAttention> attention_;
  const Call * call_ = nullptr;
};

}  // namespace hma

#endif  // TRUNK_H_
