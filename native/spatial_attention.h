// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// Attention of tokens within their row.
#ifndef SPACE_H_
#define SPACE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "gemm.h"
#include "memory.h"

namespace hma
{

// Tokens that are mixed at a time.
constexpr int kTokens = 64;

// What a thread keeps scores in, grown as needed.
struct ScoreRoom
{
  Numbers<float> scores;
  Numbers<int16_t> weights;
};

// Some tokens of a row. Of the two sides, 0 and 1, keys and values of one are read while those of
// the other are put; queries have none.
struct Tokens
{
  int side, row, first, count;
};

// Rows of N tokens, each with queries, keys and values of H heads of D numbers.
class Space
{
public:
  // scale: of queries, for powers of two
  Space(int tokens, int heads, int depth, float scale)
  : tokens_(tokens), padded_((tokens + kTokens - 1) / kTokens * kTokens), heads_(heads), depth_(depth),
    wide_(whole_vectors(depth)), scale_(scale) {}
  virtual ~Space() = default;

  // Make room for some rows; what was put is lost.
  virtual void resize(int rows) = 0;

  // made: float[count][3][H][D]
  virtual void put(const Tokens & some, const float * made) = 0;

  // Mix all tokens of a row into some of them, in one head. out: float[count][H][D]
  void mix(const Tokens & some, int head, ScoreRoom & room, float * out) const;

protected:
  // Tokens that may attend at a time.
  static constexpr int kMostQueries = 24;

  // How many do: their scores are to stay in the nearest cache.
  virtual int queries() const = 0;

  // As `mix`, but to be multiplied with a share: [count][wide], and of each token.
  virtual void mix_unscaled(
    const Tokens & some, int head, ScoreRoom & room, float * mixed, float * shares) const = 0;

  // The first place of a head of a row; each has `padded` of them.
  size_t line(int row, int head) const
  {
    return (static_cast<size_t>(row) * heads_ + head) * padded_;
  }
  int width() const {return heads_ * depth_;}

  const int tokens_, padded_, heads_, depth_, wide_;
  const float scale_;
};

class RealSpace : public Space
{
public:
  using Space::Space;
  void resize(int rows) override;
  void put(const Tokens & some, const float * made) override;

private:
  int queries() const override {return kMostQueries;}
  void mix_unscaled(
    const Tokens & some, int head, ScoreRoom & room, float * mixed, float * shares) const override;
  void put_keys(float * keys, int token, int count, const float * made) const;

  Numbers<float> queries_;                // [row][token][head][depth]
  std::array<Numbers<float>, 2> keys_;    // of a side, [row][head][panel][depth][kPanel]
  std::array<Numbers<float>, 2> values_;  // of a side, [row][head][padded][wide]
};

}  // namespace hma

#endif  // SPACE_H_
