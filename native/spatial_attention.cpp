// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
#include "spatial_attention.h"

#include <algorithm>

#include "functions.h"
#include "norms.h"

namespace hma
{

void SpatialAttention::mix(const Tokens & some, int head, ScoreBuffer & work, float * out) const
{
  float mixed[kMostQueries * kWidestHead], shares[kMostQueries];
  out += head * depth_;
  for (int done = 0; done < some.count; done += queries()) {
    const int count = std::min(queries(), some.count - done);
    mix_unscaled({some.side, some.row, some.first + done, count}, head, work, mixed, shares);
    // Scaling few outputs is cheaper than scaling many weights.
    for (int m = 0; m < count; ++m, out += width()) {
      for (int d = 0; d < depth_; d += kLanes) {
        store(out + d, load(mixed + m * wide_ + d) * fill(shares[m]), mask(d, depth_));
      }
    }
  }
}

void Float32Attention::resize(int rows)
{
  const size_t places = line(rows, 0);
  queries_.resize(std::max(queries_.size(), static_cast<size_t>(rows) * tokens_ * width()));
  for (int side = 0; side < 2; ++side) {
    // Never shrinks: growing fills with zeros, which padding behind the last token must keep.
    keys_[side].resize(std::max(keys_[side].size(), places * depth_));
    values_[side].resize(std::max(values_[side].size(), places * wide_));
  }
}

void Float32Attention::put(const Tokens & some, const float * made)
{
  const size_t stride = 3 * static_cast<size_t>(width());
  float * query =
    queries_.data() + (static_cast<size_t>(some.row) * tokens_ + some.first) * width();
  for (int t = 0; t < some.count; ++t, query += width()) {
    const float * token = made + t * stride;
    for (int k = 0; k < width(); k += kLanes) {
      store(query + k, load(token + k) * fill(scale_));
    }
    for (int head = 0; head < heads_; ++head) {
      std::copy_n(
        token + 2 * width() + head * depth_, depth_,
        values_[some.side].data() + (line(some.row, head) + some.first + t) * wide_);
    }
  }
  for (int head = 0; head < heads_; ++head) {
    float * keys = keys_[some.side].data() + line(some.row, head) * depth_;
    put_keys(keys, some.first, some.count, made + width() + head * depth_);
  }
}

// Keys of one head, a vector of tokens at a time.
void Float32Attention::put_keys(float * keys, int token, int count, const float * made) const
{
  const size_t stride = 3 * static_cast<size_t>(width());
  for (const int end = token + count; token < end; ) {
    const int lane = token % kLanes, some = std::min(kLanes - lane, end - token);
    float * column = keys + token / kPanel * kPanel * depth_ + (token - lane) % kPanel;
    for (int d = 0; d < depth_; d += kLanes) {
      Vector lines[kLanes] = {};
      for (int t = 0; t < some; ++t) {
        lines[lane + t] = load(made + t * stride + d, mask(d, depth_));
      }
      transpose(lines);
      for (int k = d; k < std::min(d + kLanes, depth_); ++k) {
        store_lanes(column + k * kPanel, lines[k - d], lane, some);
      }
    }
    token += some, made += some * stride;
  }
}

void Float32Attention::mix_unscaled(
  const Tokens & some, int head, ScoreBuffer & work, float * mixed, float * shares) const
{
  Numbers<float> & scores = work.scores;
  scores.resize(std::max(scores.size(), static_cast<size_t>(kMostQueries) * padded_));
  const size_t start = line(some.row, head);
  const Panels keys{keys_[some.side].data() + start * depth_, depth_, kPanel};
  const Panels values{values_[some.side].data() + start * wide_, tokens_, wide_};
  const size_t token = static_cast<size_t>(some.row) * tokens_ + some.first;
  multiply(
    queries_.data() + token * width() + head * depth_, some.count, width(), keys,
    whole_vectors(tokens_), {scores.data(), padded_, false});
  for (int m = 0; m < some.count; ++m) {
    float * row = scores.data() + static_cast<size_t>(m) * padded_;
    std::fill(row + tokens_, row + whole_vectors(tokens_), kNever);
    shares[m] = softmax(row, tokens_);
  }
  multiply(scores.data(), some.count, padded_, values, wide_, {mixed, wide_, false});
}

}  // namespace hma
