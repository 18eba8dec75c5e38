// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// The layers of a trunk: space, action, time, channels.
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

// C layout: Python hands these over.
struct Facts
{
  int layers, width, heads, hidden, tokens, threads;
  int is_half;  // whether kept rows are in half precision
  float scale;  // of queries
};

// Rows of one call: B contexts, R rows of N tokens and C numbers, P kept slots, H heads of D.
struct Call
{
  int batch, rows, slots;
  int is_own;  // whether every layer and head has a bias of its own
  float * x;                // [B][R][N][C]; the last row of them also out
  const float * added;      // [B][R][C], what actions add to every token; may be null
  // [B][R][layers][2][C], shift first; may be null. Where layers have a matrix to inject by, what
  // is added to tokens is its product with them, normalised, shifted and scaled by 1 more than it
  // says; where not, they are shifted and scaled, and added.
  const float * modulation;
  const float * rotation;   // [R][2][D / 2], cosines first; null with learned positions
  // [R][P + R], or [layers][H][R][P + R], added to scores for powers of two; far below zero where a
  // row may not attend
  const float * bias;
  const void * past;        // keys and values [B][P][layers][2][N][H][D]
  void * kept;              // those of these rows, [B][R][layers][2][N][H][D]
};

enum Place { kSpaceMade, kSpaceOut, kInject, kTimeMade, kTimeOut, kChannelsIn, kChannelsOut };
constexpr int kMatrices = kChannelsOut + 1;

// What time is spent on.
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

// Room for as many numbers; it never shrinks.
inline float * sized(Numbers<float> & room, size_t size)
{
  room.resize(std::max(room.size(), size));
  return room.data();
}

// What one thread works in.
struct Room
{
  Numbers<float> x, normed, made, mixed, mixed_rows;
  ScoreRoom scores;
  WholeRows whole;
  OwnRows own;
  std::vector<float *> out;
  bool is_finite = true;  // all that it keeps
  Seconds spent{};
  std::chrono::steady_clock::time_point since;

  // Count the time since the last call as spent on something.
  void count(Kind kind);
};

class Trunk
{
public:
  explicit Trunk(const Facts & facts);

  Layer & layer(int index) {return layers_.at(index);}

  // Compute rows; returns whether all that is kept of them is finite. Calls do not overlap.
  bool run(const Call & call);

  // What threads have spent since this was last asked.
  Seconds spent();

private:
  std::unique_ptr<Space> make_space() const;
  void line_up();

  // Tokens of every row that a thread computes.
  struct Share
  {
    int first, count;
  };
  Share share(int member) const;

  // Ends the process where a thread runs out of memory: the others would wait for ever.
  void run_member(int member) noexcept;
  void wait(Room & room);
  template<typename Work>
  void each_block(int member, int context, const Work & work) const;
  void run_layer(int index, int member, int context);
  void fetch(const Block & block, Room & room) const;
  void save(const Block & block, Room & room) const;
  float * x(const Block & block, Room & room) const;
  float * place(float * rows, const Block & block, int row) const;

  void make(int index, const Block & block, Room & room) const;
  void mix_tokens(int index, int member, int context);
  float * mixed(const Block & block, Room & room) const;
  void add_mixed(const Layer & layer, const Block & block, Room & room) const;
  void inject(int index, const Block & block, Room & room) const;
  void modulate_block(int index, const Block & block, Room & room) const;
  void over_rows(int index, const Block & block, Room & room) const;
  template<typename Kept>
  void mix_block(int index, const Block & block, Room & room) const;
  void over_channels(int index, const Block & block, Room & room) const;

  // x, normalised where there is a norm.
  const float * normed(const Norm & norm, const float * x, int rows, Room & room) const;
  // Queries, keys and values side by side; the norm is that of queries and keys.
  float * attention_inputs(
    const Matrix & matrix, const Norm & norm, const float * x, int rows, Room & room) const;
  void product(
    const Matrix & matrix, const float * rows, int count, Room & room, const Target & target) const;
  void turn(float * rows, const float * rotation) const;
  // Behind the last layer nobody asks for rows before the last one: they are only kept.
  int first_needed(int index) const {return index + 1 < facts_.layers ? 0 : call_->rows - 1;}
  int depth() const {return facts_.width / facts_.heads;}
  int count(const Block & block) const {return call_->rows * block.count;}

  Facts facts_;
  std::vector<Layer> layers_;
  Team team_;
  std::vector<Room> rooms_;
  std::unique_ptr<Space> space_;
  const Call * call_ = nullptr;
};

}  // namespace hma

#endif  // TRUNK_H_
