// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// Attention between the tokens of a timestep.
#ifndef SPATIAL_ATTENTION_H_
#define SPATIAL_ATTENTION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "gemm.h"
#include "memory.h"

namespace hma
{

// Queries per call.
constexpr int kTokens = 64;

// Scores of one thread, grown as needed.
struct ScoreBuffer
{
  Numbers<float> scores;
  Numbers<int16_t> weights;
};

// Some tokens of a row. Keys and values are double-buffered: one side (0 or 1) is read while the
// other is written; queries are not.
struct Tokens
{
  int side, row, first, count;
};

// Rows of N tokens, each with queries, keys and values of H heads of D numbers.
class SpatialAttention
{
public:
  // scale: of queries, for a base-2 softmax
  SpatialAttention(int tokens, int heads, int depth, float scale)
  : tokens_(tokens), padded_((tokens + kTokens - 1) / kTokens * kTokens), heads_(heads),
    depth_(depth), wide_(whole_vectors(depth)), scale_(scale) {}
  virtual ~SpatialAttention() = default;

  // Allocate for some rows; contents are lost.
  virtual void resize(int rows) = 0;

  // made: float[count][3][H][D]
  virtual void put(const Tokens & some, const float * made) = 0;

  // Attention output of some tokens over all tokens of their row, one head. out: float[count][H][D]
  void mix(const Tokens & some, int head, ScoreBuffer & work, float * out) const;

protected:
  // Queries per block.
  static constexpr int kMostQueries = 24;

  // Chosen so that scores stay in L1.
  virtual int queries() const = 0;

  // As `mix`, but unnormalized: mixed[count][wide] times shares[count] is the output.
  virtual void mix_unscaled(
    const Tokens & some, int head, ScoreBuffer & work, float * mixed, float * shares) const = 0;

  // The first place of a head of a row; each has `padded` of them.
  size_t line(int row, int head) const
  {
    return (static_cast<size_t>(row) * heads_ + head) * padded_;
  }
  int width() const {return heads_ * depth_;}

  const int tokens_, padded_, heads_, depth_, wide_;
  const float scale_;
};

class Float32Attention : public SpatialAttention
{
public:
  using SpatialAttention::SpatialAttention;
  void resize(int rows) override;
  void put(const Tokens & some, const float * made) override;

private:
  int queries() const override {return kMostQueries;}
  void mix_unscaled(
    const Tokens & some, int head, ScoreBuffer & work, float * mixed,
    float * shares) const override;
  void put_keys(float * keys, int token, int count, const float * made) const;

  Numbers<float> queries_;                // [row][token][head][depth]
  std::array<Numbers<float>, 2> keys_;    // of a side, [row][head][panel][depth][kPanel]
  std::array<Numbers<float>, 2> values_;  // of a side, [row][head][padded][wide]
};

}  // namespace hma

#endif  // SPATIAL_ATTENTION_H_
