// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// Micro-kernels in the sense of BLIS: MR x NR sums of products in registers.
//
// The matrix on the right is packed in panels of NR columns, [panel][depth][NR], so that a
// micro-kernel reads it in order. Rows on the left are few and not packed: packing would cost more
// than it gains.
#ifndef MICRO_KERNEL_H_
#define MICRO_KERNEL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "gemm.h"
#include "simd.h"

namespace hma
{

// Prefetch distance in bytes: about the latency of memory.
constexpr int kPrefetchAhead = 1024;

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

// Call `tile` with MR and vectors of NR, its first row and its first column, panel by panel.
// width: of a panel; of one that is wider than a tile, parts are computed in turn.
template<int ROWS, typename Tile>
void each_tile(int count, int columns, int width, const Tile & tile)
{
  // Where half of the columns are there, registers hold sums of twice the rows.
  const bool is_narrow = width <= kPanel / 2;
  const int rows = is_narrow ? kNarrowTileRows : ROWS, step = std::min(width, kPanel);
  for (int column = 0; column < columns; column += step) {
    const int vectors = std::min(step, columns - column) / kLanes;
    for (int row = 0; row < count; row += rows) {
      const auto fitted = [&]<int FITTED, int VECTORS>() {
          tile.template operator()<FITTED, VECTORS>(row, column);
        };
      if (is_narrow) {
        fit<kNarrowTileRows, kTileVectors / 2>(std::min(rows, count - row), vectors, fitted);
      } else {
        fit<ROWS, kTileVectors>(std::min(rows, count - row), vectors, fitted);
      }
    }
  }
}

// Where a column begins in panels [panel][depth / group][width][group].
inline size_t panel_place(int column, int depth, int width, int group)
{
  const int beside = column % width;
  return static_cast<size_t>(column - beside) * depth + static_cast<size_t>(beside) * group;
}

// next: a line of it is prefetched at every step.
template<int ROWS, int VECTORS>
inline void float_kernel(
  const float * rows, int row_stride, const float * panel, int depth, int width,
  const void * next, Vector (& sums)[ROWS][VECTORS])
{
  const char * line = static_cast<const char *>(next);
  for (int k = 0; k < depth; ++k, panel += width, line += 64) {
    prefetch_far(line);
    Vector column[VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; ++v) {
      column[v] = load(panel + v * kLanes);
      if (v * kLanes % 16 == 0) {
        prefetch_near(reinterpret_cast<const char *>(panel + v * kLanes) + kPrefetchAhead);
      }
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

// rows: of bytes where columns are of int8_t, or both of int16_t; panel: [depth / group][width]
// [group]. Exact on every processor. Bytes of rows are read as they are stored, less kByteOffset:
// sums begin with as much times the sum of a column. next: as of float_kernel; null where all is in
// the first cache already.
template<int ROWS, int VECTORS, typename Row, typename Column>
inline void int_kernel(
  const Row * rows, int row_stride, const Column * panel, int depth, int width,
  const void * next, Ints (& sums)[ROWS][VECTORS])
{
  constexpr int group = kGroup<Row>;
  const char * line = static_cast<const char *>(next);
  for (int k = 0; k < depth; k += group, panel += group * width) {
    if (next != nullptr) {
      prefetch_far(line + k / group * 64);
    }
    decltype(columns_of<Row>(panel)) column[VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; ++v) {
      column[v] = columns_of<Row>(panel + v * group * kLanes);
      if (next != nullptr && v * kLanes % 16 == 0) {
        const char * here = reinterpret_cast<const char *>(panel + v * group * kLanes);
        prefetch_near(here + kPrefetchAhead);
      }
    }
#pragma GCC unroll 12
    for (int r = 0; r < ROWS; ++r) {
      const auto row = spread(rows + r * row_stride + k);
#pragma GCC unroll 4
      for (int v = 0; v < VECTORS; ++v) {
        add_products(sums[r][v], row, column[v]);
      }
    }
  }
}

}  // namespace hma

#endif  // MICRO_KERNEL_H_
