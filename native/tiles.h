// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// Sums of products of a few rows with a few columns, kept in registers.
#ifndef TILES_H_
#define TILES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "products.h"
#include "vectors.h"

namespace hma
{

// Rows that are computed together: as many as registers hold sums of.
constexpr int kTileRows = 6, kNarrowTileRows = 12;
// Bytes ahead of which a matrix is asked for, as it is read: about as long as it takes to come.
constexpr int kAhead = 1024;

// Call `tile` with rows and vectors known to the compiler: sums stay in registers.
template<int ROWS, int VECTORS, typename Tile>
void fit(int rows, int vectors, const Tile & tile)
{
  if constexpr (ROWS > 1) {
    if (rows < ROWS) {
      return fit<ROWS - 1, VECTORS>(rows, vectors, tile);
    }
  }
  if constexpr (VECTORS > 1) {
    if (vectors < VECTORS) {
      return fit<ROWS, VECTORS - 1>(rows, vectors, tile);
    }
  }
  tile.template operator()<ROWS, VECTORS>();
}

// Call `tile` with first row, rows, first column, columns of each, panel by panel.
template<typename Tile>
void each_tile(int count, int columns, int width, const Tile & tile)
{
  constexpr int kVectors = kPanel / kLanes;
  const bool is_narrow = width <= kPanel / 2;
  const int rows = is_narrow ? kNarrowTileRows : kTileRows;
  for (int column = 0; column < columns; column += width) {
    const int vectors = std::min(width, columns - column) / kLanes;
    for (int row = 0; row < count; row += rows) {
      const auto fitted = [&]<int ROWS, int VECTORS>() {
          tile.template operator()<ROWS, VECTORS>(row, column);
        };
      if (is_narrow) {
        fit<kNarrowTileRows, kVectors / 2>(std::min(rows, count - row), vectors, fitted);
      } else {
        fit<kTileRows, kVectors>(std::min(rows, count - row), vectors, fitted);
      }
    }
  }
}

// Asks for a line of 64 bytes, for the second cache.
inline void ask(const void * ahead, int line)
{
  _mm_prefetch(static_cast<const char *>(ahead) + line * 64, _MM_HINT_T1);
}

// ahead: a line of it is asked for at every step.
template<int ROWS, int VECTORS>
inline void real_sums(
  const float * rows, int row_stride, const float * panel, int depth, int width,
  const void * ahead, Vector (& sums)[ROWS][VECTORS])
{
  for (int k = 0; k < depth; ++k, panel += width) {
    ask(ahead, k);
    Vector column[VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; ++v) {
      column[v] = load(panel + v * kLanes);
      _mm_prefetch(reinterpret_cast<const char *>(panel + v * kLanes) + kAhead, _MM_HINT_T0);
    }
#pragma GCC unroll 12
    for (int r = 0; r < ROWS; ++r) {
      const Vector row = fill(rows[r * row_stride + k]);
#pragma GCC unroll 4
      for (int v = 0; v < VECTORS; ++v) {
        sums[r][v] = multiply_add(row, column[v], sums[r][v]);
      }
    }
  }
}

// Numbers that one instruction multiplies and adds, as many as have the size of a sum.
template<typename Number>
constexpr int kGroup = sizeof(int32_t) / sizeof(Number);

template<typename Number>
inline __m512i spread(const Number * group)
{
  int32_t all;
  __builtin_memcpy(&all, group, sizeof(all));
  return _mm512_set1_epi32(all);
}

// sum += the products of each group; written out, as GCC 12 keeps copies of every sum.
inline void add_products(__m512i & sum, __m512i row, __m512i column, uint8_t)
{
  asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(row), "v"(column));
}
inline void add_products(__m512i & sum, __m512i row, __m512i column, int16_t)
{
  asm("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(row), "v"(column));
}

// rows: of uint8_t where columns are of int8_t, or both of int16_t; panel: [depth / group][width]
// [group]. ahead: as of real_sums; null where all is in the nearest cache already.
template<int ROWS, int VECTORS, typename Row, typename Column>
inline void whole_sums(
  const Row * rows, int row_stride, const Column * panel, int depth, int width,
  const void * ahead, __m512i (& sums)[ROWS][VECTORS])
{
  constexpr int group = kGroup<Row>;
  for (int k = 0; k < depth; k += group, panel += group * width) {
    if (ahead != nullptr) {
      ask(ahead, k / group);
    }
    __m512i column[VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; ++v) {
      column[v] = _mm512_loadu_si512(panel + v * group * kLanes);
      if (ahead != nullptr) {
        const char * here = reinterpret_cast<const char *>(panel + v * group * kLanes);
        _mm_prefetch(here + kAhead, _MM_HINT_T0);
      }
    }
#pragma GCC unroll 12
    for (int r = 0; r < ROWS; ++r) {
      const __m512i row = spread(rows + r * row_stride + k);
#pragma GCC unroll 4
      for (int v = 0; v < VECTORS; ++v) {
        add_products(sums[r][v], row, column[v], Row{});
      }
    }
  }
}

}  // namespace hma

#endif  // TILES_H_
