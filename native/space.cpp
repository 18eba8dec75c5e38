// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
#include "space.h"

#include <algorithm>

#include "norms.h"

namespace hma
{
namespace
{
// Tokens that attend at a time: their scores stay in the nearest cache.
constexpr int kQueries = 24;
}  // namespace

void RealSpace::resize(int rows)
{
  const size_t places = line(rows, 0);
  queries_.resize(std::max(queries_.size(), static_cast<size_t>(rows) * tokens_ * width()));
  for (int side = 0; side < 2; ++side) {
    // Never less: growing fills with zeros, and behind the last token they have to stay.
    keys_[side].resize(std::max(keys_[side].size(), places * depth_));
    values_[side].resize(std::max(values_[side].size(), places * wide_));
  }
}

void RealSpace::put(int side, int row, int first, int count, const float * made)
{
  const size_t stride = 3 * static_cast<size_t>(width());
  float * query = queries_.data() + (static_cast<size_t>(row) * tokens_ + first) * width();
  for (int t = 0; t < count; ++t, query += width()) {
    const float * token = made + t * stride;
    for (int k = 0; k < width(); k += kLanes) {
      store(query + k, load(token + k) * fill(scale_));
    }
    for (int head = 0; head < heads_; ++head) {
      std::copy_n(
        token + 2 * width() + head * depth_, depth_,
        values_[side].data() + (line(row, head) + first + t) * wide_);
    }
  }
  for (int head = 0; head < heads_; ++head) {
    float * keys = keys_[side].data() + line(row, head) * depth_;
    put_keys(keys, first, count, made + width() + head * depth_);
  }
}

// Keys of one head, as many as lie side by side in a vector at a time.
void RealSpace::put_keys(float * keys, int token, int count, const float * made) const
{
  const size_t stride = 3 * static_cast<size_t>(width());
  for (const int end = token + count; token < end; ) {
    const int lane = token % kLanes, some = std::min(kLanes - lane, end - token);
    const Mask those = mask(0, some) << lane;
    float * column = keys + token / kPanel * kPanel * depth_ + (token - lane) % kPanel;
    for (int d = 0; d < depth_; d += kLanes) {
      Vector lines[kLanes] = {};
      for (int t = 0; t < some; ++t) {
        lines[lane + t] = load(made + t * stride + d, mask(d, depth_));
      }
      transpose(lines);
      for (int k = d; k < std::min(d + kLanes, depth_); ++k) {
        store(column + k * kPanel, lines[k - d], those);
      }
    }
    token += some, made += some * stride;
  }
}

void RealSpace::mix(
  int side, int row, int head, int first, int count, ScoreRoom & room, float * out) const
{
  Numbers<float> & scores = room.scores;
  scores.resize(std::max(scores.size(), static_cast<size_t>(kQueries) * padded_));
  const Panels keys{keys_[side].data() + line(row, head) * depth_, depth_, kPanel};
  const Panels values{values_[side].data() + line(row, head) * wide_, tokens_, wide_};
  const float * queries =
    queries_.data() + (static_cast<size_t>(row) * tokens_ + first) * width() + head * depth_;
  float mixed[kQueries * kPanel];
  out += head * depth_;
  for (int done = 0; done < count; done += kQueries) {
    const int some = std::min(kQueries, count - done);
    float shares[kQueries];
    multiply(
      queries, some, width(), keys, whole_vectors(tokens_), {scores.data(), padded_, false});
    for (int m = 0; m < some; ++m) {
      float * row = scores.data() + static_cast<size_t>(m) * padded_;
      std::fill(row + tokens_, row + whole_vectors(tokens_), kNever);
      shares[m] = soften(row, tokens_);
    }
    multiply(scores.data(), some, padded_, values, wide_, {mixed, wide_, false});
    // Of few outcomes, not of many weights.
    for (int m = 0; m < some; ++m, out += width()) {
      for (int d = 0; d < depth_; d += kLanes) {
        store(out + d, load(mixed + m * wide_ + d) * fill(shares[m]), mask(d, depth_));
      }
    }
    queries += static_cast<size_t>(some) * width();
  }
}

}  // namespace hma
