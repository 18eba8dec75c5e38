// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
#include "temporal_attention.h"

#include <algorithm>

#include "functions.h"
#include "micro_kernel.h"
#include "norms.h"

namespace hma
{
namespace
{

// A head of VECTORS vectors, the last of which may be partial.
template<int VECTORS, typename Kept>
inline void take(const Kept * from, Mask last, Vector (& to)[VECTORS])
{
  for (int v = 0; v < VECTORS - 1; ++v) {
    to[v] = load(from + v * kLanes);
  }
  to[VECTORS - 1] = load(from + (VECTORS - 1) * kLanes, last);
}

// Partial sums of the dot product.
template<int VECTORS, typename Kept>
inline Vector products(const Vector (& query)[VECTORS], const Kept * from, Mask last)
{
  Vector key[VECTORS];
  take(from, last, key);
  Vector products = query[0] * key[0];
  for (int v = 1; v < VECTORS; ++v) {
    products = multiply_add(query[v], key[v], products);
  }
  return products;
}

template<int VECTORS, typename Kept>
inline void add_weighted(
  Vector (& mixed)[VECTORS], float weight, const Kept * from, Mask last)
{
  Vector value[VECTORS];
  take(from, last, value);
  for (int v = 0; v < VECTORS; ++v) {
    mixed[v] = multiply_add(fill(weight), value[v], mixed[v]);
  }
}

// The KV cache is read in small pieces per head: prefetch those of the next token.
template<typename Kept>
inline void ask(const PastSteps<Kept> & kept, size_t place)
{
  for (int p = 0; p < kept.slots; ++p, place += kept.stride) {
    prefetch_near(kept.keys + place);
    prefetch_near(kept.values + place);
  }
}

template<int VECTORS, typename Kept>
void mix_head(
  const OwnRows & own, const PastSteps<Kept> & kept, int first_row, int depth, int place,
  const float * bias, float * scores, const std::vector<float *> & out)
{
  const int slots = kept.slots, rows = static_cast<int>(own.queries.size()), count = slots + rows;
  const Kept * keys = kept.keys + place, * values = kept.values + place;
  const Mask last = mask((VECTORS - 1) * kLanes, depth);
  bias += first_row * count;
  for (int r = first_row; r < rows; ++r, bias += count) {
    Vector query[VECTORS], mixed[VECTORS] = {};
    take(own.queries[r] + place, last, query);
    for (int first = 0; first < count; first += kLanes) {
      Vector lines[kLanes];
      for (int line = 0; line < kLanes; ++line) {
        const int p = first + line;
        lines[line] =
          p < slots ? products(query, keys + p * kept.stride, last) :
          p < count ? products(query, own.keys[p - slots] + place, last) : fill(0.0f);
      }
      const Vector biases = load_or(bias + first, mask(first, count), kNever);
      store(scores + first, sums(lines) + biases);
    }
    const Vector share = fill(softmax(scores, count));
    for (int p = 0; p < slots; ++p) {
      add_weighted(mixed, scores[p], values + p * kept.stride, last);
    }
    for (int p = 0; p < rows; ++p) {
      add_weighted(mixed, scores[slots + p], own.values[p] + place, last);
    }
    for (int v = 0; v < VECTORS; ++v) {
      const Mask those = v < VECTORS - 1 ? mask(0, kLanes) : last;
      store(out[r] + place + v * kLanes, mixed[v] * share, those);
    }
  }
}

template<int VECTORS, typename Kept>
void mix_heads(
  const OwnRows & own, const PastSteps<Kept> & kept, int first, int heads, int depth,
  const Biases & biases, float * scores, const std::vector<float *> & out)
{
  const int width = heads * depth;
  constexpr int line = 64 / sizeof(Kept);
  const float * bias = biases.first;
  for (int place = 0; place < width; place += depth, bias += biases.stride) {
    for (int ahead = place; ahead < place + depth; ahead += line) {
      ask(kept, width + ahead);
    }
    mix_head<VECTORS>(own, kept, first, depth, place, bias, scores, out);
  }
}

}  // namespace

template<typename Kept>
void mix_rows(
  const OwnRows & own, const PastSteps<Kept> & kept, int first, int heads, int depth,
  const Biases & biases, Numbers<float> & scores, const std::vector<float *> & out)
{
  const int count = kept.slots + static_cast<int>(own.queries.size());
  scores.resize(std::max(scores.size(), static_cast<size_t>(whole_vectors(count))));
  const auto mix = [&]<int, int VECTORS>() {
      mix_heads<VECTORS>(own, kept, first, heads, depth, biases, scores.data(), out);
    };
  fit<1, kWidestHead / kLanes>(1, whole_vectors(depth) / kLanes, mix);
}

template void mix_rows(
  const OwnRows &, const PastSteps<float> &, int, int, int, const Biases &, Numbers<float> &,
  const std::vector<float *> &);
template void mix_rows(
  const OwnRows &, const PastSteps<Half> &, int, int, int, const Biases &, Numbers<float> &,
  const std::vector<float *> &);

}  // namespace hma
