// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// GEMM of few rows with packed matrices, in float32 or int8.
#ifndef GEMM_H_
#define GEMM_H_

#include <cstdint>
#include <vector>

#include "memory.h"
#include "simd.h"

namespace hma
{

// NR, the columns of a panel and of a register tile.
constexpr int kPanel = kTileVectors * kLanes;
// MC, the rows that a thread takes through several products at a time: weights are read once for
// all of them, and the results stay in its cache.
constexpr int kBlockRows = 66;

inline int panels(int columns) {return (columns + kPanel - 1) / kPanel;}

// Rows quantized to uint8: value = scale * (number - zero), both per row. Stored minus kByteOffset.
struct QuantizedRows
{
  Numbers<uint8_t> numbers;  // [count][depth]
  Numbers<float> scale, zero;

  // Memory for so many rows; it never shrinks.
  void reserve(int count, int depth);
  // rows: [count][depth], depth a multiple of 16
  void take(const float * rows, int count, int depth);
};

// Where the rows of a product go.
struct Target
{
  float * rows;    // [count][stride]
  int stride;
  bool is_added;   // accumulate instead of overwriting
};

// A packed matrix.
struct Panels
{
  const float * values;  // [panels][depth][width]
  int depth;
  int width;             // of a panel, a multiple of kLanes
  const void * then = nullptr;  // read next, if known: prefetched
};

// target[m][n] = rows[m] . column n, and bias where there is one, for `columns` of them, a multiple
// of kLanes.
void multiply(
  const float * rows, int count, int row_stride, const Panels & panels, int columns,
  const Target & target, const float * bias = nullptr);

// A constant matrix [depth][columns] with a bias; depth and columns are multiples of 16.
class Matrix
{
public:
  Matrix() = default;
  // values: [depth][columns]; bias: [columns], may be null
  Matrix(int depth, int columns, const float * values, const float * bias);
  // value = number * scale of its column
  Matrix(
    int depth, int columns, const int8_t * numbers, const float * scale, const float * bias);

  int depth() const {return depth_;}
  bool is_int8() const {return is_int8_;}

  // Name the matrix that is multiplied next: it is prefetched.
  void precede(const Matrix & next);

  // target = rows times matrix, and bias. rows: [count][depth].
  // quantized: the same rows; an int8 matrix reads these.
  void multiply(
    const float * rows, const QuantizedRows & quantized, int count, const Target & target) const;

private:
  Matrix(int depth, int columns, const float * bias, bool is_int8);
  template<int ROWS, int VECTORS>
  void int8_tile(const QuantizedRows & rows, int row, int column, const Target & target) const;

  int depth_ = 0, columns_ = 0;
  bool is_int8_ = false;
  const void * then_ = nullptr;
  Numbers<float> float32_;      // [panel][depth][kPanel]
  Numbers<int8_t> numbers_;  // [panel][depth / 4][kPanel][4]
  Numbers<float> scale_, bias_;
  Numbers<float> sums_;      // of each column
  Numbers<int32_t> first_;   // initial sums, see int_kernel
};

}  // namespace hma

#endif  // GEMM_H_
